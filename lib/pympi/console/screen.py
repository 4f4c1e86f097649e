"""How the frames of a session look on a terminal: ranks before lines, colours, one line in place.

SPDX-License-Identifier: MIT
"""
import locale
import os
import re
import select

from pympi import frames

DIM, RED, PLAIN = b"\x1b[2m", b"\x1b[31m", b"\x1b[0m"
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
PARTIAL = 4096      # bytes of an unfinished line that are remembered


def tag(head):
    """What stands before a group's lines: "" for all ranks, else "[0,2-3] "."""
    return "" if head.get("all") else f"[{head.get('ranks', '')}] "


class Stream:
    """A descriptor that many groups of ranks write lines to."""

    def __init__(self, fd, colours):
        self.fd, self.colours = fd, colours
        self.open = None        # the tag of the group whose line is unfinished
        self.partial = b""      # that line, as far as it is remembered

    def coloured(self, colour, data):
        return colour + data + PLAIN if self.colours else data

    def write(self, data):
        data = memoryview(data)
        while data:
            try:
                data = data[os.write(self.fd, data):]
            except BlockingIOError:
                select.select([], [self.fd], [])

    def fresh(self):
        """Go to the beginning of a line."""
        if self.open is not None:
            self.write(b"\n")
        self.open, self.partial = None, b""

    def put(self, mark, data):
        """A group's text, its tag before each line; an unfinished line of its own is gone on with."""
        if not data:
            return
        if self.open != mark:
            self.fresh()
        shown = self.tagged(mark, data) if mark else data
        self.write(shown)
        line = (self.partial + shown).rpartition(b"\n")[2]
        self.open, self.partial = (mark, line[-PARTIAL:]) if line else (None, b"")

    def tagged(self, mark, data):
        before = self.coloured(DIM, mark.rstrip().encode()) + b" "
        lines = data.split(b"\n")
        last = lines.pop()
        first = 1 if self.open == mark else 0
        lines = [line if i < first else before + line for i, line in enumerate([*lines, last])]
        if not last and len(lines) > 1:
            lines[-1] = b""     # nothing of the next line has come
        # A line that is written over keeps its tag.
        return re.sub(rb"\r(?=[^\n\r])", lambda _: b"\r" + before, b"\n".join(lines))


class Screen:
    """The terminal. Everything that is shown but the keyboard's own line goes through it."""

    def __init__(self, out=1, err=2, env=os.environ):
        terminal = os.isatty(out)
        self.moves = terminal and env.get("TERM", "") not in ("", "dumb")
        self.terminal = terminal
        self.unicode = locale.getencoding().lower().replace("-", "") == "utf8"
        wanted = not env.get("NO_COLOR")
        self.out = Stream(out, self.moves and wanted)
        same = terminal and os.isatty(err)
        self.err = self.out if same else Stream(err, False)
        self._below = b""       # the line in place, where the cursor is

    def width(self):
        try:
            return os.get_terminal_size(self.out.fd).columns or 80
        except OSError:
            return 80

    def room(self):
        """The columns for a line in place: the cursor behind it must not be on the next row."""
        return self.width() - 1

    def show(self, kind, head, body):
        """What a rank has to say: output, a result, an error."""
        self.clear()
        if kind == frames.OUTPUT:
            stream = self.err if head.get("stream") == "stderr" else self.out
            self._left_out(stream, head)
            stream.put(tag(head), body)
        elif kind == frames.RESULT:
            stream = self.out
            self._whole(stream, head, body)
        else:
            stream = self.err
            self._whole(stream, head, self._error(stream, head, body))

    def say(self, text):
        """A line of the front's own."""
        self.clear()
        self.out.fresh()
        self.out.write(text.encode("utf-8", "replace") + b"\n")

    def fresh(self):
        """Before a prompt: the cursor at the beginning of a line, nothing in place."""
        self.clear()
        self.out.fresh()

    def question(self, mark):
        """What a group's question begins with on the line where it is asked: its tag, or the line
        that it has begun, which is written again, for whoever reads the answer must know it."""
        self.clear()
        line = _COLOUR.sub(b"", self.out.partial).decode("utf-8", "replace")
        if self.out.open != mark or self.moves and (len(line) >= self.width() or not line.isprintable()):
            self.out.fresh()
            return mark
        self.out.open, self.out.partial = None, b""
        if not self.moves:
            return ""
        self.out.write(b"\r")
        return line

    def keep_below(self, text):
        """Show one line that the next text, or anything else that is shown, takes the place of.

        Not where a program has left a line unfinished: it may be keeping one in place itself.
        """
        text = text[:self.room()].encode("utf-8", "replace")
        if self.moves and self.out.open is None and text != self._below:
            self.out.write(b"\r\x1b[K" + text)
            self._below = text

    def clear(self):
        if self._below:
            self.out.write(b"\r\x1b[K")
        self._below = b""

    def _whole(self, stream, head, body):
        stream.fresh()
        self._left_out(stream, head)
        stream.put(tag(head), body if body.endswith(b"\n") else body + b"\n")

    def _left_out(self, stream, head):
        """How many groups there were before this one that are not shown."""
        count = head.get("more")
        if not count:
            return
        stream.fresh()
        dots = "…" if self.unicode else "..."
        groups = "group" if count == 1 else "groups"
        stream.write(f"{dots} and {count} more {groups} (_out has all)\n".encode())

    def _error(self, stream, head, body):
        """The traceback, the exception's line in red; only that line for who failed with a peer."""
        lines = body.rstrip(b"\n").split(b"\n")
        at = _exception_line(lines, head.get("name", ""))
        lines[at] = stream.coloured(RED, lines[at])
        return lines[at] if head.get("peer") else b"\n".join(lines)


def _exception_line(lines, name):
    """The index of the line with the exception itself: its text may have several, notes follow."""
    wanted = re.compile(rb"([\w.]+\.)?" + re.escape(name.rpartition(".")[2]).encode() + rb"\b")
    found = [i for i, line in enumerate(lines) if name and wanted.match(line)]
    return found[-1] if found else len(lines) - 1
