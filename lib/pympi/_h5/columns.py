"""Writing parts of rows: ranks exchange what they have for whole rows, which lie in one piece in the file.

A file takes many small pieces badly, above all of several ranks at once. Here each rank brings a block of the
rows together, some at a time, and writes them while the next are under way. SPDX-License-Identifier: MIT
"""
import math

import numpy as np

from pympi import _rounds
from pympi._h5 import selections
from pympi._shares import block


class Rows:
    """The rows of a dataset: all axes before the one that is split, one behind the other."""

    def __init__(self, team, shape, itemsize, array, axis, lengths):
        """array is this rank's part, lengths[rank] long along axis, maybe of a type of its own."""
        self.rank, self.shape, self.array, self.axis = team.rank, shape, array, axis
        self.ends = np.cumsum(lengths)
        self.starts = self.ends - lengths
        count = math.prod(shape[:axis])
        row = math.prod(shape[axis:]) * itemsize
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
        for part, start, end in zip(parts, self.starts, self.ends):
            rows[:, start:end] = part
        done = 0
        for axes in selections.spans(self.shape[:self.axis], first, last):
            where = selections.whole(axes + tuple(range(n) for n in self.shape[self.axis:]))
            count = math.prod(map(len, axes))
            put(where, rows[done:done + count].reshape(where.full))
            done += count


def put_columns(dataset, array, axis, lengths, put):
    """Parts behind each other along an axis, of these lengths, each of which is short. Collective.

    Behind an agreement; put(selection, array) writes this rank's elements.
    """
    state, team = dataset._state, dataset._state.team
    rows = Rows(team, dataset.shape, dataset.dtype.itemsize, array, axis, lengths)
    state.counts.note_memory(rows.memory)
    for number, got in enumerate(_rounds.exchanged(team.comm, rows.rounds())):
        rows.take(number, got, put)
    state.counts.exchanged += rows.given
    team.settle("write", rows.error, structural=False)
