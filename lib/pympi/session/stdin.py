"""Where a session's programs read: lines that the front's user types, or the rest of standard input.

SPDX-License-Identifier: MIT
"""
import ast
import builtins
import io
import re
import sys

SHORT = 50          # lines of a statement that runs as soon as it is whole, not only at the next one
_OPEN = re.compile(r"never closed|unterminated triple-quoted|unexpected EOF")
_DECORATED = re.compile(r"@(?:\(|[^\W\d])")
_GOES_ON = re.compile(r"[ \t#)\]}]|(else|elif|except|finally)\b|$")


class Input(io.TextIOBase):
    """sys.stdin of a rank behind a front."""

    def __init__(self, ask):
        self._ask = ask

    encoding = "utf-8"
    errors = "surrogateescape"

    def readable(self):
        return True

    def readline(self, size=-1):
        """A line that is typed; "" at the end of the input."""
        try:
            return self._ask("", False) + "\n"
        except EOFError:
            return ""

    def read(self, size=-1):
        return "".join(iter(self.readline, ""))


def install(ask):
    """install(ask)

    input(), sys.stdin and getpass ask the front from now on; input() reads what the program puts in
    sys.stdin's place. Local.

    ask(prompt, secret) gives a line or raises EOFError.
    """
    own, builtin = Input(ask), builtins.input

    def front_input(prompt="", /):
        if sys.stdin is not own:
            return builtin(prompt)
        text = str(prompt)
        head, newline, last = text.rpartition("\n")
        sys.stdout.write(head + newline)
        sys.stdout.flush()
        return ask(last, False)

    def front_getpass(prompt="Password: ", stream=None):
        return ask(str(prompt), True)

    import getpass
    front_input.__name__, front_input.__doc__ = "input", builtins.input.__doc__
    getpass.getpass = front_getpass
    builtins.input = front_input
    sys.stdin = sys.__stdin__ = own


def statements_in(lines):
    """statements_in(lines) -> iterator of str

    The statements of a text that comes line by line, each as early as it is known to be whole. Local.

    A block is whole when a line at the left margin follows, as in a file: its empty lines belong to it.
    """
    held = []
    for line in lines:
        if held and not _GOES_ON.match(line) and _is_whole("".join(held)):
            yield "".join(held)
            held = []
        if not held and (not line.strip() or line[0] == "#"):
            continue
        held.append(line)
        if len(held) < SHORT and _is_simple("".join(held)):
            yield "".join(held)
            held = []
    if "".join(held).strip():
        yield "".join(held)


def _is_whole(text):
    """Whether it is Python, or can never be: what follows belongs to it only where it is still open."""
    try:
        ast.parse(text)
    except SyntaxError as e:
        return not (_OPEN.search(str(e)) or _DECORATED.match(text.splitlines()[-1]))
    except (ValueError, RecursionError, MemoryError):
        pass
    return True


def _is_simple(text):
    """Whether it is whole and no block, so that no line to come belongs to it."""
    if text[:1] in "@%!?" and text[1:2] and not text[1:2].isidentifier():
        return True
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return False
    return bool(body) and not any(hasattr(node, "body") for node in body)
