"""What a front asks of rank 0 between statements: names that complete a text, help on an expression.

Nothing here runs more of the user's code than attributes and signatures need. SPDX-License-Identifier: MIT
"""
import functools
import glob
import inspect as inspection
import keyword
import os
import pkgutil
import re
import rlcompleter
import sys
import time

from pympi import statements

_IMPORT = re.compile(r"\s*(?:import\s+(?:.*,\s*)?|from\s+)(?P<name>[\w.]*)$")
_FROM = re.compile(r"\s*from\s+(?P<module>[\w.]+)\s+import\s+(?:\(?\s*)(?:.*,\s*)?(?P<name>\w*)$")
_COMMAND = re.compile(r"\s*(?:@\S+\s+)?(?P<name>%\w*)$")
_WORD = re.compile(r"[\w.]*$")
_QUOTED = re.compile(r"""(?:^|[\s(\[{,=+])[rbfu]?(['"])(?P<path>(?:(?!\1).)*)$""")
_FILE = re.compile(r"\s*(?:@\S+\s+)?(?:%run\s+|!)(?:.*\s)?(?P<path>[^\s]*)$")
FRESH = 10          # seconds for which the names of modules are remembered
MOST = 500          # names given at a time


def complete(names, text):
    """complete(names, text) -> (start, list of str)

    Names that the end of the text may become, and where in the text they go. Local.
    """
    line = text.rpartition("\n")[2]
    before = len(text) - len(line)
    for pattern, find in ((_FROM, _members), (_IMPORT, _modules), (_COMMAND, _commands)):
        m = pattern.match(line)
        if m:
            return before + m.start("name"), find(m)[:MOST]
    m = _FILE.match(line) or _QUOTED.search(line)
    if m:
        return before + m.start("path"), _files(m["path"])[:MOST]
    m = _WORD.search(line)
    return before + m.start(), _names(names, m[0])[:MOST]


def inspect(names, expression):
    """inspect(names, expression) -> str

    Signature and documentation of what the expression names. Local.
    """
    import pydoc
    expression = expression.strip()
    try:
        thing = eval(expression, names)
    except NameError:
        thing = expression      # a module or a keyword that is documented
    except Exception as e:
        return f"{expression}: {type(e).__name__}: {e}\n"
    try:
        return pydoc.render_doc(thing, "%s", renderer=pydoc.plaintext).rstrip() + "\n"
    except ImportError as e:
        return f"{e}\n"
    except Exception:
        return f"{inspection.getdoc(thing) or type(thing)}\n"


def _names(names, word):
    """Names and attributes, keywords, built-ins."""
    completer = rlcompleter.Completer(names)
    try:
        found = completer.attr_matches(word) if "." in word else completer.global_matches(word)
    except Exception:
        return []       # an attribute that raises
    found = {name.rstrip() if keyword.iskeyword(name.rstrip()) else name for name in found}
    return sorted(found, key=lambda name: (name.rpartition(".")[2].startswith("_"), name))


def _commands(match):
    """%time and its like, ready for what they run."""
    return [f"%{word} " for word in sorted(statements.WORDS) if f"%{word}".startswith(match["name"])]


def _modules(match):
    """Modules and packages that can be imported."""
    parent, dot, last = match["name"].rpartition(".")
    if parent:
        package = sys.modules.get(parent)
        found = [parent + dot + info.name
                 for info in pkgutil.iter_modules(getattr(package, "__path__", []))]
    else:
        found = _tops(tuple(sys.path), time.monotonic() // FRESH)
    return sorted({name for name in found if name.startswith(match["name"])
                   and not name.rpartition(".")[2].startswith("__")})


@functools.lru_cache(maxsize=1)
def _tops(path, when):
    """What can be imported from the path and without it; looked up once in a while."""
    return {*sys.builtin_module_names, *(info.name for info in pkgutil.iter_modules()), "mpi", "pympi",
            *sys.stdlib_module_names}


def _members(match):
    """Names of a module; of one that was not imported its submodules only."""
    module = sys.modules.get(match["module"])
    found = set(dir(module)) if module else set()
    found.update(info.name for info in pkgutil.iter_modules(getattr(module, "__path__", [])))
    return sorted(name for name in found if name.startswith(match["name"]))


def _files(path):
    """Files and folders, these with a slash."""
    home = os.path.expanduser(path)
    found = glob.glob(glob.escape(home) + "*")
    names = [path + name[len(home):] + ("/" if os.path.isdir(name) else "") for name in found]
    return sorted(names)
