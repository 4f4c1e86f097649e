"""A statement under way: what the ranks say is shown, ^C reaches them, their questions are answered.

SPDX-License-Identifier: MIT
"""
import os
import re
import time

from pympi import frames
from pympi.console import lines as _lines
from pympi.console import link as _link
from pympi.console import ranks as _ranks
from pympi.console import screen as _screen
from pympi.console import terminal as _terminal

QUIET = 1.0         # seconds until it is said who still runs, and from then on between two looks
SELDOM = 30.0       # seconds between two such lines where they cannot take each other's place
IMPATIENT = 2.0     # a second ^C within this many seconds asks what to do
UNANSWERED = 0.5    # seconds that are waited for the ranks' names then
_FOLDERS = re.compile(r"[^\s(]*/(?=[^/\s]+:\d)")      # of a place's file
_CHOSEN = re.compile(r"@([0-9][-,0-9]*) (.*)", re.S)


class Running:
    """Sees one statement after another to its end."""

    def __init__(self, link, screen, lines):
        self.link, self.screen, self.lines = link, screen, lines

    def until_done(self, number):
        """Until the statement of this number is over; True when it failed nowhere. Raises Ended."""
        self._begin()
        try:
            while True:
                self.link.wait(self._due(), keyboard=self._question is not None)
                if self.link.interrupted:
                    self._interrupt()
                while self.link.frames:
                    kind, head, body = self.link.frames.popleft()
                    if kind == frames.DONE and head.get("id") == number:
                        return not head.get("failed")
                    self._handle(kind, head, body)
                self._look()
        finally:
            self._forget_question()
            self.screen.clear()

    def _begin(self):
        self._began = time.monotonic()
        self._next_look = self._began + QUIET
        self._next_line = self._began
        self._interrupted_at = None     # when ^C was last passed on
        self._wondering = None          # a second ^C: until when the ranks' names are waited for
        self._question = None           # the terminal's state before the question, while it is asked

    def _due(self):
        return self._next_look if self._wondering is None else min(self._wondering, self._next_look)

    def _handle(self, kind, head, body):
        if kind in (frames.OUTPUT, frames.RESULT, frames.ERROR):
            self.screen.show(kind, head, body)
        elif kind == frames.INPUT:
            self.answer(head, body.decode("utf-8", "replace"))
        elif kind == frames.RUNNING:
            self._status(head.get("running", []))
        elif kind == frames.ENDED:
            raise _link.Ended

    # ---- who still runs ------------------------------------------------------------------------

    def _look(self):
        """What the clock and the keyboard ask for, when all frames have been handled."""
        now = time.monotonic()
        if self._question is not None:
            self._read_choice()
        if self._wondering is not None and now >= self._wondering:
            self._ask("the ranks")
        if now >= self._next_look:
            self._next_look = now + QUIET
            self.link.send(frames.STATUS)

    def _status(self, running):
        if not running:
            return
        ranks = set().union(*(_ranks.numbers(group["ranks"]) for group in running))
        if self._question is not None or self._wondering is not None:
            self._ask(f"{'rank' if len(ranks) == 1 else 'ranks'} {_ranks.name(ranks)}", len(ranks))
        else:
            self._say_who(running)

    def _say_who(self, running):
        seconds = f"  {time.monotonic() - self._began:.0f} s"
        first, *others = (f"[{group['ranks']}]" for group in running)
        places = [_FOLDERS.sub("", group.get("place", "")) for group in running]
        groups = [f"{first} still running" + f": {places[0]}" * bool(places[0]),
                  *(f"{ranks} {place}".rstrip() for ranks, place in zip(others, places[1:]))]
        text = "; ".join(groups)[:self.screen.room() - len(seconds)] + seconds
        if self.screen.moves:
            self.screen.keep_below(text)
        elif self.screen.terminal and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + SELDOM
            self.screen.say(text)

    # ---- ^C ------------------------------------------------------------------------------------

    def _interrupt(self):
        self.link.interrupted = False
        now, before = time.monotonic(), self._interrupted_at
        self._interrupted_at = now
        self.link.send(frames.INTERRUPT)
        if before is not None and now - before < IMPATIENT and self._question is None:
            self._wondering = now + UNANSWERED
            self.link.send(frames.STATUS)

    def _ask(self, who, count=2):
        """Show the question, again after what came between."""
        self._wondering = None
        text = f"{who} {'does' if count == 1 else 'do'} not answer: [a]bort the job or [w]ait? "
        if self.screen.out.open is not None:
            self.screen.fresh()
        if self.screen.moves:
            self.screen.keep_below(text)
        elif self._question is None:
            self.screen.say(text)
        if self._question is None:
            self._question = _terminal.single_keys()

    def _read_choice(self):
        """Take a key, if there is one; others than the two are passed over."""
        if not _key_waits():
            return
        key = os.read(0, 1).lower()
        if key in (b"a", b""):
            self._forget_question()
            self.link.abort()
        elif key in (b"w", b"\n"):
            self._forget_question()
            self._interrupted_at = None

    def _forget_question(self):
        if self._question is not None:
            _terminal.set_to(self._question)
            self._question = None
            self.screen.clear()

    # ---- input() on the ranks ------------------------------------------------------------------

    def answer(self, head, prompt):
        """Ask the user what these ranks ask."""
        self._forget_question()
        asking = _ranks.numbers(head["ranks"])
        mark = _screen.tag(head)
        given = False
        while not given:
            try:
                line = self.lines.answer(mark, prompt, bool(head.get("secret")))
            except EOFError:
                self.link.send(frames.ANSWER, {"ranks": head["ranks"], "end": True})
                break
            except KeyboardInterrupt:
                self.screen.out.write(b"\n")
                self.link.interrupted = True
                return
            except _lines.Withdrawn:
                self.screen.out.write(b"\n")
                return
            given = self._give(line, asking, head.get("secret"))
        self._next_look = time.monotonic() + QUIET

    def _give(self, line, asking, secret):
        """Send the line to those it is for; False where that could not be. The rest are asked for anew."""
        chosen = None if secret else _CHOSEN.fullmatch(line)
        meant = asking
        if chosen:
            try:
                meant, line = _ranks.numbers(chosen[1]), chosen[2]
            except ValueError as e:
                self.screen.say(str(e))
                return False
        if meant - asking:
            self.screen.say(f"@{chosen[1]}: only {_ranks.name(asking)} is asked for")
            return False
        self.link.send(frames.ANSWER, {"ranks": _ranks.name(meant)}, line)
        return True


def _key_waits():
    import select
    return bool(select.select([0], [], [], 0)[0])
