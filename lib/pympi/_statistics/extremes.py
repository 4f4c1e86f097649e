"""Smallest and largest elements, and where they are.

SPDX-License-Identifier: MIT
"""
import numpy as np

import _pympi_reductions as kernels
from pympi import mpi
from pympi._statistics import stream
from pympi._statistics.tree import ORDERED, run


class Side:
    """The best element of each column so far: its value, its place, and whether there is one at all."""

    def __init__(self, high):
        self.high = high
        self.value = self.place = self.seen = None

    def take(self, value, place, seen):
        """What comes behind: it has to be better, for ties go to the lowest place."""
        if self.value is None:
            self.value, self.place, self.seen = map(np.asarray, (value, place, seen))
            return
        both = np.stack([self.value, np.asarray(value)])
        second = (both.argmax(0) if self.high else both.argmin(0)) == 1
        second = seen & (second | ~self.seen)
        self.value = np.where(second, value, self.value).astype(both.dtype)
        self.place = np.where(second, place, self.place)
        self.seen = self.seen | seen


class Extremes:
    """One or both sides of each column; skip leaves NaN out, places says whether those are wanted."""

    def __init__(self, sides, places, skip):
        self.sides = [Side(side == "high") for side in sides]
        self.places, self.skip, self.count, self.masked = places, skip, 0, False

    def update(self, rows, keep):
        self.masked |= keep is not None
        if len(rows) and rows.ndim == 1 and keep is None and by_kernel(rows):
            found = kernels.extremes(rows, self.skip)
            for side in self.sides:
                self.take_one(side, rows, found[side.high])
            self.count += len(rows)
            return
        for some, some_keep in stream.rows_of(rows, keep):
            some_keep = stream.numbers(some, some_keep, self.skip)
            for side in self.sides:
                value, place, seen = best(some, some_keep, side.high, self.places)
                side.take(value, place + self.count, seen)
            self.count += len(some)

    def take_one(self, side, rows, place):
        if place >= 0:
            side.take(rows[place], place + self.count, True)
        else:
            side.take(rows[0], 0, False)

    def merge(self, other):
        for side, behind in zip(self.sides, other.sides):
            if behind.value is not None:
                side.take(behind.value, behind.place + self.count, behind.seen)
        self.count += other.count
        self.masked |= other.masked

    def end(self):
        pass


def by_kernel(rows):
    return rows.dtype.char in "df" and rows.flags.c_contiguous


def best(rows, keep, high, places):
    """(value, place, seen) of each column."""
    if keep is not None:
        return best_kept(rows, keep, high)
    if not places:
        return rows.max(0) if high else rows.min(0), 0, np.True_
    place = rows.argmax(0) if high else rows.argmin(0)
    return np.take_along_axis(rows, place[None], 0)[0] if rows.ndim > 1 else rows[place], place, np.True_


def best_kept(rows, keep, high):
    """Among those that are kept. What is left out gets the value of one that is not, column by column."""
    first = keep.argmax(0)[None]
    filled = np.where(keep, rows, np.take_along_axis(rows, first, 0))
    place = filled.argmax(0) if high else filled.argmin(0)
    value = np.take_along_axis(filled, place[None], 0)[0]
    equal = keep & ((rows == value) | (rows != rows) & (value != value))
    return value, equal.argmax(0), keep.any(0)


NOTHING = {
    "min": "zero-size array to reduction operation minimum which has no identity",
    "max": "zero-size array to reduction operation maximum which has no identity",
    "argmin": "attempt to get argmin of an empty sequence",
    "argmax": "attempt to get argmax of an empty sequence",
}


def find(call, x, axis, comm, keepdims, sides, places, skip):
    """The Whole of an Extremes, all of whose columns have something; else ValueError on every rank."""
    whole = run(call, Extremes(sides, places, skip), x, comm, axis, keepdims, None, ORDERED)
    if not whole.state.count and np.prod(whole.shape):
        name = call.removeprefix("nan")
        raise ValueError(f"{call}: {NOTHING.get(name, NOTHING['min'])}")
    return whole


def values_of(whole, number):
    """The values of a side. Where there is none: masked, or of the nan forms NaN."""
    side = whole.state.sides[number]
    if side.value is None:
        return whole.shaped(np.empty(whole.shape, whole.dtype))
    value, seen = side.value, np.broadcast_to(side.seen, side.value.shape)
    if seen.all():
        return whole.shaped(value)
    if whole.state.skip and not whole.state.masked:
        return whole.shaped(np.where(seen, value, nothing(value.dtype)).astype(value.dtype))
    return whole.shaped(np.ma.array(value, mask=~seen))


def nothing(dtype):
    return np.array("NaT", dtype) if dtype.kind in "mM" else np.nan


def places_of(call, whole):
    side = whole.state.sides[0]
    if side.value is None:
        return whole.shaped(np.empty(whole.shape, np.intp))
    if not np.all(side.seen):
        raise ValueError(f"{call}: a slice has no element that counts, all are NaN or masked")
    return whole.shaped(np.broadcast_to(side.place, side.value.shape).astype(np.intp))


def min(x, axis=None, comm=mpi.world, *, keepdims=False):
    """The smallest of all ranks' elements, along axis; NaN where there is one.

    Collective over comm: one reduction. Exact, one read of memory. x: an array, list or iterator, a part of
    it on each rank; parts may differ along axis. Masked elements are left out. Raises, on every rank,
    ValueError where all ranks have no elements, TypeError and ValueError for what is not ordered or does
    not fit.
    """
    return values_of(find("min", x, axis, comm, keepdims, ["low"], False, False), 0)


def max(x, axis=None, comm=mpi.world, *, keepdims=False):
    """The largest of all ranks' elements, along axis; NaN where there is one.

    Collective over comm: one reduction. As `min`, which see.
    """
    return values_of(find("max", x, axis, comm, keepdims, ["high"], False, False), 0)


def minmax(x, axis=None, comm=mpi.world, *, keepdims=False):
    """(smallest, largest) of all ranks' elements, along axis, as by `min` and `max`.

    Collective over comm: one reduction. Exact, one read of memory for both.
    """
    whole = find("minmax", x, axis, comm, keepdims, ["low", "high"], False, False)
    return values_of(whole, 0), values_of(whole, 1)


def argmin(x, axis=None, comm=mpi.world, *, keepdims=False):
    """The place of the smallest of all ranks' elements, along axis; of equal ones the lowest.

    Collective over comm: one reduction. Places count through the ranks: behind the elements (along axis, or
    without one all elements in C's order) of rank 0 come those of rank 1. The first NaN counts as the
    smallest. Raises as `min`.
    """
    return places_of("argmin", find("argmin", x, axis, comm, keepdims, ["low"], True, False))


def argmax(x, axis=None, comm=mpi.world, *, keepdims=False):
    """The place of the largest of all ranks' elements, along axis; of equal ones the lowest.

    Collective over comm: one reduction. As `argmin`, which see.
    """
    return places_of("argmax", find("argmax", x, axis, comm, keepdims, ["high"], True, False))


def nanmin(x, axis=None, comm=mpi.world, *, keepdims=False):
    """The smallest of all ranks' elements that are not NaN, along axis; NaN where all are.

    Collective over comm: one reduction. As `min`, which see.
    """
    return values_of(find("nanmin", x, axis, comm, keepdims, ["low"], False, True), 0)


def nanmax(x, axis=None, comm=mpi.world, *, keepdims=False):
    """The largest of all ranks' elements that are not NaN, along axis; NaN where all are.

    Collective over comm: one reduction. As `min`, which see.
    """
    return values_of(find("nanmax", x, axis, comm, keepdims, ["high"], False, True), 0)


def nanminmax(x, axis=None, comm=mpi.world, *, keepdims=False):
    """(smallest, largest) of all ranks' elements that are not NaN, along axis.

    Collective over comm: one reduction. As `minmax`, which see.
    """
    whole = find("nanminmax", x, axis, comm, keepdims, ["low", "high"], False, True)
    return values_of(whole, 0), values_of(whole, 1)


def nanargmin(x, axis=None, comm=mpi.world, *, keepdims=False):
    """The place of the smallest of all ranks' elements that are not NaN, along axis.

    Collective over comm: one reduction. As `argmin`; ValueError on every rank where all are NaN.
    """
    return places_of("nanargmin", find("nanargmin", x, axis, comm, keepdims, ["low"], True, True))


def nanargmax(x, axis=None, comm=mpi.world, *, keepdims=False):
    """The place of the largest of all ranks' elements that are not NaN, along axis.

    Collective over comm: one reduction. As `argmin`; ValueError on every rank where all are NaN.
    """
    return places_of("nanargmax", find("nanargmax", x, axis, comm, keepdims, ["high"], True, True))
