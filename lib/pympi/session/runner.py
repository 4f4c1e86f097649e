"""Runs one statement of a session in ``__main__``: Python, %time, %timeit, %run, !command, help.

SPDX-License-Identifier: MIT
"""
import __future__
import ast
import builtins
import contextlib
import linecache
import os
import signal
import subprocess
import sys
import threading
import time
import timeit
import traceback

from pympi import mpi
from pympi.session import answers as _answers
from pympi.session import report as _report
from pympi.session import stdin as _stdin

LONG_ENOUGH = 0.2       # seconds that one turn of %timeit takes at least
TURNS = 5
GRACE = 0.25            # seconds that a command has to heed ^C

_OURS = {os.path.join(os.path.dirname(__file__), name)
         for name in ("runner.py", "stdin.py", "loop.py", "cells.py", "comms.py")}
_FUTURES = [getattr(__future__, name) for name in __future__.all_feature_names]


class Runner:
    """The interpreter's state of one rank."""

    def __init__(self, comm):
        self.comm = comm
        self.names = sys.modules["__main__"].__dict__
        self.names.setdefault("mpi", mpi)
        self.flags = 0          # of `from __future__ import ...`
        self.hook = sys.displayhook
        self.failure_hook = sys.excepthook
        if not sys.flags.isolated and not getattr(sys.flags, "safe_path", False):
            sys.path.insert(0, "")

    def run(self, report, number, kind, code, ranks):
        """Runs a statement of this kind; its result goes into the report. Raises what it raises."""
        getattr(self, "_run_" + kind)(report, f"<prompt {number}>", code, ranks)

    def explain(self, exception):
        """The traceback without our own frames; one line where another rank or pdb's `q` is the cause."""
        kind, trace = type(exception), _without_ours(exception.__traceback__)
        exception.__traceback__ = trace
        sys.last_type, sys.last_value, sys.last_traceback = kind, exception, trace
        sys.last_exc = exception
        if isinstance(exception, mpi.PeerError) or (kind.__module__, kind.__name__) == ("bdb", "BdbQuit"):
            return "".join(traceback.format_exception_only(kind, exception))
        text = "".join(traceback.format_exception(kind, exception, trace))
        if sys.excepthook is self.failure_hook or isinstance(exception, SystemExit):
            return text
        try:
            sys.excepthook(kind, exception, trace)
            return ""
        except Exception as e:
            own = "".join(traceback.format_exception(type(e), e, _without_ours(e.__traceback__)))
            return f"Error in sys.excepthook:\n{own}\nOriginal exception was:\n{text}"

    # --- Python

    def _run_python(self, report, name, code, ranks):
        body, last = self._compile(name, code)
        for part in body:
            exec(part, self.names)
        if last:
            self._show(report, eval(last, self.names))

    def _compile(self, name, code):
        """(code objects, that of a last expression or None)."""
        _remember(name, code)
        tree, last = apart(compile(code, name, "exec", ast.PyCF_ONLY_AST | self.flags, dont_inherit=True))
        body = [self._code(ast.Interactive([node]), name, "single") for node in tree.body]
        return body, self._code(last, name, "eval") if last else None

    def _code(self, tree, name, mode):
        code = compile(tree, name, mode, self.flags, dont_inherit=True)
        for feature in _FUTURES:
            self.flags |= code.co_flags & feature.compiler_flag
        return code

    def _show(self, report, value):
        """What python3's prompt does with a value; but the front shows it."""
        if sys.displayhook is not self.hook:
            sys.displayhook(value)
        elif value is not None:
            builtins._ = None
            text = repr(value)
            builtins._ = value
            report.say_result(text)

    def _run_time(self, report, name, code, ranks):
        began = time.perf_counter()
        self._run_python(report, name, code, ranks)
        report.say_time(time.perf_counter() - began)

    def _run_timeit(self, report, name, code, ranks):
        _remember(name, code)
        self.time_it(report, code, ranks)

    def time_it(self, report, code, ranks, setup=""):
        """All ranks repeat it equally often; the slowest counts, and of the turns the best."""
        timer = timeit.Timer(code, setup or "pass", globals=self.names)
        comm = self._among(ranks)
        number, seconds = 1, comm.allreduce(timer.timeit(1), mpi.MAX)
        while seconds < LONG_ENOUGH:
            number = max(number * 2, min(number * 10, int(number * LONG_ENOUGH / (seconds + 1e-9))))
            seconds = comm.allreduce(timer.timeit(number), mpi.MAX)
        turns = [seconds] + [comm.allreduce(timer.timeit(number), mpi.MAX) for _ in range(TURNS - 1)]
        best, worst = min(turns) / number, max(turns) / number
        report.say_result(f"{_report.duration(best)} each, the best of {TURNS} turns of {number} "
                          f"(worst {_report.duration(worst)}; the slowest rank counts)")

    def _among(self, ranks):
        """The ranks that run this."""
        return self.comm if ranks is None else self.comm[sorted(ranks)]

    # --- programs

    def _run_file(self, report, name, path, ranks):
        """The script of the command line, as `python3 -i script` runs it."""
        if sys.path and sys.path[0] == "":
            sys.path[0] = os.path.dirname(os.path.realpath(path))
        self.names["__file__"] = path
        self._exec_file(path, self.names)

    def _run_startup(self, report, name, path, ranks):
        self._exec_file(path, self.names)

    def _run_command(self, report, name, code, ranks):
        exec(compile(code, "<string>", "exec", dont_inherit=True), self.names)

    def _run_module(self, report, name, module, ranks):
        import runpy
        self.names.update(runpy.run_module(module, run_name="__main__", alter_sys=True))

    def _run_run(self, report, name, code, ranks):
        """A file in names of its own, which the prompt has afterwards."""
        import shlex
        words = shlex.split(code)
        names = {"__name__": "__main__", "__file__": words[0], "__builtins__": builtins}
        argv, path = sys.argv, sys.path[:]
        sys.argv = words
        sys.path.insert(0, os.path.dirname(os.path.realpath(words[0])))
        try:
            self._exec_file(words[0], names)
        except SystemExit as e:
            if _report.leaving(e)[0]:
                raise
        finally:
            sys.argv, sys.path[:] = argv, path
            names.pop("__name__"), names.pop("__file__")
            self.names.update(names)

    def _exec_file(self, path, names):
        with open(path, "rb") as file:
            exec(compile(file.read(), path, "exec", dont_inherit=True), names)

    # --- the rest

    def _run_shell(self, report, name, command, ranks):
        """On rank 0, unless ranks were named."""
        if ranks is None and mpi.rank:
            return
        status = self.names["_exit_code"] = run_command(command)
        if status:
            print(f"!: status {status}" if status > 0 else f"!: ended by signal {-status}",
                  file=sys.stderr)

    def _run_help(self, report, name, expression, ranks):
        print(_answers.inspect(self.names, expression), end="")


def run_command(command):
    """run_command(command) -> status

    Runs it in a shell, whose input is empty. Local. What interrupts this ends all that the shell has started.
    """
    flush()
    process = None
    try:
        with _interrupt_held():
            process = subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL)
        return process.wait()
    except KeyboardInterrupt:
        if process:
            _end_family(process)
        raise KeyboardInterrupt from None       # whose traceback ends where the command stands


@contextlib.contextmanager
def _interrupt_held():
    """^C is raised behind the block: within it a process would be left of which nobody knows."""
    if threading.current_thread() is not threading.main_thread():
        yield       # ^C is not for it
        return
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def _end_family(process):
    family = _family(process.pid)
    for number in signal.SIGINT, signal.SIGKILL:
        for pid in family:
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)


def _family(pid):
    """The process and all below it. They are in the rank's own group, by which a launcher ends them."""
    below = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
            parent = int(file.read().rpartition(b")")[2].split()[1])
            below.setdefault(parent, []).append(int(name))
    family = [pid]
    for one in family:      # which grows meanwhile
        family += below.get(one, [])
    return family


def _remember(name, code):
    """What tracebacks show of it. With the last line's end: CPython 3.11 counts it where it puts its marks."""
    lines = [line + "\n" for line in code.split("\n")]
    linecache.cache[name] = len(code), None, lines, name


def _is_ours(trace):
    return trace.tb_frame.f_code.co_filename in _OURS


def _without_ours(trace):
    """The user's frames: not those that run them, nor those at the end."""
    while trace and _is_ours(trace):
        trace = trace.tb_next
    cut_end(trace)
    return trace


def cut_end(trace):
    """cut_end(trace)

    Takes away the frames at the end that are ours, of input() and the handler of ^C. Local.
    """
    last = at = trace
    while at and (at := at.tb_next):
        if not _is_ours(at):
            last = at
    if last:
        last.tb_next = None


def apart(tree):
    """apart(tree) -> (tree, Expression or None)

    A module's tree without its last line, and that line where it is an expression. Local.
    """
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    return tree, ast.Expression(last.value) if last else None


def flush():
    """What Python holds back is written."""
    for name in "stdout", "stderr":
        try:
            getattr(sys, name).flush()
        except Exception:
            pass    # the program has closed, replaced or deleted it
