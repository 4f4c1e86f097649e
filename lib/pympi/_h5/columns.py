"""Writing parts of rows: ranks exchange what they have for whole rows, which lie in one piece in the file.

A file takes many small pieces badly, above all of several ranks at once. Here each rank brings a block of the
rows together, some at a time, and writes them while the next are under way. SPDX-License-Identifier: MIT
"""
import itertools
import math

import numpy as np

from pympi import _rounds
from pympi._h5 import selections
from pympi._shares import block

RUN = 128 << 10     # bytes of a file behind each other that a rank may as well write by itself


class Slab:
    """A part of a dataset that ranks share out along an axis.

    origin: where it begins; parts: each rank's range of the axis, from there on.
    """

    def __init__(self, axis, origin, shape, parts):
        self.axis, self.origin, self.shape, self.parts = axis, origin, shape, parts

    def is_scattered(self, itemsize):
        """Whether the ranks' parts are many small pieces of the file."""
        longest = max(len(part) if part.step == 1 else 1 for part in self.parts)
        piece = longest * math.prod(self.shape[self.axis + 1:]) * itemsize
        return math.prod(self.shape[:self.axis]) > 1 and piece < RUN


def whole(shape, axis, lengths):
    """A dataset that is shared out along an axis, by these lengths. Local."""
    bounds = itertools.accumulate(lengths, initial=0)
    return Slab(axis, (0,) * len(shape), shape, [range(*pair) for pair in itertools.pairwise(bounds)])


def box_of(chosen):
    """A selection's (first, last + 1, step) of each axis, None where there is none, False where it is no box. Local."""
    if not chosen.count:
        return None
    axes = chosen.axes or ()
    plain = axes and all(isinstance(axis, range) for axis in axes)
    return plain and tuple((axis[0], axis[-1] + 1, axis.step if len(axis) > 1 else 1) for axis in axes)


def found(shape, boxes):
    """The Slab that ranks' boxes are parts of; or None. Local, the same on every rank."""
    there = [box for box in boxes if box is not None]
    if len(there) < 2 or not all(there):
        return None
    differ = [axis for axis, sides in enumerate(zip(*there)) if len(set(sides)) > 1]
    if len(differ) != 1:
        return None
    axis, = differ
    if any(side[2] != 1 for side in there[0][:axis]):
        return None
    if any(side != (0, n, 1) for side, n in zip(there[0][axis + 1:], shape[axis + 1:])):
        return None
    sides = sorted(box[axis] for box in there)
    if not (_in_a_row(sides) or _in_turn(sides)):
        return None
    first, last = sides[0][0], max(side[1] for side in sides)
    origin, ends, _ = zip(*there[0][:axis], (first, last, 1), *there[0][axis + 1:])
    parts = [range(0) if box is None else range(box[axis][0] - first, box[axis][1] - first, box[axis][2])
             for box in boxes]
    return Slab(axis, origin, tuple(e - o for o, e in zip(origin, ends)), parts)


def _in_a_row(sides):
    """Whether each begins where the one before ends."""
    return all(step == 1 for _, _, step in sides) and all(
        one[1] == other[0] for one, other in itertools.pairwise(sides))


def _in_turn(sides):
    """Whether they are dealt out one by one."""
    firsts, ends, steps = zip(*sides)
    return set(steps) == {len(sides)} and all(
        places[-1] - places[0] == len(places) - 1 == len(set(places)) - 1 for places in (firsts, sorted(ends)))


class Rows:
    """The rows of a slab: all axes before the one that is split, one behind the other."""

    def __init__(self, team, slab, itemsize, array):
        """array is this rank's part, maybe of a type of its own; itemsize the dataset's."""
        self.rank, self.slab, self.array = team.rank, slab, array
        self.shape, self.axis = slab.shape, slab.axis
        count = math.prod(self.shape[:self.axis])
        row = math.prod(self.shape[self.axis:]) * itemsize
        self.blocks = [block(count, rank, team.size) for rank in range(team.size)]
        self.step = max(1, _rounds.at_once(team.size) // max(1, row))
        self.most = max(stop - start for start, stop in self.blocks)
        self.memory = 3 * min(self.step, self.most) * row
        self.room = None    # for the rows of a round
        self.given = 0      # bytes for other ranks
        self.error = None

    def _range(self, rank, at):
        """The rows that a rank brings together when each has done so many."""
        start, stop = self.blocks[rank]
        return min(start + at, stop), min(start + at + self.step, stop)

    def rounds(self):
        """What this rank gives the others, in each round; its own part, which is at hand, is None."""
        for at in range(0, self.most, self.step):
            parts = [None] * len(self.blocks)
            try:
                for rank in range(len(parts)):
                    if rank != self.rank:
                        parts[rank] = self._own(*self._range(rank, at))
                        self.given += parts[rank].nbytes
            except Exception as e:
                self.error = self.error or e    # the others still exchange
            yield parts

    def _own(self, first, last):
        """This rank's part of the rows first..last-1: (rows, its length, the rest)."""
        rest = self.array.shape[self.axis:]
        parts = [np.empty((0, *rest), self.array.dtype)] if first == last else [
            self.array[tuple(slice(r.start, r.stop) for r in axes)].reshape(math.prod(map(len, axes)), *rest)
            for axes in selections.spans(self.shape[:self.axis], first, last)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def take(self, number, got, put):
        """Brings together what came in a round, and has it written: put(selection, array)."""
        first, last = self._range(self.rank, number * self.step)
        try:
            if first < last and self.error is None:
                got[self.rank] = self._own(first, last)
                if not any(part is None for part in got):   # whoever gave none has failed, and says so
                    self._put(first, last, got, put)
        except BaseException as e:
            self.error = e      # the others still exchange

    def _put(self, first, last, parts, put):
        if self.room is None:
            self.room = np.empty((min(self.step, self.most), *self.shape[self.axis:]), np.result_type(*parts))
        rows = self.room[:last - first]
        for part, own in zip(parts, self.slab.parts):
            rows[:, own.start:own.stop:own.step] = part
        done = 0
        for axes in selections.spans(self.shape[:self.axis], first, last):
            axes += tuple(map(range, self.shape[self.axis:]))
            where = selections.slab([o + axis.start for o, axis in zip(self.slab.origin, axes)], list(map(len, axes)))
            count = math.prod(where.full[:self.axis])
            put(where, rows[done:done + count].reshape(where.full))
            done += count


def put_columns(dataset, slab, array, put):
    """Each rank's part of a slab. Collective, behind an agreement; put(selection, array) writes elements."""
    state, team = dataset._state, dataset._state.team
    if not slab.parts[team.rank]:
        array = np.empty(slab.shape[:slab.axis] + (0,) + slab.shape[slab.axis + 1:], array.dtype)
    rows = Rows(team, slab, dataset.dtype.itemsize, array)
    state.counts.note_memory(rows.memory)
    with state.counts.shown("written", array.nbytes):
        for number, got in enumerate(_rounds.exchanged(team.comm, rows.rounds())):
            rows.take(number, got, put)
    state.counts.exchanged += rows.given
    team.settle("write", rows.error, structural=False)
