#!/usr/bin/env python3
"""A session without ranks: one process that speaks the frames and says what it is told to.

A statement is run here as Python with the functions of Words, which say what ranks would: `out(1, "x")`.
Started as `fake.py --session [SOURCE]`; SOURCE is what a script of -i would be. SPDX-License-Identifier: MIT
"""
import contextlib
import os
import select
import signal
import sys
import time
import traceback

from pympi import frames
from pympi.console import ranks as _ranks

SIZE = 4


class Interrupted(Exception):
    pass


class Words:
    """What a statement can say. Ranks are texts as in the frames, or one number; "all" is all of them."""

    def __init__(self, session):
        self.session, self.id = session, 0

    def group(self, ranks, **more):
        ranks = str(ranks)
        return {"ranks": f"0-{SIZE - 1}" if ranks == "all" else ranks, "all": ranks == "all"} | more

    def out(self, ranks, text, stream="stdout", more=0):
        self.session.send(frames.OUTPUT, self.group(ranks, stream=stream, more=more), text)

    def result(self, ranks, text, more=0):
        self.session.send(frames.RESULT, self.group(ranks, id=self.id, more=more), text)

    def error(self, ranks, text, name="ValueError", peer=False):
        self.session.send(frames.ERROR, self.group(ranks, id=self.id, name=name, peer=peer), text)
        self.session.failed = True

    def ask(self, ranks, prompt="", secret=False):
        """Asks until every rank of the group has its line; shows who got what."""
        head = self.group(ranks, secret=secret)
        waiting = _ranks.numbers(head["ranks"])
        while waiting:
            self.session.send(frames.INPUT, head, prompt)
            _, answer, body = self.session.wait(frames.ANSWER)
            given = answer["ranks"]
            self.out("all", f"{given}: {'end' if answer.get('end') else body.decode()}\n")
            waiting -= _ranks.numbers(given)
            head = {"ranks": _ranks.name(waiting), "all": False, "secret": secret}

    def work(self, ranks="all", place=""):
        """Runs until it is interrupted; status tells of these ranks."""
        self.session.status = [{"ranks": self.group(ranks)["ranks"], "place": place}]
        try:
            self.session.wait(None)
        finally:
            self.session.status = []

    def ignore(self, ranks, place):
        """Runs on, whatever comes."""
        while True:
            with contextlib.suppress(Interrupted):
                self.work(ranks, place)

    def later(self, text):
        """Output after the statement is over, when something has been typed."""
        self.session.later.append(text)

    def end(self, status=0, number=0):
        self.session.end(status, number)

    def later_end(self, status):
        """The job ends when the statement is over, without a word."""
        self.session.last = status

    def die(self, number):
        os.kill(os.getpid(), number)
        time.sleep(10)


class Session:
    def __init__(self):
        self.reader, self.queue = frames.Reader(), []
        self.status, self.failed, self.later, self.last = [], False, [], None
        self.words = Words(self)

    def send(self, kind, head=None, body=b""):
        data = frames.pack(kind, head, body)
        while data:
            data = data[os.write(1, data):]

    def receive(self, timeout=None):
        """The next request; None when none came in time. Ends with the front."""
        while not self.queue:
            if not select.select([0], [], [], timeout)[0]:
                return None
            data = os.read(0, 65536)
            if not data:
                os._exit(9)
            self.queue += self.reader.feed(data)
        return self.queue.pop(0)

    def wait(self, wanted):
        """The next request of this kind; meanwhile status is answered, ^C interrupts."""
        while True:
            kind, head, body = self.receive()
            if kind == frames.INTERRUPT:
                raise Interrupted
            if kind == wanted:
                return kind, head, body
            if kind == frames.STATUS:
                self.send(frames.RUNNING, {"running": self.status})

    def run(self, number, source):
        self.words.id, self.failed = number, False
        names = {n: getattr(self.words, n) for n in dir(Words) if n[0] != "_"}
        try:
            exec(compile(source, "<prompt>", "exec"), names)
        except Interrupted:
            self.words.error("all", "KeyboardInterrupt", "KeyboardInterrupt")
        except Exception as e:
            text = "".join(traceback.format_exception_only(e))
            self.words.error("all", text, type(e).__name__)
        self.send(frames.DONE, {"id": number, "failed": "0" if self.failed else "", "seconds": 0.0})

    def complete(self, number, text):
        start = max(text.rfind(c) for c in " .(") + 1
        names = [n for n in ("alpha", "alphabet", "beta", "words_of_a_rank") if n.startswith(text[start:])]
        self.send(frames.COMPLETED, {"id": number, "start": start}, "\n".join(names))
        if text.endswith("slow"):
            self.send(frames.OUTPUT, {"ranks": "0-3", "all": True, "stream": "stdout"}, "in between\n")

    def end(self, status, number=0):
        self.send(frames.ENDED, {"status": status, "signal": number, "rank": -1})
        sys.stdout = None
        os._exit(status)

    def serve(self, script):
        ready = {"version": 1, "pympi": "0.1.0", "python": "3.11.2", "mpi": "Open MPI 4.1.4",
                 "ranks": SIZE, "nodes": 1, "script": 1 if script else 0}
        self.send(frames.READY, ready)
        if script:
            self.run(1, script)
        while True:
            waiting = self.later or self.last is not None
            request = self.receive(0.3 if waiting else None)
            if request is None and self.last is not None:
                os._exit(self.last)
            if request is None:
                self.words.out("all", self.later.pop(0))
                continue
            kind, head, body = request
            if kind == frames.EXECUTE:
                self.run(head["id"], body.decode())
            elif kind == frames.COMPLETE:
                self.complete(head["id"], body.decode())
            elif kind == frames.SHUTDOWN:
                self.end(head["status"])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Session().serve(" ".join(sys.argv[2:]))
