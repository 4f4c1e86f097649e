"""What the ranks of a session have to say of a statement, equal ones together.

SPDX-License-Identifier: MIT
"""
import itertools
from typing import NamedTuple

SHOWN = 8           # groups of one statement: of more, the first four and the last are shown


class Group(NamedTuple):
    """Ranks that say the same."""
    ranks: str
    all: bool
    text: str
    name: str = ""      # of the exception
    value: str = ""     # of the exception: its text alone
    peer: bool = False  # it came because another rank failed
    more: int = 0       # groups that were left out before this one

    def head(self):
        """What a frame says of it."""
        head = {"ranks": self.ranks, "all": self.all}
        return head | {"more": self.more} if self.more else head


def text_of(ranks):
    """text_of(ranks) -> str

    "0,2-3" for ranks in rising order. Local.
    """
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in _runs((r, r) for r in ranks))


def _runs(spans):
    """The spans, those that touch made one."""
    runs = []
    for first, last in spans:
        if runs and first <= runs[-1][1] + 1:
            runs[-1] = runs[-1][0], max(last, runs[-1][1])
        else:
            runs.append((first, last))
    return runs


class Report:
    """One rank's at first; all ranks', on rank 0, when it was merged."""

    def __init__(self, rank):
        self.rank = rank
        self.broken = False     # this rank failed
        self.failed = []        # the ranks that did
        self.status = None      # all ranks leave with it
        self._said = {}         # what was said: the spans of ranks that did
        self._times = []        # of each %time: slowest: (seconds, rank), fastest: the same
        self.answers = None     # to what a notebook asked behind its cell: those of the first rank that ran it

    def say_result(self, text):
        self._said["result", text, "", "", False] = [(self.rank, self.rank)]

    def say_time(self, seconds):
        self._times.append(((seconds, self.rank), (seconds, self.rank)))

    def fail(self, exception, text, leaves=True):
        """What the statement raised here. Leaving is no error where all do it, but breaks the waits of
        those that do not; without leaves it is an error like any."""
        self.broken = True
        if leaves and isinstance(exception, SystemExit):
            status, words = leaving(exception)
            self._said["exit", words, status, "", False] = [(self.rank, self.rank)]
            return
        from pympi import mpi
        self.say_error(text, type(exception).__name__, isinstance(exception, mpi.PeerError))

    def say_error(self, text, name, peer, value=""):
        self._said["error", text, name, value, peer] = [(self.rank, self.rank)]

    def merged(self, comm, failed):
        """The same for all ranks, on rank 0. Collective over comm."""
        whole = Report(self.rank)
        whole.failed = failed
        all_of_it = comm.reduce((self._said, self._times, self.answers), _merge)
        if all_of_it is not None:
            whole._said, whole._times, whole.answers = all_of_it
            whole._size = comm.size
        whole.status = comm.bcast(whole._leaving() if all_of_it is not None else None)
        return whole

    def _leaving(self):
        """The status, when every rank leaves: that of the first that has another than 0."""
        left = [(spans, name) for (kind, _, name, _, _), spans in self._said.items() if kind == "exit"]
        count = sum(last - first + 1 for spans, _ in left for first, last in spans)
        if count < self._size:
            return None
        return next((name for _, name in sorted(left) if name), 0)

    def groups(self):
        """(results, errors, what was left out or None), each in the order of the lowest ranks."""
        results, errors = [], []
        for (kind, text, name, value, peer), spans in sorted(self._said.items(), key=lambda item: item[1]):
            group = Group(text_of_spans(spans), spans == [(0, self._size - 1)], text, str(name), value, peer)
            if kind == "result":
                results.append(group)
            elif kind == "error":
                errors += [group] if text else []   # else a hook of the user's has shown it
            elif self.status is None:
                errors.append(group._replace(text=f"SystemExit: {text} (not on all ranks: the "
                                             "session goes on)\n", name="SystemExit"))
        for (most, slow), (least, fast) in self._times:
            results.append(Group(f"0-{self._size - 1}", True, time_text(most, slow, least, fast)))
        hidden = [_limit(results), _limit(errors)]
        return results, errors, "".join(filter(None, hidden)) or None


def text_of_spans(spans):
    """"0,2-3" for spans in rising order."""
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def time_text(most, slow, least, fast):
    """What %time shows: the slowest rank counts."""
    if slow == fast:
        return f"wall time {duration(most)}"
    return f"wall time {duration(most)} (rank {slow}; fastest {duration(least)}, rank {fast})"


def duration(seconds):
    """Three digits and a unit."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def leaving(exception):
    """leaving(exception) -> (int, str)

    What sys.exit(code) means: a status; and the code as a text. Local.
    """
    try:
        code = exception.code
        if code is None:
            return 0, "0"
        return (code & 0xff if isinstance(code, int) else 1), str(code)
    except Exception:
        return 1, "1"       # a code of the user's own


def _merge(lower, upper):
    """What two neighbouring runs of ranks say."""
    said = dict(lower[0])
    for key, spans in upper[0].items():
        said[key] = _runs(said.get(key, []) + spans)
    times = [_extremes(one, other) for one, other in itertools.zip_longest(lower[1], upper[1])]
    return said, times, upper[2] if lower[2] is None else lower[2]


def _extremes(one, other):
    """The slowest and the fastest of two runs of ranks, of which one may have no time."""
    if not one or not other:
        return one or other
    return max(one[0], other[0]), min(one[1], other[1])


def _limit(groups):
    """Leaves the middle out of too many; all of them as a text then, else None."""
    if len(groups) <= SHOWN:
        return None
    everything = "".join(f"[{g.ranks}]\n{g.text.rstrip()}\n" for g in groups)
    left_out = len(groups) - SHOWN // 2 - 1
    groups[SHOWN // 2:] = [groups[-1]._replace(more=left_out)]
    return everything
