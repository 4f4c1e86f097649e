"""Exact quantiles by selection over ranks: what travels is counts, and at the end 2,048 elements at most.

Numbers are looked for digit by digit, as radix sort has them: each pass counts, on all ranks, how many
elements with the digits found so far have which next one. SPDX-License-Identifier: MIT
"""
import numpy as np

import _pympi_reductions as kernels
from pympi import mpi
from pympi._statistics import stream
from pympi._statistics.tree import REAL, Whole, run

WORDS = 1 << 16         # counts that a pass has at most, but for very many columns
BITS = 12               # of a digit, at most: its counts stay in the first cache, and travel quickly
FEW = 1 << 11           # elements that are not worth another pass: their keys go to every rank
SIGN = np.uint64(1 << 63)
LOWEST, HIGHEST = 0x000f << 48 | (1 << 48) - 1, 0xfff0 << 48    # keys of the infinities

# What NumPy calls alpha and beta; index of quantile q among n: n q + alpha + q (1 - alpha - beta) - 1.
ESTIMATES = {"interpolated_inverted_cdf": (0, 1), "hazen": (0.5, 0.5), "weibull": (0, 0),
             "median_unbiased": (1 / 3, 1 / 3), "normal_unbiased": (3 / 8, 3 / 8)}
BETWEEN = "linear", "lower", "higher", "midpoint", "nearest"
STEPS = "inverted_cdf", "averaged_inverted_cdf", "closest_observation"
OF_THE_DATA = "lower", "higher", "nearest", "inverted_cdf", "closest_observation"
MEDIANS = ("median", "mean"), ("nanmedian", "mean")


class Digits:
    """How many elements of each column begin with which digit; how many are NaN."""

    def __init__(self, bits_of, skip):
        self.bits_of, self.skip = bits_of, skip
        self.counts = self.lost = None

    def __getstate__(self):
        return {"counts": self.counts, "lost": self.lost}

    def update(self, rows, keep):
        columns = int(np.prod(rows.shape[1:]))
        bits = self.bits_of(columns)
        if self.counts is None:
            self.counts = np.zeros((1, columns, 1 << bits), np.int64)
            self.lost = np.zeros(columns, np.int64)
        for some, lost in rows_to_count(rows, keep, columns):
            self.lost += lost
            count_digits(some, np.zeros((1, columns), np.uint64), 64 - bits, bits, self.counts)

    def merge(self, other):
        if other.counts is None:
            return
        if self.counts is None:
            self.counts, self.lost = other.counts, other.lost
        else:
            self.counts, self.lost = self.counts + other.counts, self.lost + other.lost

    def end(self):
        pass


def count_digits(rows, prefixes, shift, bits, into):
    if prefixes.shape[1] and len(rows):
        kernels.count_digits(rows, prefixes.shape[1], prefixes, shift, bits, into)


def rows_to_count(rows, keep, columns):
    """Yield (rows without gaps, how many NaN each column has); what is masked becomes NaN, not counted."""
    for some, some_keep in stream.rows_of(rows.reshape(len(rows), columns),
                                          None if keep is None else keep.reshape(len(rows), columns)):
        nan = np.isnan(some) if some.dtype.kind == "f" else np.zeros(some.shape, bool)
        if some_keep is not None:
            some = np.where(some_keep, some, np.nan)
            nan &= some_keep
        if some.dtype.char not in "dfbBhHiIlLqQ?":
            some = some.astype(np.float64)
        yield np.ascontiguousarray(some), nan.sum(0)


def bits_for(columns, targets):
    """Bits of a digit: as many as the counts have room for."""
    return max(1, min(BITS, (WORDS // max(columns * targets, 1)).bit_length() - 1))


def select(call, x, comm, axis, keepdims, ranks_of, targets, terms, skip):
    """(Whole, numbers[target, column]): of each column the elements whose places in order ranks_of(n) are.

    n[column] is how many there are; NaN where there are none. Collective over comm: 64 / bits_for reductions.
    """
    x = stream.Kept(x)
    state = Digits(lambda columns: bits_for(columns, targets), skip)
    whole = run(call, state, x, comm, axis, keepdims, terms, REAL)
    counts, lost = whole.state.counts, whole.state.lost
    n = counts[0].sum(1)
    ranks = ranks_of(n).astype(np.int64)
    prefixes, ranks, left = step(counts, ranks)
    bits, shift = bits_for(len(n), targets), 64 - bits_for(len(n), targets)
    axis = whole.axis
    while shift and n.any():
        if len(n) == 1 and worth_it(x, prefixes, left, n[0]):
            x, axis = Narrow(call, x, axis, prefixes, shift), None
        if len(n) == 1 and total(prefixes, left) <= FEW:
            prefixes = finished(comm, Narrow(call, x, axis, prefixes, shift), prefixes, shift, ranks)
            break
        bits = min(bits, shift)
        shift -= bits
        digits, ranks, left = step(count_all(call, x, comm, axis, prefixes, shift, bits), ranks)
        prefixes = prefixes << np.uint64(bits) | digits
    found = numbers_of(prefixes)
    found[:, n == 0] = np.nan
    if not skip:
        found[:, lost > 0] = np.nan
    return whole, n, found


def total(prefixes, left):
    """How many elements of all ranks may still be looked for; those of equal prefixes are the same."""
    _, first = np.unique(prefixes, return_index=True)
    return left.flat[first].sum()


def worth_it(x, prefixes, left, n):
    """Whether what may still be looked for is so little that it may be kept."""
    little = 16 * stream.BLOCK if hasattr(x.data, "__next__") else n / 4
    return not isinstance(x, Narrow) and total(prefixes, left) <= little


def finished(comm, x, prefixes, shift, ranks):
    """Whole keys, when so few have the prefixes that every rank may see them. Collective over comm."""
    keys = np.concatenate([np.empty(0, np.uint64), *map(keys_of, x.pieces)])
    keys = np.sort(np.concatenate(comm.allgather(keys)))
    return keys[np.searchsorted(keys, prefixes << np.uint64(shift)) + ranks]


def keys_of(numbers):
    """As in modules/reductions/select.c."""
    bits = (numbers + 0.0).view(np.uint64)
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def numbers_of(keys):
    return np.where(keys & SIGN, keys & ~SIGN, ~keys).view(np.float64)


class Narrow(stream.Kept):
    """Those of one column's numbers that may have one of the prefixes, in memory."""

    def __init__(self, call, x, axis, prefixes, shift):
        super().__init__(None)
        self.limits = [limits_of(int(prefix), shift) for prefix in np.unique(prefixes)]
        self.pieces = [piece for array, keep in x.blocks(call)
                       for rows, rows_keep in stream.folded(array, keep, axis)
                       for some, _ in rows_to_count(rows, rows_keep, 1) if len(piece := self.among(some))]

    def among(self, some):
        some = some.astype(np.float64, copy=False)
        wanted = np.zeros(some.shape, bool)
        for low, high in self.limits:
            wanted |= (some >= low) & (some <= high)
        return some[wanted]

    def blocks(self, call):
        return ((piece, None) for piece in self.pieces)


def limits_of(prefix, shift):
    """The smallest and the largest number with this prefix, which may be all but infinite."""
    low, high = prefix << shift, (prefix + 1 << shift) - 1
    return numbers_of(np.array([max(low, LOWEST), min(high, HIGHEST)], np.uint64)).tolist()


def count_all(call, x, comm, axis, prefixes, shift, bits):
    """One pass: the counts of all ranks. Equal prefixes are counted once where there is one column."""
    wanted, back = prefixes, slice(None)
    if prefixes.shape[1] == 1:
        wanted, back = np.unique(prefixes, return_inverse=True)
        wanted, back = wanted.reshape(-1, 1), back.reshape(-1)
    counts = np.zeros((*wanted.shape, 1 << bits), np.int64)
    for array, keep in stream.blocks(call, x):
        for rows, rows_keep in stream.folded(array, keep, axis):
            for some, _ in rows_to_count(rows, rows_keep, wanted.shape[1]):
                count_digits(some, wanted, shift, bits, counts)
    return comm.allreduce(counts, mpi.SUM)[back]


def step(counts, ranks):
    """The digit of each target, its place among the elements that have that one, and how many these are."""
    before = counts.cumsum(2)
    digits = np.minimum((before <= ranks[..., None]).sum(2), counts.shape[2] - 1)
    before = np.broadcast_to(before, (*digits.shape, before.shape[2]))
    below = np.take_along_axis(before, np.maximum(digits - 1, 0)[..., None], 2)[..., 0]
    below = np.where(digits > 0, below, 0)
    upto = np.take_along_axis(before, digits[..., None], 2)[..., 0]
    return digits.astype(np.uint64), ranks - below, upto - below


def places(method, q, n):
    """Where quantile q is among n: places in order, whole or between two, or beyond the ends."""
    if method in ESTIMATES:
        alpha, beta = ESTIMATES[method]
        return n * q + (alpha + q * (1 - alpha - beta)) - 1
    if method in STEPS:
        step = {"inverted_cdf": np.ceil, "closest_observation": np.around}.get(method, np.asarray)
        return step(n * q) - 1
    step = {"lower": np.floor, "higher": np.ceil, "nearest": np.around}.get(method, np.asarray)
    return step((n - 1) * q)


def neighbours(method, q, n):
    """(place, part): the lower element of the two that a quantile is made of, and its way to the next."""
    place, last = places(method, q, n), np.maximum(n - 1, 0)
    inside = np.clip(place, 0, last)
    below = np.floor(inside)
    part = inside - below
    if method == "midpoint":
        part = np.where(part == 0, 0, 0.5)
    elif method == "averaged_inverted_cdf":
        part = np.where(part > 0, 1, np.where(place == inside, 0.5, 0))
    return below, part


def between(low, high, part):
    """From low to high; NumPy's way, exact at both ends."""
    distance = high - low
    return np.where(part >= 0.5, high - distance * (1 - part), low + distance * part)


def middle(low, high):
    """The mean of two, as numpy.median has it; but an overflow is only that of the result."""
    both = low + high
    return np.where(np.isinf(both) & np.isfinite(low - high), low / 2 + high / 2, both / 2)


def quantiles(call, x, q, axis, comm, method, keepdims, skip):
    try:
        wanted = np.asarray(q, np.float64)
    except (TypeError, ValueError):
        wanted = np.array(np.nan)       # which is refused
    flat = wanted.reshape(-1, 1)

    def ranks_of(n):
        place, _ = neighbours(method, flat, n)
        return np.concatenate([place, np.minimum(place + 1, np.maximum(n - 1, 0))])

    def terms():
        check(call, q, wanted, method)
        return tuple(wanted.flat), wanted.shape, method

    whole, n, found = select(call, x, comm, axis, keepdims, ranks_of, 2 * len(flat), terms, skip)
    with np.errstate(all="ignore"):
        _, part = neighbours(method, flat, n)
        low, high = found[:len(flat)], found[len(flat):]
        inner = middle(low, high) if method == "mean" else between(low, high, part)
        values = np.where(part == 0, low, np.where(part == 1, high, inner))
    return shaped(whole, values, wanted.shape, method)


def check(call, q, wanted, method):
    """Raise for what is wrong with the arguments."""
    if method not in (*ESTIMATES, *BETWEEN, *STEPS) and (call, method) not in MEDIANS:
        known = ", ".join([*BETWEEN, *STEPS, *ESTIMATES])
        raise ValueError(f"{call}: method {method!r} is none of {known}")
    if not np.all((wanted >= 0) & (wanted <= 1)):
        raise ValueError(f"{call}: q must be in the range [0, 1], not {q!r}")


def shaped(whole, values, shape, method):
    """One array of results, the quantiles in front, of the type that NumPy gives."""
    dtype = whole.dtype
    if dtype.kind != "f" and method not in OF_THE_DATA:
        dtype = np.dtype(np.float64)
    one = Whole.shaped
    several = [np.asarray(one(whole, row.reshape(whole.shape))) for row in values]
    result = np.stack(several).astype(dtype) if several else np.empty((0, *whole.shape), dtype)
    result = result.reshape((*shape, *result.shape[1:]))
    return result if result.ndim else result[()]


def quantile(x, q, axis=None, comm=mpi.world, *, method="linear", keepdims=False):
    """The q-th quantiles of all ranks' elements, along axis, as numpy.quantile; NaN where there is a NaN.

    Collective over comm: two to six reductions, of many columns more; x is read at most as often. Exact and
    the same for any distribution: the elements are selected, and what is between two is rounded as NumPy
    does. They are looked at as float64. q: a number or several, from 0 to 1. method: NumPy's linear, lower, higher,
    midpoint, nearest, and the nine of Hyndman and Fan (1996) by NumPy's names, from inverted_cdf to
    normal_unbiased; their third, closest_observation, is as they define it and NumPy has it since 2.0.
    An iterator's elements are kept in an unnamed file. Where there are no elements: NaN.
    """
    return quantiles("quantile", x, q, axis, comm, method, keepdims, False)


def nanquantile(x, q, axis=None, comm=mpi.world, *, method="linear", keepdims=False):
    """The q-th quantiles of all ranks' elements that are not NaN, along axis; NaN where all are.

    Collective over comm: two to six reductions, of many columns more. As `quantile`, which see.
    """
    return quantiles("nanquantile", x, q, axis, comm, method, keepdims, True)


def median(x, axis=None, comm=mpi.world, *, keepdims=False):
    """The median of all ranks' elements, along axis: the mean of the middle two where their number is even.

    Collective over comm: two to six reductions, of many columns more. As `quantile`, which see.
    """
    return quantiles("median", x, 0.5, axis, comm, "mean", keepdims, False)


def nanmedian(x, axis=None, comm=mpi.world, *, keepdims=False):
    """The median of all ranks' elements that are not NaN, along axis; NaN where all are.

    Collective over comm: two to six reductions, of many columns more. As `median`, which see.
    """
    return quantiles("nanmedian", x, 0.5, axis, comm, "mean", keepdims, True)
