"""Shares of an array that lies in a file, row after row.

SPDX-License-Identifier: MIT

The file's array is taken as (outer, length, inner), of which the ranks share out the middle. Where a
rank's share is in long runs, it reads and writes them by itself. Where it is scattered (a split of the
last axis, cyclic shares), ranks read whole pieces that lie behind each other and exchange what is in them:
each byte of the file is read once, by one rank, whatever the split. While a piece is read or written the
next one's parts are on their way.
"""
import itertools
import math

import numpy as np

from pympi import _rounds
from pympi._agree import Attempt, meet
from pympi._io.files import read_into, write_from
from pympi._shares import block_counts

READ_RUN = 16 << 10     # bytes behind each other that are worth a call of their own
WRITE_RUN = 256 << 10   # the same: several ranks' small pieces keep a file's pages locked
BOX = 1 << 20           # bytes of a piece that goes by way of a copy


class Layout:
    """Where an array of a file is: its shape, row-major, the type of its elements, the first byte."""

    def __init__(self, name, shape, dtype, offset, axis):
        self.name, self.dtype, self.offset = name, dtype, offset
        self.outer = math.prod(shape[:axis])
        self.length = shape[axis]
        self.inner = math.prod(shape[axis + 1:])
        self.step = self.inner * dtype.itemsize     # bytes of an index of the axis
        self.most = BOX                             # bytes of a piece that is exchanged
        self.group(max(self.outer, 1), 0)

    def group(self, rows, size):
        """Outer rows lie behind each other in groups of so many, which are `size` bytes apart."""
        self.rows, self.size = max(rows, 1), size

    def place(self, outer, at):
        """The file's byte where index `at` of the axis begins."""
        group, row = divmod(outer, self.rows)
        return self.offset + group * self.size + (row * self.length + at) * self.step

    def runs_are_long(self, shares, run):
        """Whether ranks do without each other: the same answer on every rank."""
        if not shares.in_blocks:
            return False
        longest = max(shares.count(rank) for rank in range(shares.size))
        return self.outer == 1 or longest * self.step >= run

    def boxes(self):
        """The pieces that cover the array: how many, and how many of the outer rows or how many indices
        of one row each has."""
        row = self.length * self.step
        if row == 0:
            return 0, 1, 0
        if row <= self.most:
            rows = max(1, self.most // max(row, 1))
            return -(-self.outer // rows), rows, self.length
        few = max(1, self.most // self.step)
        return self.outer * -(-self.length // few), 1, few

    def box(self, number):
        """Outer rows and indices of a piece: (first, last), (first, last)."""
        _, rows, few = self.boxes()
        if few == self.length:
            return (number * rows, min(self.outer, (number + 1) * rows)), (0, self.length)
        row, place = divmod(number, -(-self.length // few))
        return (row, row + 1), (place * few, min(self.length, (place + 1) * few))


def read(comm, call, fd, layout, shares):
    """Return this rank's share as an array (outer, its indices, inner). Collective over comm."""
    attempt, mine = Attempt(), None
    with attempt:
        mine = np.empty((layout.outer, shares.count(comm.rank), layout.inner), layout.dtype)
    meet(comm, call, attempt)
    if layout.runs_are_long(shares, READ_RUN):
        with attempt:
            _read_runs(fd, layout, shares.range(comm.rank)[0], mine)
    else:
        _read_boxes(comm, fd, layout, shares, mine, attempt)
    meet(comm, call, attempt)
    return mine


def write(comm, fd, layout, shares, mine, attempt):
    """Write this rank's share, (outer, its indices, inner). Collective over comm.

    What goes wrong is left in the attempt.
    """
    if layout.runs_are_long(shares, WRITE_RUN):
        with attempt:
            _write_runs(fd, layout, shares.range(comm.rank)[0], mine)
    else:
        _write_boxes(comm, fd, layout, shares, mine, attempt)


def as_bytes(array):
    """The memory of a contiguous array, of whatever type."""
    return array.reshape(-1).view(np.uint8) if array.nbytes else b""


def _read_runs(fd, layout, start, mine):
    for outer in range(layout.outer):
        read_into(fd, as_bytes(mine[outer]), layout.place(outer, start), layout.name)


def _write_runs(fd, layout, start, mine):
    """What is not in one piece goes by way of copies of some of it."""
    for outer in range(layout.outer):
        run = mine[outer]
        few = max(1, len(run) if run.flags.c_contiguous else BOX // max(layout.step, 1))
        for first in range(0, len(run), few):
            some = np.ascontiguousarray(run[first:first + few])
            write_from(fd, as_bytes(some), layout.place(outer, start + first))


def _turns(layout, size):
    """In each round the pieces of all ranks, each of which has a run of them; None: it has no more."""
    layout.most = _rounds.at_once(size)
    bounds = [0, *itertools.accumulate(block_counts(layout.boxes()[0], size))]
    for number in range(bounds[1]):
        yield [layout.box(first + number) if first + number < last else None
               for first, last in itertools.pairwise(bounds)]


def _read_boxes(comm, fd, layout, shares, mine, attempt):
    """Read pieces, and deal out what is in them."""
    def given():
        for boxes in _turns(layout, comm.size):
            box, parts = boxes[comm.rank], [None] * comm.size
            if box is not None:
                piece = _empty(layout, box)
                with attempt:
                    _read_box(fd, layout, box, piece)
                parts = [piece[:, shares.within(rank, *box[1])[0]] for rank in range(comm.size)]
                take(box, parts[comm.rank])
                parts[comm.rank] = None
            yield parts

    def take(box, part):
        mine[slice(*box[0]), shares.within(comm.rank, *box[1])[1]] = part

    for boxes, got in zip(_turns(layout, comm.size), _rounds.exchanged(comm, given())):
        for box, part in zip(boxes, got):
            if part is not None:
                take(box, part)


def _read_box(fd, layout, box, piece):
    """Read a piece: what lies behind each other at once."""
    (row, last), (first, _) = box
    while row < last:
        end = min(last, row - row % layout.rows + layout.rows)
        part = piece[row - box[0][0]:end - box[0][0]]
        read_into(fd, as_bytes(part), layout.place(row, first), layout.name)
        row = end


def _write_boxes(comm, fd, layout, shares, mine, attempt):
    """Collect what belongs into pieces, and write them."""
    def part_of(box):
        return mine[slice(*box[0]), shares.within(comm.rank, *box[1])[1]]

    def given():
        for boxes in _turns(layout, comm.size):
            yield [None if box is None or rank == comm.rank else part_of(box) for rank, box in enumerate(boxes)]

    for boxes, got in zip(_turns(layout, comm.size), _rounds.exchanged(comm, given())):
        box = boxes[comm.rank]
        if box is not None:
            got[comm.rank] = part_of(box)
            piece = _empty(layout, box)
            for rank, part in enumerate(got):
                piece[:, shares.within(rank, *box[1])[0]] = part
            with attempt:
                write_from(fd, as_bytes(piece), layout.place(box[0][0], box[1][0]))


def _empty(layout, box):
    (top, bottom), (first, last) = box
    return np.empty((bottom - top, last - first, layout.inner), layout.dtype)
