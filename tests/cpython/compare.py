"""One module of CPython's tests under two interpreters: the verdicts, and where they differ."""
# SPDX-License-Identifier: MIT

import collections
import dataclasses

import verdicts

RERUNS = 2


def read_known(path, version):
    """{test: reason} of the file's lines that are for this version of Python."""
    known = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                test, where, reason = line.split(None, 2)
                if where in ("all", version):
                    known[test] = reason.strip()
    return known


@dataclasses.dataclass
class Difference:
    """A test with another verdict; again: those of python3 and pympi in each run alone."""
    test: str
    theirs: str
    ours: str
    text: str                                       # what it said where it did not pass
    again: list = dataclasses.field(default_factory=list)

    @property
    def settled(self):
        """Alone, the two agree each time: it depends on the moment."""
        return bool(self.again) and all(theirs == ours for theirs, ours in self.again)


@dataclasses.dataclass
class Comparison:
    """The two runs of a module, their differences, and the reasons that are written for them."""
    name: str
    theirs: verdicts.Run
    ours: verdicts.Run
    differences: list
    known: dict

    @property
    def unexpected(self):
        return [d for d in self.differences if not d.settled and d.test not in self.known]

    @property
    def outdated(self):
        there = {d.test for d in self.differences}
        return [test for test in self.known if test not in there]

    @property
    def passed(self):
        return bool(self.theirs.states) and not self.unexpected and not self.outdated

    def show(self):
        """Print the module's lines of the table, and a line or more for each difference."""
        count = sum(not d.settled for d in self.differences)
        word = "ok" if self.passed else "FAIL"
        print(f"{word:<4} {self.name:<28} python3 {numbers(self.theirs)}")
        print(f"{'':<33} pympi   {numbers(self.ours)}   {count} differ")
        for d in self.differences:
            reason = (self.known.get(d.test) or
                      ("varies: alone both agree" if d.settled else "UNEXPECTED"))
            print(f"     {d.test}: {d.theirs}, under pympi {d.ours}\n          {reason}")
            if d in self.unexpected:
                print("".join(f"     | {line}\n" for line in d.text.splitlines()[-40:]), end="")
        for test in self.outdated:
            print(f"     {test}: does not differ, though a reason is written: {self.known[test]}")
        print(end="", flush=True)


def numbers(run):
    """How many tests ended how, and the seconds, as text."""
    n = collections.Counter(run.states.values())
    others = sum(n.values()) - n["ok"] - n["failed"] - n["skipped"]
    return (f"{n['ok']:4} ok {n['failed']:3} failed {n['skipped']:3} skipped"
            + (f" {others} other" if others else "") + f" {run.seconds:6.1f} s")


def run_again(name, differences, python, opts):
    """Run the tests that differ alone, under both, and note what became of them."""
    tests = [d.test for d in differences]
    for _ in range(RERUNS):
        theirs, ours = (verdicts.run(p, name, opts, tests) for p in (python, opts.pympi))
        for d in differences:
            d.again.append((theirs.state(d.test), ours.state(d.test)))


def module(name, python, opts, known):
    """Run a module under python and under pympi; return the Comparison."""
    theirs, ours = (verdicts.run(p, name, opts) for p in (python, opts.pympi))
    tests = [*theirs.states, *(t for t in ours.states if t not in theirs.states)]
    differences = [Difference(t, theirs.state(t), ours.state(t),
                              ours.texts.get(t) or theirs.texts.get(t, ""))
                   for t in tests if theirs.state(t) != ours.state(t)]
    known = {t: reason for t, reason in known.items() if t.split(".")[0] == name}
    doubtful = [d for d in differences if d.test not in known]
    if doubtful:
        run_again(name, doubtful, python, opts)
    return Comparison(name, theirs, ours, differences, known)
