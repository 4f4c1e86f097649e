"""What may be typed at the prompt beside Python: ``@1-3 stmt``, ``%time stmt``, ``!command``, ``x?``.

The front asks here whether a statement is complete, the ranks what it is. Only the beginning of a
statement is looked at; the rest is Python's. Importing this starts no MPI.
SPDX-License-Identifier: MIT
"""
import ast
import codeop
import io
import re
import tokenize
import warnings
from typing import NamedTuple

# A rank's number behind @: Python's decorators begin with a name or a bracket.
_RANKS = re.compile(r"@(?P<ranks>[-,0-9][^\s:]*)(?P<colon>:?)[ \t]*")
_CELL = re.compile(r"%%ranks\b[ \t]*(?P<ranks>\S*)[ \t]*(?:\n(?P<behind>.*)|$)", re.S)
_WORD = re.compile(r"%(?P<word>[^\s]*)[ \t]*")
_SPAN = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_BEFORE = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*")    # empty lines and comments
WORDS = ("time", "timeit", "run")
_OPEN = re.compile(r"never closed|unterminated triple-quoted")  # SyntaxErrors that go on
_GOES_ON = re.compile(r"(else|elif|except|finally)\b")


class Statement(NamedTuple):
    """What is to be done, and where."""
    ranks: str | None   # those of `@ranks`, as they were written; None: all ranks
    kind: str           # "python", "time", "timeit", "run", "shell" or "help"
    code: str           # Python's source; run: file and arguments; shell: command; help: expression


def parse(source):
    """parse(source) -> Statement

    What a complete statement means. Local.

    In Python's source the lines keep their numbers. Raises ValueError, whose text is a sentence that
    names the value, for ranks that are none, a % word that is unknown, and a form with nothing
    behind it.
    """
    lines, rest = _beginning(source)
    m = _RANKS.match(rest)
    if not m:
        return Statement(None, *_parse_form(lines, rest, source))
    spans(m["ranks"])
    behind = rest[m.end():]
    if not behind.strip():
        raise ValueError(f"{m[0].strip()} has no statement behind it")
    if m["colon"] and _is_block(behind):
        return Statement(m["ranks"], "python", "\n" * lines + _unindented(behind, m[0].strip()))
    return Statement(m["ranks"], *_parse_form(lines, behind, "\n" * lines + behind))


def is_complete(source):
    """is_complete(source) -> bool

    Whether the statement can be run as it stands. Local.

    A wrong one is complete: the ranks say what is wrong. A block that is the only statement ends with
    an empty line, as at python3's prompt; several statements are complete when they compile.
    """
    _, rest = _beginning(source)
    m = _RANKS.match(rest)
    if m:
        rest = rest[m.end():]
        if m["colon"] and _is_block(rest):
            return _python_ends("if True:" + rest)
    if rest[:1] in ("!", "?"):
        return True
    m = _WORD.match(rest)
    if m:
        return m["word"] not in ("time", "timeit") or _python_ends(rest[m.end():])
    return _help_of(rest) is not None or _python_ends(rest)


def split(source):
    """split(source) -> list of str

    The statements of a pasted text, of which each can be parsed. Local.

    Python's statements stay together; one that begins with `@ranks`, `%`, `!` or `?` stands alone.
    """
    pieces, piece = [], []
    for line in source.split("\n"):
        if piece and _is_boundary(line, piece):
            pieces.append("\n".join(piece))
            piece = []
        piece.append(line)
    return [*pieces, "\n".join(piece)]


def cell(source):
    """cell(source) -> (ranks or None, source)

    The ranks that a notebook's cell is for, `%%ranks 0,2` or `@0,2` at its beginning, and the rest of
    it, which is IPython's. Local.

    Raises ValueError, whose text is a sentence that names the value.
    """
    _, rest = _beginning(source)
    m = _CELL.match(rest)
    if m:
        ranks, behind = m["ranks"], m["behind"]
        if not ranks:
            raise ValueError("%%ranks names no ranks; write %%ranks 0, %%ranks 1-3 or %%ranks 0,2-3")
        spans(ranks)
        return ranks, behind or ""
    m = _RANKS.match(rest)
    if not m:
        return None, source
    spans(m["ranks"])
    behind = rest[m.end():]
    if m["colon"] and _is_block(behind) and behind.strip():
        behind = _unindented(behind, m[0].strip())
    return m["ranks"], behind


def spans(ranks):
    """spans(ranks) -> list of (first, last)

    The ranks that a text like "0,2-3" names, the last ones included. Local.

    Raises ValueError, whose text is a sentence that names the value.
    """
    found = []
    for part in ranks.split(","):
        m = _SPAN.fullmatch(part)
        if not m:
            raise ValueError(f"@{ranks}: {part!r} is no rank; write @0, @1-3 or @0,2-3")
        first, last = int(m[1]), int(m[2] or m[1])
        if first > last:
            raise ValueError(f"@{ranks}: {part} runs backwards")
        found.append((first, last))
    return found


def _beginning(source):
    """(how many lines come before the statement, the text from its first line on)."""
    before = _BEFORE.match(source)[0]
    return before.count("\n"), source[len(before):]


def _parse_form(lines, text, python):
    """(kind, code) of a statement without its ranks; python: the same with its lines' numbers."""
    if text[0:1] == "!":
        return "shell", _needed(text[1:].strip(), "!", "command")
    if text[0:1] == "?":
        return "help", _needed(text.strip("? \t\n"), "?", "name")
    m = _WORD.match(text)
    if m:
        if m["word"] not in WORDS:
            raise ValueError(f"%{m['word']} is unknown; there are %time, %timeit, %run")
        behind = _needed(text[m.end():], m[0].strip(), "file" if m["word"] == "run" else "statement")
        return m["word"], behind.strip() if m["word"] == "run" else "\n" * lines + behind
    name = _help_of(text)
    return ("help", name) if name is not None else ("python", python)


def _needed(text, form, what):
    """The text; ValueError when it is empty."""
    if not text.strip():
        raise ValueError(f"{form} has no {what} behind it")
    return text


def _help_of(text):
    """The expression of `x?` or `x??`, or None: a question mark may also end a comment."""
    text = text.strip()
    name = text.rstrip("?").rstrip()
    if name == text or len(text) - len(text.rstrip("?")) > 2 or "\n" in text:
        return None
    return name if _tried(ast.parse, f"({name})")[0] else None


def _tried(function, *args):
    """(what function gives for the source, None), or (None, why it is no Python); no warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args), None
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as e:
        return None, e


def _python_ends(code):
    """Whether python3's prompt would not wait for more, or these are several statements."""
    tree, wrong = _tried(ast.parse, code)
    if tree and len(tree.body) > 1:
        return True
    if wrong and code.endswith("\n") and not _OPEN.search(str(wrong)):
        return True     # `if x:` and an empty line
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    compiled, wrong = _tried(compiler, code, "<prompt>", "single" if tree else "exec")
    return compiled is not None or wrong is not None


def _is_block(behind):
    """Whether what follows a colon begins on a later line."""
    first = behind.partition("\n")[0].strip()
    return not first or first.startswith("#")


def _unindented(block, header):
    """The lines of a block at the left margin; those inside strings are left as they are."""
    lines = block.split("\n")
    first = next((line for line in lines[1:] if line.strip() and not line.lstrip().startswith("#")), None)
    if first is None:
        raise ValueError(f"{header} has no statement behind it")
    margin = first[:len(first) - len(first.lstrip())]
    if not margin:
        raise ValueError(f"{header} has no indented block behind it, but {first!r}")
    kept = _inside_strings(block)
    for i, line in enumerate(lines):
        if i in kept:
            continue
        if line.startswith(margin) or not line.strip() or i == 0:
            lines[i] = line.removeprefix(margin)
        elif not line.lstrip().startswith("#"):
            raise ValueError(f"{header} ends before {line!r}, which is less indented than its block")
    return "\n".join(lines)


def _inside_strings(block):
    """The numbers of the lines, from 0, that begin inside a string."""
    inside, starts = set(), []
    try:
        for token in tokenize.generate_tokens(io.StringIO("if True:" + block).readline):
            name = tokenize.tok_name[token.type]
            if name == "STRING":
                inside.update(range(token.start[0], token.end[0]))
            elif name == "FSTRING_START":       # from CPython 3.12 on
                starts.append(token.start[0])
            elif name == "FSTRING_END":
                inside.update(range(starts.pop(), token.end[0]))
    except (tokenize.TokenError, SyntaxError):
        pass                                    # Python will say what is wrong with it
    return inside


def _is_boundary(line, piece):
    """Whether the line begins another statement than the lines before it. Those are put together only
    where that matters: there may be many."""
    if not line.strip() or line[0] in " \t#" or _GOES_ON.match(line):
        return False
    first = next((one for one in piece if one.strip() and not one.lstrip().startswith("#")), "")
    if not first or not (_is_form(first) or _is_form(line)):
        return False
    before = "\n".join(piece)
    return (_is_form(_beginning(before)[1]) or _is_form(line)) and is_complete(before + "\n")


def _is_form(text):
    """Whether this is no Python, but a form of the prompt's own."""
    return bool(_RANKS.match(text)) or text[:1] in ("%", "!", "?") or _help_of(text) is not None
