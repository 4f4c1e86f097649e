"""Variance, its root, skewness, kurtosis and covariance, by moments that merge.

SPDX-License-Identifier: MIT
"""
import numpy as np

import _pympi_reductions as kernels
from pympi import mpi
from pympi._statistics import stream
from pympi._statistics.tree import NUMBERS, REAL, run


class Moments:
    """Count, mean in two numbers, and sums of the powers of the distances from it, of each column.

    Merged by the formulas of Chan, Golub and LeVeque (1979) and Pébay (2008, SAND2008-6212).
    """

    def __init__(self, order, skip=False):
        self.order, self.skip, self.sums = order, skip, None

    def update(self, rows, keep):
        if rows.ndim == 1 and keep is None and not self.skip and by_kernel(rows):
            self.take(kernel_moments(rows, self.order))
            return
        for some, some_keep in stream.rows_of(rows, keep):
            some_keep = stream.numbers(some, some_keep, self.skip)
            if some.ndim == 1 and some_keep is not None:
                some, some_keep = some[some_keep], None
            if some.ndim == 1 and by_kernel(some):
                self.take(kernel_moments(some, self.order))
            else:
                self.take(moments_of(some, some_keep, self.order))
        if not len(rows):
            self.take((np.zeros(rows.shape[1:]),) * 6)

    def take(self, sums):
        self.sums = sums if self.sums is None else merged(self.sums, sums, self.order)

    def merge(self, other):
        if other.sums is not None:
            with np.errstate(all="ignore"):
                self.take(other.sums)

    def end(self):
        pass


def kernel_moments(rows, order):
    return tuple(np.array(kernels.moments(rows, order)))


def by_kernel(rows):
    return rows.dtype.char in "dfbBhHiIlLqQ?" and rows.flags.c_contiguous


def moments_of(rows, keep, order):
    """The sums of rows, column by column, with NumPy's own loops; two passes over what is in the cache."""
    rows = rows.astype(np.result_type(rows.dtype, np.float64))
    if not len(rows):
        return (np.zeros(rows.shape[1:]),) * 6
    if keep is None:
        count, some = np.float64(len(rows)), len(rows)
        first = rows[0]
    else:
        rows[~keep] = 0
        count = keep.sum(0).astype(np.float64)
        some = np.maximum(count, 1)
        first = np.take_along_axis(rows, keep.argmax(0)[None], 0)[0]
    distance = rows - first     # so that equal elements have exactly their mean
    if keep is not None:
        distance[~keep] = 0
    mean = first + distance.sum(0) / some
    distance = rows - mean
    if keep is not None:
        distance[~keep] = 0
    off = distance.sum(0) / some
    return (np.broadcast_to(count, mean.shape), mean, off, *powers(distance, off, count, order))


def powers(distance, off, count, order):
    """Sums of the powers of distances, corrected for what the mean was off."""
    if np.iscomplexobj(distance):
        square = (distance * distance.conj()).real.sum(0) - count * (off * off.conj()).real
        return square, 0.0, 0.0
    two = distance * distance
    m2 = two.sum(0)
    if order == 2:
        return m2 - count * off * off, 0.0, 0.0
    m3, m4 = (two * distance).sum(0), (two * two).sum(0)
    return (m2 - count * off**2, m3 - 3 * off * m2 + 2 * count * off**3,
            m4 - 4 * off * m3 + 6 * off**2 * m2 - 3 * count * off**4)


def merged(a, b, order):
    """The sums of both."""
    na, mean_a, low_a, a2, a3, a4 = a
    nb, mean_b, low_b, b2, b3, b4 = b
    n = na + nb
    some = np.maximum(n, 1)
    d = (mean_b - mean_a) + (low_b - low_a)
    part = d * (nb / some)
    mean, lost = two_sum(mean_a, part)
    none = na == 0      # then low_b would be lost in d
    mean, low = np.where(none, mean_b, mean), np.where(none, low_b, low_a + lost)
    square = (d * np.conj(part)).real * na
    m2 = a2 + b2 + square
    if order == 2:
        return n, mean, low, m2, 0.0, 0.0
    m3 = a3 + b3 + square * d * (na - nb) / some + 3 * d * (na * b2 - nb * a2) / some
    m4 = (a4 + b4 + square * d * d * (na * na - na * nb + nb * nb) / some**2
          + 6 * d * d * (na * na * b2 + nb * nb * a2) / some**2 + 4 * d * (na * b3 - nb * a3) / some)
    return n, mean, low, m2, m3, m4


def two_sum(a, b):
    """a + b, and what the rounding took (Knuth)."""
    both = a + b
    back = both - a
    return both, (a - (both - back)) + (b - back)


def real_dtype(dtype, wanted):
    """The type of a result: as NumPy's, float64 for integers and the real one for complex numbers."""
    if wanted is not None:
        return np.dtype(wanted)
    if dtype.kind == "c":
        return np.empty(0, dtype).real.dtype
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def variance(call, x, axis, comm, dtype, ddof, keepdims, skip, root=False):
    def terms():
        return ddof, None if dtype is None else np.dtype(dtype).str

    whole = run(call, Moments(2, skip), x, comm, axis, keepdims, terms, NUMBERS)
    count, _, _, m2, _, _ = whole.state.sums
    with np.errstate(all="ignore"):
        values = np.asarray(m2 / np.maximum(count - ddof, 0))
        if skip:
            values = np.where(count > ddof, values, np.nan)
        values = np.sqrt(values) if root else values
        return whole.shaped(values.astype(real_dtype(whole.dtype, dtype)))


def var(x, axis=None, comm=mpi.world, *, dtype=None, ddof=0, keepdims=False):
    """The variance of all ranks' elements, along axis.

    Collective over comm: one reduction. One read of memory; computed in float64, or wider where the elements
    are, and rounded once more to the result's type. The last bits depend on how many ranks there are. Where
    all ranks have no more than ddof elements it is NaN, or infinite as numpy's is.

    x: an array, list or iterator, a part of it on each rank; parts may differ along axis. ddof: what
    is taken off the count. Masked elements are left out. Raises TypeError and ValueError on every rank
    for elements that are no numbers, or types and shapes that do not fit.
    Chan, Golub, LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
    """
    return variance("var", x, axis, comm, dtype, ddof, keepdims, False)


def std(x, axis=None, comm=mpi.world, *, dtype=None, ddof=0, keepdims=False):
    """The standard deviation of all ranks' elements, along axis: the root of `var`, which see.

    Collective over comm: one reduction.
    """
    return variance("std", x, axis, comm, dtype, ddof, keepdims, False, root=True)


def nanvar(x, axis=None, comm=mpi.world, *, dtype=None, ddof=0, keepdims=False):
    """The variance of all ranks' elements that are not NaN, along axis; NaN where ddof are fewer.

    Collective over comm: one reduction. Cost, rounding and source as `var`.
    """
    return variance("nanvar", x, axis, comm, dtype, ddof, keepdims, True)


def nanstd(x, axis=None, comm=mpi.world, *, dtype=None, ddof=0, keepdims=False):
    """The standard deviation of all ranks' elements that are not NaN, along axis: the root of `nanvar`.

    Collective over comm: one reduction.
    """
    return variance("nanstd", x, axis, comm, dtype, ddof, keepdims, True, root=True)


def skew(x, axis=None, comm=mpi.world, *, bias=True, keepdims=False):
    """The skewness m3 / m2**1.5 of all ranks' elements, along axis; NaN where all are equal.

    Collective over comm: one reduction. One read of memory, in float64; the last bits depend on the number
    of ranks. bias=False gives the estimate for a sample, as in scipy.stats.skew. Pébay 2008, SAND2008-6212.
    """
    whole = run("skew", Moments(4), x, comm, axis, keepdims, lambda: (bool(bias),), REAL)
    n, _, _, m2, m3, _ = whole.state.sums
    with np.errstate(all="ignore"):
        values = np.where(m2 > 0, np.sqrt(n) * m3 / m2**1.5, np.nan)
        if not bias:
            values = np.where(n > 2, values * np.sqrt(n * (n - 1)) / (n - 2), values)
        return whole.shaped(values.astype(real_dtype(whole.dtype, None)))


def kurtosis(x, axis=None, comm=mpi.world, *, fisher=True, bias=True, keepdims=False):
    """The kurtosis m4 / m2**2 - 3 of all ranks' elements, along axis; NaN where all are equal.

    Collective over comm: one reduction. One read of memory, in float64; the last bits depend on the number
    of ranks. fisher=False leaves the 3 in; bias=False gives the estimate for a sample, as in
    scipy.stats.kurtosis. Pébay 2008, SAND2008-6212.
    """
    def terms():
        return bool(fisher), bool(bias)

    whole = run("kurtosis", Moments(4), x, comm, axis, keepdims, terms, REAL)
    n, _, _, m2, _, m4 = whole.state.sums
    with np.errstate(all="ignore"):
        values = np.where(m2 > 0, n * m4 / m2**2, np.nan)
        if not bias:
            sample = ((n * n - 1) * values - 3 * (n - 1)**2) / ((n - 2) * (n - 3)) + 3
            values = np.where(n > 3, sample, values)
        return whole.shaped((values - 3 * bool(fisher)).astype(real_dtype(whole.dtype, None)))


class Comoments:
    """Count, means in two numbers, and sums of products of the distances from them, of each pair of columns."""

    def __init__(self):
        self.count, self.means, self.low, self.products = 0, None, None, None

    def update(self, rows, keep):
        if keep is not None:
            raise TypeError("cov: masked elements are not left out by it")
        rows = rows.reshape(len(rows), int(np.prod(rows.shape[1:])))
        for some, _ in stream.rows_of(rows):
            some = some.astype(np.result_type(some.dtype, np.float64))
            means = some[0] + (some - some[0]).mean(0)
            distance = some - means
            off = distance.mean(0)
            products = distance.T @ distance.conj() - np.multiply.outer(off, off.conj()) * len(some)
            self.take(len(some), means, off, products)
        if not len(rows):
            zeros = np.zeros(rows.shape[1], np.result_type(rows.dtype, np.float64))
            self.take(0, zeros, zeros, np.multiply.outer(zeros, zeros))

    def take(self, count, means, low, products):
        if not self.count:
            self.count, self.means, self.low, self.products = count, means, low, products
        elif count:
            both = self.count + count
            d = (means - self.means) + (low - self.low)
            self.products = (self.products + products
                             + np.multiply.outer(d, d.conj()) * (self.count * count / both))
            self.means, lost = two_sum(self.means, d * (count / both))
            self.low = self.low + lost
            self.count = both

    def merge(self, other):
        if other.means is not None:
            with np.errstate(all="ignore"):
                self.take(other.count, other.means, other.low, other.products)

    def end(self):
        pass


def cov(m, comm=mpi.world, *, rowvar=True, bias=False, ddof=None):
    """The covariance matrix of variables that all ranks have observed.

    Collective over comm: one reduction. m has variables in rows and this rank's observations in columns, or
    with rowvar=False the other way round; of one dimension it is one variable. Divided by the number of
    observations less ddof, by default 1, or 0 with bias. One read of memory, in float64; the last bits depend
    on the number of ranks. Merged as Chan, Golub, LeVeque 1979 and Pébay 2008 do.
    """
    return covariance("cov", m, comm, rowvar, bias, ddof)


def covariance(call, m, comm, rowvar, bias, ddof):
    ddof = int(not bias) if ddof is None else ddof
    whole = run(call, Comoments(), m, comm, -1 if rowvar else 0, False, lambda: (ddof,), NUMBERS)
    with np.errstate(all="ignore"):
        values = whole.state.products / np.float64(max(whole.state.count - ddof, 0))
    return values if whole.shape else values[0, 0]


def corrcoef(x, comm=mpi.world, *, rowvar=True):
    """The correlation coefficients of variables that all ranks have observed; arguments as `cov`.

    Collective over comm: one reduction.
    """
    values = covariance("corrcoef", x, comm, rowvar, False, None)
    with np.errstate(all="ignore"):
        if not np.ndim(values):
            return values / values
        root = np.sqrt(np.diag(values).real)
        values = values / root[:, None] / root[None, :]
    np.clip(values.real, -1, 1, out=values.real)
    if np.iscomplexobj(values):
        np.clip(values.imag, -1, 1, out=values.imag)
    return values
