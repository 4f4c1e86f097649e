"""Which indices of an axis belong to which rank.

SPDX-License-Identifier: MIT
"""
import zlib
from operator import index

import numpy as np


class Shares:
    """How `length` indices are dealt out to `size` ranks, the same on every rank. Local.

    By default each rank has a block, as numpy.array_split makes them; counts: blocks of these lengths;
    cyclic: blocks of so many indices in turn; owners: for each index the rank that has it. halo: so many
    more on both sides of a rank's block, or a pair (before, behind), as far as there are any.
    Raises TypeError and ValueError for arguments that do not fit.
    """

    def __init__(self, length, size, counts=None, cyclic=None, owners=None, halo=0):
        if (counts is not None) + (cyclic is not None) + (owners is not None) > 1:
            raise TypeError("counts, cyclic and owners exclude each other")
        self.length, self.size = length, size
        self.cyclic = None if cyclic is None else _positive("cyclic", cyclic)
        self.owners = None if owners is None else _owners(owners, length, size)
        self.before, self.behind = _halo(halo)
        self.bounds = self.counts = None
        if counts is not None:
            self.counts = _counts(counts, length, size)
            self.bounds = np.concatenate([[0], np.cumsum(self.counts)])
        elif self.cyclic is None and self.owners is None:
            self.bounds = np.concatenate([[0], np.cumsum(block_counts(length, size))])
        elif self.before or self.behind:
            raise ValueError("a halo is for blocks, not for cyclic or owners")

    @property
    def in_blocks(self):
        """Whether each rank's indices are a range."""
        return self.bounds is not None

    def range(self, rank):
        """The first index of a rank's block and the one behind its last, halo included."""
        start, stop = int(self.bounds[rank]), int(self.bounds[rank + 1])
        if start == stop:
            return start, stop      # of an empty block there is nothing around
        return max(0, start - self.before), min(self.length, stop + self.behind)

    def indices(self, rank):
        """A rank's indices: a range, or an increasing array."""
        if self.in_blocks:
            return range(*self.range(rank))
        if self.cyclic == 1:
            return range(rank, self.length, self.size)
        return self.within(rank, 0, self.length)[0]

    def count(self, rank):
        """How many indices a rank has."""
        if self.in_blocks:
            start, stop = self.range(rank)
            return stop - start
        return self._before(rank, self.length)

    def within(self, rank, first, last):
        """Those of a rank's indices that are in first..last-1: (the indices, less first; where they
        stand among the rank's own). Both are slices or arrays, and as long as each other."""
        if self.in_blocks:
            start, stop = self.range(rank)
            low, high = max(start, first), min(stop, last)
            high = max(low, high)
            return slice(low - first, high - first), slice(low - start, high - start)
        place = self._before(rank, first)
        if self.owners is not None:
            found = np.flatnonzero(self.owners[first:last] == rank)
        else:
            turns, rest = np.divmod(np.arange(place, self._before(rank, last)), self.cyclic)
            found = (turns * self.size + rank) * self.cyclic + rest - first
        return found, slice(place, place + len(found))

    def _before(self, rank, end):
        """How many of the indices below end are the rank's, which are not a block."""
        if self.owners is not None:
            return int(np.count_nonzero(self.owners[:end] == rank))
        turns, rest = divmod(end, self.cyclic * self.size)
        return turns * self.cyclic + min(max(rest - rank * self.cyclic, 0), self.cyclic)

    def words(self):
        """What ranks have to agree on: pairs of a name and a value."""
        owners = None if self.owners is None else zlib.crc32(np.asarray(self.owners, "<i8").tobytes())
        return (("halo", (self.before, self.behind)), ("cyclic", self.cyclic), ("counts", self.counts),
                ("the sum of owners", owners))


def axis_of(split, dimensions):
    """The axis of a split, from 0 on. Raises TypeError and ValueError where there is none."""
    axis = _integer("split", split)
    if not -dimensions <= axis < dimensions:
        raise ValueError(f"split is {axis}, and the array has {dimensions} dimensions")
    return axis % dimensions


def block(length, rank, size):
    """The first index of a rank's block and the one behind its last, as numpy.array_split makes them."""
    part, rest = divmod(length, size)
    start = rank * part + min(rank, rest)
    return start, start + part + (rank < rest)


def block_counts(length, size):
    """The lengths of the blocks of numpy.array_split."""
    return [length // size + (rank < length % size) for rank in range(size)]


def _integer(name, value):
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, and no integer") from None


def _counts(counts, length, size):
    if not hasattr(counts, "__iter__"):
        raise TypeError(f"counts is {counts!r}, and not a length for each of {size} ranks")
    counts = [_integer("one of counts", count) for count in counts]
    if len(counts) != size or min(counts) < 0 or sum(counts) != length:
        raise ValueError(f"counts {counts} are not {size} lengths that add up to {length}")
    return counts


def _positive(name, value):
    value = _integer(name, value)
    if value < 1:
        raise ValueError(f"{name} is {value}, and not 1 at least")
    return value


def _owners(owners, length, size):
    owners = np.asarray(owners)
    if owners.shape != (length,) or owners.dtype.kind not in "iu":
        raise ValueError(f"owners has shape {owners.shape} and type {owners.dtype}, not a rank for each "
                         f"of {length} indices")
    if length and not (0 <= owners.min() and owners.max() < size):
        raise ValueError(f"owners names ranks {owners.min()} to {owners.max()} of {size}")
    return owners


def _halo(halo):
    pair = halo if isinstance(halo, (tuple, list)) else (halo, halo)
    if len(pair) != 2:
        raise ValueError(f"halo is {halo}, and neither a number nor a pair")
    before, behind = (_integer("halo", value) for value in pair)
    if before < 0 or behind < 0:
        raise ValueError(f"a halo of {halo} is negative")
    return before, behind
