"""Ranks that change a file do so all together and alike, or not at all.

SPDX-License-Identifier: MIT
"""
import builtins

from pympi import mpi


class Disagreement(mpi.Error):
    """Ranks asked for different things in one collective call; nothing was done."""


_MASK = (1 << 62) - 1
_left = []      # requests of ranks that went away with an exception


def hashed(data):
    """Return a number of 62 bits for bytes, the same on every rank. Local."""
    import hashlib
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little") & _MASK


def _both(one, other):
    """What two groups of ranks are known to be like: how many failed, the least and the highest hash."""
    return one[0] + other[0], min(one[1], other[1]), max(one[2], other[2])


def _ranges(ranks):
    """"rank 1", "ranks 0 and 2-4"."""
    parts = []
    for rank in sorted(ranks):
        if parts and parts[-1][1] == rank - 1:
            parts[-1][1] = rank
        else:
            parts.append([rank, rank])
    texts = [str(a) if a == b else f"{a}-{b}" for a, b in parts]
    text = texts[0] if len(texts) == 1 else ", ".join(texts[:-1]) + " and " + texts[-1]
    return ("rank " if len(ranks) == 1 else "ranks ") + text


def _grouped(texts):
    groups = {}
    for rank, text in enumerate(texts):
        groups.setdefault(text, []).append(rank)
    return groups


def _told(error):
    """What the others are told of an exception: class, number, text."""
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    number = error.errno if isinstance(error, OSError) else None
    return type(error).__name__, number, str(getattr(error, "strerror", None) or text)


def _raised(call, ranks, told):
    """The exception of those that did not fail themselves: of the same class where that is a built-in one."""
    name, number, text = told
    cls = getattr(builtins, name, None)
    said = text if text.startswith(f"{call}: ") else f"{call}: {text}"
    said += f" (on {_ranges(ranks)})"
    if not (isinstance(cls, type) and issubclass(cls, Exception)) or issubclass(cls, UnicodeError):
        return mpi.PeerError(f"{call}: {name} on {_ranges(ranks)}: {text}")
    return cls(number, said) if number is not None else cls(said)


class Team:
    """The ranks that have a file open to write, and how far they have come."""

    def __init__(self, comm):
        self.comm, self.rank, self.size = comm, comm.rank, comm.size
        self.serial = 0         # of what has been done together
        self.broken = None      # why nothing can be any more
        self.store = None       # of the file, whose end is compared

    def agree(self, call, words=(), error=None):
        """All ranks are here with equal words and without an exception, or all raise.

        Collective. words are (name, value) pairs of which the values' repr has to be equal.
        """
        if self.size == 1:
            if error is not None:
                raise error
            return
        if error is not None:
            self.give_up(call, error)
            raise error
        text = f"{call}({', '.join(f'{name}={value!r}' for name, value in words)})"
        own = hashed(f"{self.serial} {self.store and self.store.end} {text}".encode())
        failed, low, high = self.comm.iallreduce((0, own, own), _both).wait()
        if failed or low != high:
            self._differ(call, self.comm.iallgather((self.serial, text, None)).wait())

    def give_up(self, call, error):
        """Tells the others of an exception here, when they come, without waiting for them. Local."""
        if self.size > 1:
            _left[:] = [r for r in _left if not r.test()[0]]
            _left.append(self.comm.iallreduce((1, 0, 0), _both))
            _left.append(self.comm.iallgather((self.serial, call, _told(error))))

    def _differ(self, call, told):
        """Raises what the ranks' (serial, text, exception) come to."""
        if len({serial for serial, _, _ in told}) > 1:
            self.broken = "an operation was left by some ranks in its midst"
        failed = [rank for rank, (_, _, error) in enumerate(told) if error]
        if failed:
            first = told[failed[0]][2]
            raise _raised(call, [r for r in failed if told[r][2] == first], first)
        call = told[0][1].partition("(")[0]
        groups = _grouped(text for _, text, _ in told)
        if len(groups) == 1:
            self.broken = self.broken or "the ranks have come to different files in memory"
            raise Disagreement(f"{call}: {self.broken}")
        said = "; ".join(f"{_ranges(ranks)} asked for {text}" for text, ranks in list(groups.items())[:4])
        raise Disagreement(f"{call}: ranks differ, and nothing was done: {said}")

    def run(self, call, words, act, structural=True):
        """act() on all ranks, between two agreements; what it gives. Collective.

        A structural change that fails on some ranks only leaves them with different files in memory: then
        nothing can be done with the file any more.
        """
        self.check(call)
        self.agree(call, words)
        if self.size == 1:
            return act()
        result = error = None
        try:
            result = act()
        except BaseException as e:
            error = e
        self.settle(call, error, structural)
        return result

    def settle(self, call, error, structural=True):
        """Behind what all did: all raise when one failed. Collective."""
        try:
            failed, _, _ = self.comm.iallreduce((int(error is not None), 0, 0), _both).wait()
        except BaseException:
            self.broken = "an operation was broken in its midst"
            raise
        self.serial += 1
        if not failed:
            return
        if structural and failed < self.size:
            self.broken = f"{call} failed on {failed} of {self.size} ranks"
        told = self.comm.iallgather((self.serial, call, error and _told(error))).wait()
        if error is not None:
            raise error
        self._differ(call, told)

    def check(self, call):
        """Raise when nothing can be done any more. Local."""
        if self.broken:
            raise mpi.Error(f"{call}: {self.broken}; what was flushed is on the disk")

    def first(self, call, act):
        """What act() gives on rank 0, on all ranks; or its exception. Collective."""
        value = error = None
        if self.rank == 0:
            try:
                value = act()
            except BaseException as e:
                error = e
        if self.size == 1:
            if error is not None:
                raise error
            return value
        value, told = self.comm.bcast((value, error and _told(error)))
        if error is not None:
            raise error
        if told:
            raise _raised(call, [0], told)
        return value
