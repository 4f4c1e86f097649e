"""Reading what is typed: whole statements with history and completion, answers, passwords.

GNU readline does it where there is one and the terminal can move its cursor. What the ranks say
meanwhile is shown above the line that is being typed. SPDX-License-Identifier: MIT
"""
import contextlib
import ctypes
import itertools
import os
import time
import unicodedata

from pympi import frames, statements
from pympi.console import link as _link
from pympi.console import terminal as _terminal

PATIENCE = 1.0      # seconds that Tab waits for the names
INDENT = "    "


class Withdrawn(Exception):
    """Nobody waits for the answer any more."""


def _readline(screen):
    """(the module, its library): None where they are missing or could not show anything.

    The module has no way to have the typed line drawn again that the library has.
    """
    if not screen.moves:
        return None, None
    try:
        import readline
    except ImportError:
        return None, None
    try:
        library = ctypes.PyDLL(readline.__file__)
        library.rl_forced_update_display, library.rl_point, library.rl_eof_found
    except (OSError, AttributeError):
        return readline, None
    return readline, library


class Lines:
    """The keyboard. Its methods raise EOFError for ^D, KeyboardInterrupt for ^C."""

    def __init__(self, link, screen, history):
        self.link, self.screen, self.history = link, screen, history
        self.typing = False         # where ^C means the line
        self.readline, self._library = _readline(screen)
        self._ids = itertools.count(1)
        self._names = []
        self._prompt = ""           # the line's
        self._drawn = False         # the prompt is on the screen
        self._plain = True          # the prompt is ours to write, not readline's
        if self.readline:
            self._set_up()

    def statement(self):
        """One complete statement, or several that were pasted together; the history has it then."""
        text = self._read(">>> ")
        while not ("\n" in text and text in self.history.entries or statements.is_complete(text)):
            text += "\n" + self._read("... ")
        if self.history.add(text) and self.readline:
            self.readline.add_history(self.history.entries[-1])
        return text

    def answer(self, mark, prompt, secret):
        """The line that a rank asked for. Raises Withdrawn when that rank's statement is over."""
        self.link.look()
        for frame in self.link.take(frames.OUTPUT):
            self.screen.show(*frame)
        *before, prompt = (self.screen.question(mark) + prompt).split("\n")
        for line in before:
            self.screen.say(line)
        return (self._secret if secret else self._read)(prompt, self._answer_arrived)

    def reads(self, frame):
        """Whether an exception would get out of what runs in this frame to who reads a line."""
        return frame.f_code in (Lines._read.__code__, Lines._secret.__code__)

    def _set_up(self):
        r = self.readline
        r.set_auto_history(False)
        r.clear_history()
        for entry in self.history.entries:
            r.add_history(entry)
        r.set_completer(self._complete)
        r.set_pre_input_hook(self._begun)
        r.parse_and_bind("tab: complete")
        # CPython turns it off before it reads ~/.inputrc, for its own prompt takes single lines.
        r.parse_and_bind("set enable-bracketed-paste on")

    def _read(self, prompt, arrived=None):
        plain = not self.readline
        with self._keyboard(prompt, arrived or self._arrived, plain):
            try:
                return input("" if plain else prompt)
            except EOFError:
                # readline goes to the next line by itself, and would do so behind every line to come.
                if plain:
                    self.screen.out.write(b"\n")
                elif self._library is not None:
                    ctypes.c_int.in_dll(self._library, "rl_eof_found").value = 0
                raise
            except SystemError as e:
                raise _first_cause(e) from None

    def _secret(self, prompt, arrived):
        """A line that is not shown."""
        with self._keyboard(prompt, arrived, True), _terminal.echo(False):
            line = os.read(0, 65536)
        self.screen.out.write(b"\n")
        if not line:
            raise EOFError
        return os.fsdecode(line.rstrip(b"\n"))

    @contextlib.contextmanager
    def _keyboard(self, prompt, arrived, plain):
        self._prompt, self._plain, self.typing, self._drawn = prompt, plain, True, False
        try:
            if plain:
                self._write_prompt()
            with self._echo(), self.link.while_typing(arrived, self.reads):
                yield
        finally:
            self.typing = self._drawn = False

    def _echo(self):
        """readline shows what is typed if the terminal would; one that cannot move is not ours to set."""
        return _terminal.echo(True) if self.screen.moves else contextlib.nullcontext()

    def _begun(self):
        """readline has drawn the prompt."""
        self._drawn = True

    def _write_prompt(self):
        self.screen.out.write(self._prompt.encode("utf-8", "replace"))
        self._drawn = True

    def _arrived(self):
        """Frames have come while a statement is typed."""
        self._show_above()
        if self.link.has(frames.ENDED) or self.link.gone:
            typed = self.readline and not self._plain and self.readline.get_line_buffer()
            self.screen.out.write(b"\r\x1b[J" if self.screen.moves and not typed else b"\n")
            raise _link.Ended

    def _answer_arrived(self):
        self._arrived()
        if self.link.has(frames.DONE):
            raise Withdrawn

    def _show_above(self):
        """Show output where the typed line is, and that line again below it."""
        if not self._drawn or not self._plain and self._library is None:
            return      # there will be another signal, at the latest another prompt
        shown = self.link.take(frames.OUTPUT)
        if not shown:
            return
        above = self._rows_above()
        up = b"\x1b[%dA" % above if above else b""
        self.screen.out.write(up + b"\r\x1b[J" if self.screen.moves else b"\n")
        for frame in shown:
            self.screen.show(*frame)
        self.screen.fresh()
        self.redraw()

    def redraw(self):
        """Show the typed line anew, from the row on where the cursor is."""
        if self._plain:
            self._write_prompt()
        elif self._library is not None and self._drawn:
            self._library.rl_forced_update_display()

    def _rows_above(self):
        """How many of the rows that the prompt and what is typed take are above the cursor's."""
        typed = b""
        if not self._plain:
            at = ctypes.c_int.in_dll(self._library, "rl_point").value
            typed = os.fsencode(self.readline.get_line_buffer())[:at]
        width = self.screen.width()
        lines = (self._prompt + os.fsdecode(typed)).split("\n")
        return sum(_columns(line) // width + 1 for line in lines) - 1

    def _complete(self, text, state):
        """What readline calls for the first name, the second and so on."""
        if state == 0:
            with self.link.not_while_typing():
                before = self.readline.get_line_buffer()[:self.readline.get_endidx()]
                if not before.rpartition("\n")[2].strip():
                    self.readline.insert_text(INDENT)
                    self.readline.redisplay()
                    return ""
                self._names = self._ask_names(before, self.readline.get_begidx())
        return self._names[state] if state < len(self._names) else None

    def _ask_names(self, before, begin):
        """The names that fit, each as what takes the place of the text from `begin` on."""
        number = next(self._ids)
        self.link.send(frames.COMPLETE, {"id": number}, before)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and not self.link.gone:
            for _, head, body in self.link.take(frames.COMPLETED):
                if head.get("id") == number:
                    names = body.decode("utf-8", "replace").split("\n")
                    return _placed(filter(None, names), before, begin, head.get("start", begin))
            self._listen(until)
        return []

    def _listen(self, until):
        """Wait for one more frame, while others may be there."""
        others, self.link.frames = self.link.frames, type(self.link.frames)()
        try:
            self.link.wait(until)
        finally:
            self.link.frames = others + self.link.frames


def _first_cause(error):
    """What left input(): signals that waited meanwhile, CPython has handled over that exception."""
    while isinstance(error, SystemError) and error.__cause__:
        error = error.__cause__
    return error


def _placed(names, before, begin, start):
    """Names that go to before[start:], for a word that begins elsewhere."""
    if start >= begin:
        return [before[begin:start] + name for name in names]
    return [name[begin - start:] for name in names if name.startswith(before[start:begin])]


def _columns(text):
    """How wide a text without line ends is on the terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)
