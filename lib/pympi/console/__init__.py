"""The prompt of a job at a terminal: starts the session behind it and is its keyboard and screen.

Run by ``pympi -n N`` at a terminal, in a Python alone, with the words of that command line. No rank and
no MPI is here: `interp/README.md` ("The session") says what the processes tell each other.
SPDX-License-Identifier: MIT
"""
import contextlib
import re
import signal
import sys

from pympi import frames
from pympi.console import history as _history
from pympi.console import lines as _lines
from pympi.console import link as _link
from pympi.console import running as _running
from pympi.console import screen as _screen
from pympi.console import terminal as _terminal


_SHOWN = (frames.OUTPUT, frames.RESULT, frames.ERROR)


class Console:
    """One session at one terminal."""

    def __init__(self, words):
        self.screen = _screen.Screen()
        self.terminal = _terminal.settings()
        self.link = _link.Link([sys.executable, "--session", *words])
        self.lines = _lines.Lines(self.link, self.screen, _history.History(_history.path()))
        self.running = _running.Running(self.link, self.screen, self.lines)
        self.quiet = is_quiet(words)
        self.number = 0         # of the last statement
        self.begun = False      # the ranks are there
        self.ending = False     # the session is over, or was told to be
        signal.signal(signal.SIGINT, self._on_interrupt)
        signal.signal(signal.SIGTSTP, self._on_stop)
        signal.signal(signal.SIGTERM, self._on_end)

    def run(self):
        """The whole session; returns its process's status as Popen gives it."""
        with _terminal.echo(False) if self.screen.moves else contextlib.nullcontext():
            with contextlib.suppress(_link.Ended):
                self._start()
                while self._statement():
                    pass
                self._shut_down()
            return self._end()

    def _start(self):
        """Wait for the ranks, and for the script of -i."""
        while (frame := self.link.next()) is None or frame[0] != frames.READY:
            if frame and frame[0] == frames.ENDED:
                raise _link.Ended
            if frame and frame[0] == frames.OUTPUT:
                self.screen.show(*frame)
        self.begun = True
        head = frame[1]
        if not self.quiet:
            for line in banner(head, self.screen.unicode):
                self.screen.say(line)
        if head.get("script"):
            self.running.until_done(head["script"])

    def _statement(self):
        """Read and run what is typed next; False at the end of input."""
        self._catch_up()
        try:
            text = self.lines.statement()
        except EOFError:
            return False
        except KeyboardInterrupt:
            self.screen.out.write(b"\nKeyboardInterrupt\n")
            return True
        except UnicodeDecodeError as e:
            self.screen.say(f"what was typed is not {e.encoding}: {e.reason}")
            return True
        if text.strip():
            self.number += 1
            self.link.interrupted = False
            self.link.send(frames.EXECUTE, {"id": self.number}, text)
            self.running.until_done(self.number)
        return True

    def _catch_up(self):
        """Show what came since, before a prompt: threads of the ranks go on when a statement is over."""
        self.link.look()
        for kind, head, body in self.link.take(*_SHOWN, frames.INPUT):
            if kind == frames.INPUT:
                self.running.answer(head, body.decode("utf-8", "replace"))
            else:
                self.screen.show(kind, head, body)
        if self.link.has(frames.ENDED) or self.link.gone:
            raise _link.Ended
        self.link.frames.clear()
        self.screen.fresh()

    def _shut_down(self):
        """Tell the session to end, and show what the ranks say at their end."""
        self.link.send(frames.SHUTDOWN, {"status": 0})
        self.ending = True
        self.running.until_done(None)

    def _end(self):
        self.ending = True
        with contextlib.suppress(_link.Ended):
            while True:
                frame = self.link.next()
                if frame and frame[0] in _SHOWN:
                    self.screen.show(*frame)
        status = self.link.end(self.screen.show)
        self.screen.fresh()
        return status

    # ---- signals -------------------------------------------------------------------------------

    def _on_interrupt(self, _, frame):
        if self.lines.typing and self.lines.reads(frame) and self.link.arrived:
            self.link.arrived = None
            raise KeyboardInterrupt
        if self.lines.typing:
            self.link.interrupt_soon()
        elif self.begun and not self.ending:
            self.link.interrupt()
        else:
            self.link.process.send_signal(signal.SIGINT)

    def _on_stop(self, *_):
        """^Z: the shell gets the terminal as it was, we get it back as we had it."""
        ours = _terminal.settings()
        _terminal.set_to(self.terminal)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._on_stop)
        _terminal.set_to(ours)
        if self.lines.typing:
            self.lines.redraw()

    def _on_end(self, number, _):
        _terminal.set_to(self.terminal)
        _die(number)


def banner(head, unicode):
    """What is said when the ranks are there."""
    ranks, nodes = head.get("ranks", 1), head.get("nodes", 1)
    where = f"{ranks} rank{'s' * (ranks != 1)} on {nodes} node{'s' * (nodes != 1)}"
    parts = [f"pympi {head.get('pympi', '')}", f"Python {head.get('python', '')}",
             head.get("mpi", ""), where]
    yield (" · " if unicode else " - ").join(filter(None, parts))
    yield "mpi is imported; Ctrl-C interrupts all; @0 stmt runs on rank 0"


def is_quiet(words):
    """Whether the words before the program have Python's -q, alone or among others as in -qi."""
    for word in words:
        if word in ("-c", "-m", "--") or word.endswith(".py"):
            return False
        m = re.match(r"-[a-zA-Z]*?([qcmWXn])", word)
        if m and m[1] == "q":
            return True
    return False


def _die(number):
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


def main(words=None):
    """main(words=None) -> status

    Runs the console for the words of a command line; ends as the session's process did. Local.
    """
    try:
        console = Console(sys.argv[1:] if words is None else words)
    except OSError as e:
        sys.exit(f"pympi: the session cannot be started: {e}")
    status = console.run()
    if status == -signal.SIGINT:
        _die(signal.SIGINT)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
