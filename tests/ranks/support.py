"""Runs a unittest file on all ranks at once, over several communicators, to one common verdict.

A test class derives from Comms and uses self.comm. Each class runs three times: over the world,
over a communicator of one rank, and over the two halves of the world. All ranks run the same
tests in the same order, and after each one they tell each other how it went: one rank's failure
fails it everywhere. A rank that fails while the others wait for it ends the job after a while.
"""
# SPDX-License-Identifier: MIT

import os
import sys
import threading
import time
import traceback
import unittest

import mpi

# How long a rank that failed waits for the others to come to the verdict.
PATIENCE = 10.0
FULL = "PYMPI_TEST_FULL" in os.environ
SANITIZED = "PYMPI_TEST_SANITIZED" in os.environ
SEED = int(os.environ.get("PYMPI_TEST_SEED", "1"))

_control = None     # verdicts have a communicator of their own, made by main


class Comms(unittest.TestCase):
    """The base of all test classes. `over` says on which communicators a class runs."""
    over = ("world", "self", "halves")
    comm = None
    maxDiff = None

    def need(self, ranks):
        """Skip the test on a communicator of fewer ranks: the same on each of its ranks."""
        if self.comm.size < ranks:
            self.skipTest(f"needs {ranks} ranks")

    def right(self, by=1):
        return (self.comm.rank + by) % self.comm.size

    def left(self, by=1):
        return (self.comm.rank - by) % self.comm.size

    def everywhere(self, value):
        """Every rank's value (a small one), by messages alone: to assert on what others got."""
        rank, size = self.comm.rank, self.comm.size
        values = [value if r == rank else None for r in range(size)]
        for step in range(1, size):
            self.comm.send(value, (rank + step) % size, 30_000 + step)
            values[(rank - step) % size] = self.comm.recv((rank - step) % size, 30_000 + step)
        return values


def numpy_or_skip():
    """NumPy, or the end of the test."""
    try:
        import numpy
        return numpy
    except ImportError:
        raise unittest.SkipTest("NumPy is not installed") from None


class Outcome(unittest.TestResult):
    """One test's outcome on this rank: state and traceback."""

    def __init__(self):
        super().__init__()
        self.state, self.text = "ok", ""

    def bad(self, test, error):
        self.state = "FAIL"
        self.text += self._exc_info_to_string(error, test)

    addError = addFailure = bad

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.text += f"with {subtest._subDescription()}\n"
            self.bad(test, error)

    def addSkip(self, test, reason):
        if self.state == "ok":
            self.state, self.text = "skip", reason


def _bound(case, name, comm):
    """The class bound to a communicator, its name saying which."""
    return type(f"{case.__name__}[{name}]", (case,), {"comm": comm, "__module__": case.__module__})


def _communicators():
    """(name, communicator) of those that this size allows."""
    rank, size = mpi.world.rank, mpi.world.size
    yield "world", mpi.world
    if size > 1:
        yield "self", mpi.world.split(rank)
        yield "halves", mpi.world.split(rank * 2 // size)


def _cases(module):
    """The test classes of the module, in the order of their names."""
    found = [c for c in vars(module).values() if isinstance(c, type)
             and issubclass(c, Comms) and c.__module__ == module.__name__]
    return sorted(found, key=lambda c: c.__name__)


def _tests(module):
    """All bound tests, the same on each rank."""
    comms = dict(_communicators())
    words = os.environ.get("PYMPI_TEST_ONLY", "").split(",")
    for case in _cases(module):
        for name in case.over:
            if name in comms:
                bound = _bound(case, name, comms[name])
                for method in unittest.TestLoader().getTestCaseNames(bound):
                    if any(w in f"{bound.__name__}.{method}" for w in words):
                        yield bound(method)


def _give_up(name, text):
    """The others did not come to the verdict: say what failed here and end the job."""
    frame = sys._current_frames()[threading.main_thread().ident]
    where = "".join(traceback.format_stack(frame)[-3:])
    sys.stderr.write(f"FAIL {name} [{mpi.world.rank}]\n{text}"
                     f"the other ranks have not ended this test after {PATIENCE:.0f} s; "
                     f"this one is at\n{where}")
    sys.stderr.flush()
    mpi.world.abort(3)
    os._exit(3)


def _verdict(name, outcome):
    """Every rank's (state, text); a rank that failed does not wait for ever."""
    watch = threading.Timer(PATIENCE, _give_up, (name, outcome.text))
    watch.daemon = True
    if outcome.state == "FAIL":
        watch.start()
    try:
        return _control.allgather((outcome.state, outcome.text))
    finally:
        watch.cancel()


def ranges(ranks):
    """[0,2-4] for 0, 2, 3, 4."""
    parts, ranks = [], sorted(ranks)
    for r in ranks:
        if parts and parts[-1][1] == r - 1:
            parts[-1][1] = r
        else:
            parts.append([r, r])
    return "[" + ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts) + "]"


def _report(name, outcomes):
    """On rank 0: the tracebacks, equal ones once with their ranks."""
    groups = {}
    for rank, (state, text) in enumerate(outcomes):
        if state == "FAIL":
            groups.setdefault(text, []).append(rank)
    for text, ranks in groups.items():
        print(f"FAIL {name} {ranges(ranks)}\n{text}", flush=True)


def _common(states):
    """One state out of all ranks': a failure anywhere fails; skipped only when skipped on all."""
    if "FAIL" in states:
        return "FAIL"
    return "skip" if all(s == "skip" for s in states) else "ok"


def _run(test, counts):
    outcome = Outcome()
    test.run(outcome)
    name = f"{type(test).__name__}.{test._testMethodName}"
    outcomes = _verdict(name, outcome)
    state = _common([s for s, _ in outcomes])
    counts[state] += 1
    if mpi.world.rank == 0:
        if state == "FAIL":
            _report(name, outcomes)
        elif "PYMPI_TEST_VERBOSE" in os.environ:
            print(f"{state:<4} {name}", flush=True)


def main():
    """Run the tests of the program that calls this; the last thing in each file."""
    global _control
    _control = mpi.world.dup()
    counts, start = {"ok": 0, "FAIL": 0, "skip": 0}, time.monotonic()
    for test in _tests(sys.modules["__main__"]):
        _run(test, counts)
    if mpi.world.rank == 0:
        print(f"{sum(counts.values())} tests in {time.monotonic() - start:.2f} s")
        print(f"pympi-test: ranks={mpi.world.size} ran={counts['ok'] + counts['FAIL']} "
              f"failed={counts['FAIL']} skipped={counts['skip']}", flush=True)
