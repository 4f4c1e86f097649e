"""Counts in bins between edges, and of small integers.

SPDX-License-Identifier: MIT
"""
import numpy as np

import _pympi_reductions as kernels
from pympi import mpi
from pympi._statistics import stream
from pympi._statistics.extremes import Extremes
from pympi._statistics.tree import REAL, run


class Tally:
    """Counts, or sums of weights, of places from 0 on; as many as are needed."""

    def __init__(self):
        self.counts = self.weights = self.kind = None
        self.done = 0

    def __getstate__(self):     # this rank's weights do not travel
        return {"counts": self.counts, "kind": self.kind}

    def weigh(self, x, weights):
        """Take weights for the elements of x, which come next, in their order."""
        weights = np.asarray(weights)
        if weights.shape != np.shape(x):
            raise ValueError(f"weights of shape {weights.shape} do not fit elements of shape {np.shape(x)}")
        if weights.dtype.kind not in REAL:
            raise TypeError(f"weights of dtype {weights.dtype} are no real numbers")
        self.kind = weights.dtype
        self.weights = np.ascontiguousarray(weights.reshape(-1), np.float64)

    def next(self, rows, keep):
        """The rows that are kept, and their weights or None."""
        weights = None
        if self.weights is not None:
            weights = self.weights[self.done:self.done + len(rows)]
            self.done += len(rows)
        if keep is None:
            return rows, weights
        return rows[keep], None if weights is None else weights[keep]

    def merge(self, other):
        if other.counts is None:
            return
        if self.counts is None:
            self.counts, self.kind = other.counts, other.kind
            return
        if self.kind is not None:
            self.kind = np.result_type(self.kind, other.kind)
        short, long = sorted((self.counts, other.counts), key=len)
        self.counts = long.copy()
        self.counts[:len(short)] += short

    def end(self):
        pass


def beside(state, x, weights):
    """x, behind its weights; what is wrong with these is raised where x is read."""
    state.weigh(x, weights)
    yield x


class Bins(Tally):
    """Counts between the edges that edges_of makes for a type of elements."""

    def __init__(self, edges_of, even):
        super().__init__()
        self.edges_of, self.even, self.edges = edges_of, even, None

    def update(self, rows, keep):
        if self.edges is None:
            self.edges = np.ascontiguousarray(self.edges_of(rows.dtype), np.float64)
            kind = np.int64 if self.weights is None else np.float64
            self.counts = np.zeros(max(len(self.edges) - 1, 0), kind)
        rows, weights = self.next(rows, keep)
        if rows.dtype.char not in "dfbBhHiIlLqQ?":
            rows = rows.astype(np.float64)
        if len(self.counts):
            kernels.histogram(np.ascontiguousarray(rows), weights, self.edges, self.even, self.counts)


def range_of(x, comm, terms):
    """The smallest and the largest of all ranks' elements, in an array; empty where there are none."""
    whole = run("histogram", Extremes(["low", "high"], False, False), x, comm, terms=terms, kinds=REAL)
    low, high = (side.value for side in whole.state.sides)
    if low is None or not whole.state.sides[0].seen:
        return np.empty(0, whole.dtype)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"histogram: autodetected range of [{low}, {high}] is not finite")
    return np.array([low, high], whole.dtype)


def comparable(bins):
    """What ranks compare of bins."""
    return np.asarray(bins).tolist() if np.ndim(bins) else bins


def histogram(x, bins=10, range=None, comm=mpi.world, *, density=False, weights=None):
    """(counts, edges): how many of all ranks' elements are in each bin, as numpy.histogram.

    Collective over comm: one reduction; with an automatic range two, and x is read twice. Counts are exact,
    and the same for any distribution. bins: how many, or edges in order. range: (low, high), by default
    from the smallest to the largest element. What is outside is left out, NaN too; without a range an
    element that is not finite is a ValueError on every rank. density=True divides by the sum and the
    widths. weights: of x's shape; their sums are made in float64 and depend on the distribution in
    their last bits. NumPy's names of estimators are not taken for bins.
    """
    even, limits = np.ndim(bins) == 0, range

    def terms():
        if isinstance(bins, str):
            raise TypeError(f"histogram: bins must be a number or edges, not {bins!r}")
        return comparable(bins), None if range is None else tuple(range), weights is None, bool(density)

    if even and range is None:
        x = stream.Kept(x) if weights is None else x
        limits = range_of(x, comm, terms)

    def edges_of(dtype):
        if even and range is None:      # of its smallest and largest element an array has the edges
            return np.histogram_bin_edges(limits.astype(dtype), bins)
        return np.histogram_bin_edges(np.empty(0, dtype), bins, limits)

    state = Bins(edges_of, even)
    data = x if weights is None else beside(state, x, weights)
    whole = run("histogram", state, data, comm, terms=terms, kinds=REAL)
    return finished(whole, edges_of(whole.dtype), density)


def finished(whole, edges, density):
    counts = whole.state.counts
    if whole.state.kind is not None:
        counts = counts.astype(np.result_type(whole.state.kind))
    if density:
        with np.errstate(all="ignore"):
            return counts / np.diff(edges).astype(float) / counts.sum(), edges
    return counts, edges


class Integers(Tally):
    def update(self, rows, keep):
        rows, weights = self.next(rows, keep)
        self.add(np.bincount(rows, weights))

    def add(self, counts):
        if self.counts is None:
            self.counts = counts
        else:
            other = Tally()
            other.counts, other.kind = counts, self.kind
            self.merge(other)


def bincount(x, weights=None, minlength=0, comm=mpi.world):
    """How often each number from 0 to the largest occurs among all ranks' elements, as numpy.bincount.

    Collective over comm: one reduction, of as many counts as the largest number needs. Counts are exact.
    weights: of x's shape; float64 sums of them instead, which depend on the distribution in their last bits.
    Raises ValueError for negative numbers and TypeError for what is no integer, on every rank.
    """
    state = Integers()
    data = x if weights is None else beside(state, x, weights)
    whole = run("bincount", state, data, comm, terms=lambda: (minlength, weights is None), kinds="biu")
    counts = whole.state.counts
    return np.concatenate([counts, np.zeros(max(minlength - len(counts), 0), counts.dtype)])
