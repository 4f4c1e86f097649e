"""The ranks' side of a prompt: one statement at a time, on all ranks or some, and all meet again.

``interp/README.md`` ("The session") has the frames. Rank 0 takes requests from the front's channel, or
statements from standard input where there is no front; every rank runs what it is given in
``__main__``. Collective over the world, all of it. SPDX-License-Identifier: MIT
"""
import json
import os
import select
import signal
import socket
import sys
import time
import traceback

import _pympi_control as control
import _pympi_session as statements_of_mpi
from pympi import displays, frames, mpi, statements
from pympi.session import answers as _answers
from pympi.session import report as _report
from pympi.session import runner as _runner
from pympi.session import stdin as _stdin

LOOK = 0.2          # seconds between looks at what else is under way, while nothing is typed
_NOTEBOOKS = "cell", "comm"
# Which leave for themselves: the prompt stays.
_PROGRAMS = "file", "command", "module", "run", *_NOTEBOOKS
FIRST = -1          # the id of what runs before anything is typed
EARLY = 0.5         # seconds for which an interrupt that came before its statement is remembered


def main(kind, name):
    """main(kind, name) -> status

    Runs the program that the command line names ("", "file", "command" or "module", and its name), then
    statements until the end. Collective over the world.
    """
    session = Session()
    try:
        return session.leave(session.run(kind, name))
    except EOFError as e:
        sys.stderr.write(f"pympi: rank {mpi.rank}: {e}\n")
        return 1
    finally:
        session.close()


class Session:
    """One rank of a prompt."""

    def __init__(self):
        os.environ.setdefault("MPLBACKEND", "Agg")      # N ranks never open N windows
        self.number = 0         # of the last statement
        self.open = False       # a statement runs, and ^C may break it
        self.missed = None      # when ^C came while none did
        self.tamed = {}         # handlers of the user's, while no statement runs: (theirs, ours)
        self.process = os.getpid()
        self.left_out = None    # what `_out` becomes
        statements_of_mpi.start()
        self.comm = mpi.world.dup()
        self.runner = _runner.Runner(self.comm)
        self.channel = _channel() if control.attached() else None
        self.reader = frames.Reader()
        self.requests = []
        signal.signal(signal.SIGINT, self._interrupted)

    def run(self, kind, name):
        """Everything, to the end; the status of the process."""
        if self.channel:
            _stdin.install(self._ask)
        first = self.comm.bcast(self._first(kind, name))
        if self.channel:
            self._greet(FIRST if first else 0)
        tasks = self._tasks(first)
        told = first is not None    # by the front, that a task comes
        while True:
            if not told:
                self._wait_for_next()
            told = False
            task = self.comm.bcast(next(tasks) if mpi.rank == 0 else None)
            if task[0] == "end":
                return task[1]
            status = self._run_pieces(*task[1:])
            if status is not None:
                return status

    def leave(self, status):
        """The status of this rank: behind a front all end well, and the job's own process ends with it."""
        if not self.channel:
            return status
        if mpi.rank == 0:
            self._send(frames.ENDED, status=status)
        return 0

    def close(self):
        """What was printed is out."""
        _runner.flush()

    # --- statements

    def _run_pieces(self, id_, pieces, out):
        """The pieces of one statement, up to the first that fails. The status if all ranks leave."""
        began, failed, status, answers = time.perf_counter(), [], None, None
        if out is not None:
            self.runner.names["_out"] = out
        if pieces is None:
            return None
        for at, (ranks, kind, code) in enumerate(pieces):
            report = self._run_piece(ranks, kind, code, at + 1 < len(pieces))
            failed, status, answers = report.failed, report.status, report.answers
            if status is not None:
                _say(self.words)
            if mpi.rank == 0:
                self._show(id_, report)
            if failed or status is not None:
                break
        if mpi.rank == 0 and self.channel:
            self._send(frames.DONE, json.dumps(answers, default=displays.plain) if answers else b"", id=id_,
                       failed=_report.text_of(failed), seconds=time.perf_counter() - began)
        return status

    def _run_piece(self, ranks, kind, code, more):
        """One piece, on all ranks or some; what it gave, complete on rank 0."""
        self.number += 1
        report, self.words = _report.Report(mpi.rank), ""
        statements_of_mpi.begin(self.number)
        if ranks is None or mpi.rank in ranks:
            self._guard(report, kind, code, ranks)
        _runner.flush()
        if self.channel:
            control.over(False)
        failed = statements_of_mpi.meet(report.broken)
        self.missed = None
        if more and self.channel and not failed:
            control.over(True)
        return report.merged(self.comm, failed)

    def _guard(self, report, kind, code, ranks):
        """Runs it; what it raises, ^C too, is in the report. Nothing gets out."""
        try:
            try:
                self._give_handlers_back()
                self.open = True
                if self.missed and time.monotonic() - self.missed < EARLY:
                    raise KeyboardInterrupt
                runs = self._cells() if kind in _NOTEBOOKS else self.runner
                runs.run(report, self.number, kind, code, ranks)
            finally:
                self.open = False
                self._take_interrupts_back()
                self._tame_handlers()
        except BaseException as e:
            self._fail(report, e, kind not in _PROGRAMS)
        if os.getpid() != self.process:
            _end_fork(None, "")

    def _fail(self, report, exception, leaves):
        try:
            text, self.words = self.runner.explain(exception), _words_of(exception)
            if os.getpid() != self.process:
                _end_fork(exception, text)
            report.fail(exception, text, leaves)
        except BaseException as e:      # of a class that answers nothing, or a module that was patched
            name, why = (type.__getattribute__(type(one), "__name__") for one in (exception, e))
            report.broken = True
            report.say_error(f"{name}, whose traceback cannot be shown ({why})\n", name, False)

    def _ask(self, prompt, secret):
        """Threads may ask as well, but between statements the front's lines are for rank 0."""
        if not statements_of_mpi.running():
            raise EOFError("no statement runs that could ask for input")
        return control.ask(prompt, secret)

    def _take_interrupts_back(self):
        """The debugger's `c` leaves ^C to itself for good."""
        bdb = sys.modules.get("bdb")
        owner = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
        if bdb and isinstance(owner, bdb.Bdb):
            signal.signal(signal.SIGINT, self._interrupted)

    def _tame_handlers(self):
        """A signal between statements may not break us: what its handler raises is shown."""
        for number in range(1, signal.NSIG):
            theirs = signal.getsignal(number)
            if callable(theirs) and theirs != self._interrupted:
                ours = _tame(theirs)
                signal.signal(number, ours)
                self.tamed[number] = theirs, ours

    def _give_handlers_back(self):
        for number, (theirs, ours) in self.tamed.items():
            if signal.getsignal(number) is ours:
                signal.signal(number, theirs)
        self.tamed.clear()

    def _interrupted(self, number, frame):
        """The handler of ^C: only a statement is broken by it."""
        if not self.open:
            self.missed = time.monotonic()
            return
        raise KeyboardInterrupt

    def _wait_for_next(self):
        """Asleep until the front has something for this rank; rank 0 waits for it elsewhere."""
        if mpi.rank and control.attached():
            while not control.wake(LOOK):
                mpi.world.iprobe()      # lets MPI go on with what others want of this rank

    # --- rank 0: what comes next

    def _first(self, kind, name):
        """The piece that comes before anything is typed, or None: the program, else PYTHONSTARTUP."""
        startup = os.environ.get("PYTHONSTARTUP")
        if kind:
            return None, kind, name
        if self.channel and startup and not sys.flags.ignore_environment:
            return None, "startup", startup
        return None

    def _tasks(self, first):
        """("run", id, pieces, _out) or ("end", status), one after the other."""
        if first:
            yield "run", FIRST, [first], None
        for id_, source, head in self._sources():
            if source is None:
                yield "end", id_
                return
            pieces = self._pieces(id_, source, head)    # none: the others have been told to come all the same
            out, self.left_out = self.left_out, None
            yield "run", id_, pieces, out
        yield "end", 0

    def _sources(self):
        """(id, source, head of its frame) of each statement; (status, None, None) at the end."""
        if not self.channel:
            for number, source in enumerate(_stdin.statements_in(sys.stdin), 1):
                yield number, source, {}
            return
        while True:
            kind, head, body = self._request()
            if kind == frames.EXECUTE:
                yield head.get("id", 0), body.decode("utf-8", "replace"), head
            elif kind in (frames.COMPLETE, frames.INSPECT):
                self._answer(kind, head, body.decode("utf-8", "replace"))
            elif kind == frames.LEFT_OUT:
                text = displays.as_text(body).decode("utf-8", "replace")
                self.left_out = text + (self.left_out or "")
            elif kind == frames.SHUTDOWN:
                status = head.get("status", 0)
                yield status if isinstance(status, int) else 1, None, None

    def _cells(self):
        """The module for what notebooks ask, ready; it needs IPython."""
        from pympi.session import cells
        cells.attach(self.runner)
        return cells

    def _answer(self, kind, head, text):
        """What is asked between statements. What fails at that (IPython is not there, an object answers with
        an exception) has no answer."""
        number, complete = head.get("id", 0), kind == frames.COMPLETE
        try:
            answers = self._cells() if head.get("cell") else _answers
            found = (answers.complete if complete else answers.inspect)(self.runner.names, text)
        except Exception:
            found = (len(text), []) if complete else ""
        if complete:
            self._send(frames.COMPLETED, "\n".join(found[1]), id=number, start=found[0])
        else:
            self._send(frames.INSPECTED, found, id=number)

    def _pieces(self, id_, source, head):
        """[(ranks or None, kind, code)] of a statement; None where it is wrong, and that is said."""
        try:
            if head.get("cell"):
                ranks, code = statements.cell(source)
                return [(_ranks_of(ranks), "cell", (code, head["cell"]))]
            if head.get("comm"):
                return [({0}, "comm", json.loads(source))]
            return [(_ranks_of(s.ranks), s.kind, s.code)
                    for s in map(statements.parse, statements.split(source))]
        except ValueError as e:
            self._say_wrong(id_, str(e))
            return None

    def _say_wrong(self, id_, text):
        if not self.channel:
            sys.stderr.write(f"{text}\n")
            return
        self._send(frames.ERROR, f"{text}\n", id=id_, ranks=_report.text_of(range(mpi.size)), all=True,
                   name="ValueError", value=text, peer=False)
        self._send(frames.DONE, id=id_, failed=_report.text_of(range(mpi.size)), seconds=0.0)

    def _request(self):
        """The front's next frame; at its end the one that ends the session."""
        while not self.requests:
            if not select.select([self.channel], [], [], LOOK)[0]:
                mpi.world.iprobe()
                continue
            data = self.channel.recv(1 << 16)
            if not data:
                return frames.SHUTDOWN, {"status": 1}, b""
            self.requests += self._read(data)
        return self.requests.pop(0)

    def _read(self, data):
        """Its whole frames; behind those before a damaged one, the one that ends the session."""
        try:
            return self.reader.feed(data)
        except frames.Damaged as e:
            sys.stderr.write(f"pympi: session: {e}\n")
            return [*e.frames, (frames.SHUTDOWN, {"status": 1}, b"")]

    # --- rank 0: what is said

    def _send(self, kind, body=b"", **head):
        self.channel.sendall(frames.pack(kind, head, _bytes_of(body)))

    def _greet(self, script):
        hosts = self.comm.gather(mpi.host)
        if mpi.rank == 0:
            library = mpi.library.split(",")[0].replace(" v", " ")
            self._send(frames.READY, version=frames.VERSION, pympi=control.version,
                       python=sys.version.split()[0], mpi=library, ranks=mpi.size,
                       nodes=len(set(hosts)), script=script)

    def _show(self, id_, report):
        """Results and errors, per group of equal ones; too many groups go to `_out`."""
        results, errors, hidden = report.groups()
        if hidden:
            self.left_out = hidden
        if not self.channel:
            _show_plainly(results, errors)
            return
        for group in results:
            self._send(frames.RESULT, group.text, id=id_, **group.head())
        for group in errors:
            self._send(frames.ERROR, group.text, id=id_, name=group.name, value=group.value,
                       peer=group.peer, **group.head())


def _channel():
    """Rank 0's way to the front, which came as its standard input; the others have none."""
    if mpi.rank:
        return True         # somebody is there
    channel = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return channel


def _bytes_of(text):
    """Texts as standard error has them: any character may be in one. Of a longer one than a frame can
    carry the beginning."""
    if isinstance(text, str):
        text = text.encode("utf-8", "backslashreplace")
    if len(text) <= frames.LONGEST:
        return text
    end = f"... ({len(text)} bytes)".encode()
    return text[:frames.LONGEST - len(end)] + end


def _words_of(exception):
    """What python3 says when a program leaves with this: a code that is no status."""
    if not isinstance(exception, SystemExit):
        return ""
    words = _report.leaving(exception)[1]
    return "" if words.lstrip("-").isdecimal() else f"{words}\n"


def _end_fork(exception, text):
    """A process that the statement forked and that came to its end is no rank: it ends here."""
    status = 0
    if isinstance(exception, SystemExit):
        status, text = _report.leaving(exception)[0], _words_of(exception)
    elif exception:
        status = 1
    _say(text)
    os._exit(status)


def _say(text):
    """To standard error, if the program has left one."""
    try:
        sys.stderr.write(text)
    except Exception:
        pass
    _runner.flush()


def _tame(handler):
    """The handler of a signal, between statements."""
    def between_statements(number, frame):
        try:
            handler(number, frame)
        except KeyboardInterrupt:
            pass
        except BaseException as e:
            _say("".join(traceback.format_exception(type(e), e, e.__traceback__.tb_next)))
    return between_statements


def _ranks_of(text):
    """The set of ranks, or None for all; ValueError for one that is not there."""
    if text is None:
        return None
    ranks = set()
    for first, last in statements.spans(text):
        if last >= mpi.size:
            raise ValueError(f"@{text}: there is no rank {last}; the ranks are 0 to {mpi.size - 1}")
        ranks.update(range(first, last + 1))
    return ranks


def _show_plainly(results, errors):
    """Without a front: errors to standard error; results only under -i, as python3 does it."""
    shown = [*(results if sys.flags.interactive else ()), *errors]
    for group in shown:
        tag = "" if group.all else f"[{group.ranks}] "
        stream = sys.stdout if group in results else sys.stderr
        stream.write("".join(tag + line for line in (group.text.rstrip("\n") + "\n").splitlines(True)))
        stream.flush()
