"""Distinct elements, how often they occur, and the k largest.

SPDX-License-Identifier: MIT
"""
import operator

import numpy as np

from pympi import mpi
from pympi._statistics import stream
from pympi._statistics.tree import NAMED, REAL, run


class Distinct:
    """The distinct elements in order, with their counts and first places. NaN is one element."""

    def __init__(self):
        self.values = self.counts = self.places = None
        self.waiting, self.size, self.seen = [], 0, 0

    def update(self, rows, keep):
        for some, some_keep in stream.rows_of(rows, keep):
            places = np.arange(self.seen, self.seen + len(some))
            self.seen += len(some)
            if some_keep is not None:
                some, places = some[some_keep], places[some_keep]
            self.wait(some, np.ones(len(some), np.int64), places)
        if self.values is None and not self.waiting:
            self.wait(rows[:0], np.empty(0, np.int64), np.empty(0, np.int64))

    def wait(self, values, counts, places):
        """What comes is put in when it is as much as what is there: so all that is sorted n log n."""
        if len(values):
            values, first, inverse = np.unique(values, return_index=True, return_inverse=True)
            counts, places = sums_at(inverse, counts, len(values)), places[first]
        self.waiting.append((values, counts, places))
        self.size += len(values)
        if self.size > max(stream.BLOCK, 0 if self.values is None else len(self.values)):
            self.end()

    def end(self):
        if not self.waiting:
            return
        if self.values is not None:
            self.waiting.insert(0, (self.values, self.counts, self.places))
        values, counts, places = map(np.concatenate, zip(*self.waiting))
        self.waiting, self.size = [], 0
        self.values, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        self.counts = sums_at(inverse, counts, len(self.values))
        self.places = places[first]

    def merge(self, other):
        if other.values is not None:
            self.waiting.append((other.values, other.counts, other.places + self.seen))
            self.end()
        self.seen += other.seen


def sums_at(places, counts, size):
    sums = np.zeros(size, np.int64)
    np.add.at(sums, places, counts)
    return sums


def unique(x, comm=mpi.world, *, return_index=False, return_inverse=False, return_counts=False):
    """The distinct elements of all ranks, in order, on every rank, as numpy.unique.

    Collective over comm: one reduction; what travels is the distinct elements. Exact. return_index adds the
    place of each one's first occurrence, counted through the ranks; return_inverse this rank's elements as
    places in the result; return_counts how often each occurs. NaN is one element. Masked elements are left out.
    """
    if return_inverse:
        x = stream.Kept(x)
    whole = run("unique", Distinct(), x, comm, kinds=NAMED)
    state = whole.state
    results = [state.values]
    if return_index:
        results.append(state.places)
    if return_inverse:
        results.append(inverse_of(x, state.values))
    if return_counts:
        results.append(state.counts)
    return tuple(results) if len(results) > 1 else state.values


def inverse_of(x, values):
    """Where each element is among values; searchsorted has NaN at the end, as unique."""
    places = [np.searchsorted(values, rows if keep is None else rows[keep])
              for array, whole_keep in stream.blocks("unique", x)
              for rows, keep in stream.folded(array, whole_keep, None)]
    return np.concatenate(places) if places else np.empty(0, np.intp)


def value_counts(x, comm=mpi.world, *, normalize=False):
    """(values, counts) of all ranks' distinct elements: the most frequent first, of equal ones the smaller.

    Collective over comm: one reduction; what travels is the distinct elements. Exact; normalize=True divides
    by the number of elements. NaN is one element; masked elements are left out.
    """
    state = run("value_counts", Distinct(), x, comm, terms=lambda: (bool(normalize),), kinds=NAMED).state
    order = np.argsort(-state.counts, kind="stable")
    counts = state.counts[order]
    return state.values[order], counts / counts.sum() if normalize else counts


class Top:
    """The k best of what came, in order, with their places; of equal ones the first."""

    def __init__(self, k, largest):
        self.k, self.largest, self.seen = k, largest, 0
        self.values = self.places = None

    def update(self, rows, keep):
        for some, some_keep in stream.rows_of(rows, keep):
            there = stream.numbers(some, some_keep, True)
            places = np.arange(self.seen, self.seen + len(some))
            self.seen += len(some)
            if self.values is not None and len(self.values) == self.k:
                better = self.better(some)
                there = better if there is None else there & better
            if there is not None:
                some, places = some[there], places[there]
            self.take(some, places)
        if self.values is None:
            self.take(rows[:0], np.empty(0, np.intp))

    def better(self, some):
        """Where an element is better than the last: an equal one comes too late."""
        if not self.k:
            return np.zeros(len(some), bool)
        return some > self.values[-1] if self.largest else some < self.values[-1]

    def take(self, values, places):
        if self.values is not None:
            values = np.concatenate([self.values, values])
            places = np.concatenate([self.places, places])
        if self.largest:
            order = np.lexsort((-places, values))[::-1][:self.k]
        else:
            order = np.lexsort((places, values))[:self.k]
        self.values, self.places = values[order], places[order]

    def merge(self, other):
        if other.values is not None:
            self.take(other.values, other.places + self.seen)
        self.seen += other.seen

    def end(self):
        pass


def top_k(x, k, comm=mpi.world, *, largest=True):
    """(values, places) of the k largest of all ranks' elements, the largest first; of equal ones the first.

    Collective over comm: one reduction, of at most k elements. Exact, one read of memory. Places count
    through the ranks. Fewer than k where there are no more. largest=False gives the smallest. NaN and masked
    elements are left out.
    """
    state = Top(0, bool(largest))

    def terms():
        state.k = operator.index(k)
        if state.k < 0:
            raise ValueError(f"top_k: k is {k}, less than 0")
        return state.k, state.largest

    whole = run("top_k", state, x, comm, terms=terms, kinds=REAL)
    return whole.state.values, whole.state.places
