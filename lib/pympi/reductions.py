"""Reductions over all ranks: the same bits on any number of ranks, however the data is dealt out.

``sum(x)`` is the exact sum of all ranks' elements, rounded once: it depends neither on their order nor
on the number of ranks. x is this rank's part: an array (anything with a buffer), a list, a number, or an
iterator of numbers or arrays, of which no more than a block is in memory at once. A rank without elements
takes part with an empty one. What is wrong on one rank is the same exception on all of them.

Names and defaults are NumPy's. SPDX-License-Identifier: MIT
"""
import math
from operator import index

from _pympi_mpi import make_operator
from _pympi_reductions import cumulate, merge

from pympi import _sums, mpi
from pympi._agree import Attempt
from pympi._sums import (
    COMPLEX, DOUBLE, FAMILIES, FLOATS, INTEGERS, SINGLE, Sums, as_numbers, native, root, vector)

# What needs NumPy to be imported comes when it is asked for, and each time anew: as globals these names would
# take the place of Python's own here.
_STATISTICS = (
    "Accumulator", "accumulate", "all", "allclose", "any", "argmax", "argmin", "array_equal", "bincount",
    "corrcoef", "count_nonzero", "cov", "histogram", "kurtosis", "max", "median", "min", "minmax",
    "nanargmax", "nanargmin", "nanmax", "nanmedian", "nanmin", "nanminmax", "nanquantile", "nanstd",
    "nanvar", "operator", "quantile", "skew", "std", "top_k", "unique", "value_counts", "var")

__all__ = ["SUM_EXACT", "cumsum", "dot", "mean", "norm", "sum", *_STATISTICS]


def __getattr__(name):
    if name not in _STATISTICS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pympi import _statistics
    return getattr(_statistics, name)


def __dir__():
    return sorted([*globals(), *_STATISTICS])


# comm.allreduce(x, SUM_EXACT), and every other reduction of MPI's: the exact sum of the ranks' numbers, or of
# their arrays element by element, rounded once. 1 KiB an element and message.
SUM_EXACT = make_operator("SUM_EXACT", _sums.lift, _sums.combine, _sums.finish,
                          "the exact sum, rounded once; of arrays element by element")

SLAB = 1 << 14      # results of one collective: an exact sum takes 1 KiB


def sum(x, axis=None, comm=mpi.world, *, dtype=None, keepdims=False, exact=True):
    """sum(x, axis=None, comm=world, *, dtype=None, keepdims=False, exact=True)

    Returns the exact sum of all ranks' elements, rounded once to the nearest, ties to even.
    Collective over comm. One collective of 2.7 KiB; along an axis two, of 1 KiB a result.

    With axis (an integer or several) the ranks' arrays are taken as lying behind each other along it:
    their other dimensions are equal, and the result has those. The result is of x's type; integers'
    sums are exact, int64 or uint64 for arrays and int for lists. dtype: another type to round to.
    Infinities and NaN count as IEEE 754 has them, whatever their order; an overflow is that of the result
    alone; -0.0 is the sum of nothing but -0.0. Reads memory once, at about the speed of numpy.sum;
    elements of very different sizes (more than 2**200 within a block of 1024) take 5 to 10 times as long.

    exact=False gives the ordinary sum, which depends on the order and on the number of ranks.

    Raises TypeError where the ranks' types or shapes do not go together or elements are no numbers of the
    machine's, and OverflowError where an integer sum does not fit its type, on every rank.

    Source: R. M. Neal 2015 (arXiv:1505.05571), the small superaccumulator; S. M. Rump, T. Ogita, S. Oishi
    2008 (SIAM J. Sci. Comput. 31), ExtractVector, for blocks in vector registers.
    """
    if not exact:
        return _ordinary_sum(x, axis, comm, dtype, keepdims)
    if axis is not None:
        return _along(x, axis, comm, "sum", keepdims, lambda sums, shape, _: sums.values(shape, dtype))
    sums = _gathered(comm, "sum", lambda own: own.take(x))
    value = sums.value(dtype)
    return _with_dimensions(value, x) if keepdims else value


def mean(x, axis=None, comm=mpi.world, *, dtype=None, keepdims=False):
    """mean(x, axis=None, comm=world, *, dtype=None, keepdims=False)

    Returns the exact mean of all ranks' elements: the exact sum over the number, rounded once.
    Collective over comm, as sum().

    It does not overflow where the sum would. Of integers it is a float64; of nothing it is NaN.
    Arguments, what is raised and the source are those of sum().
    """
    if axis is not None:
        return _along(x, axis, comm, "mean", keepdims,
                      lambda sums, shape, length: sums.means(shape, length, dtype))
    sums = _gathered(comm, "mean", lambda own: own.take(x))
    value = sums.mean(dtype)
    return _with_dimensions(value, x) if keepdims else value


def dot(x, y, comm=mpi.world, *, exact=True):
    """dot(x, y, comm=world, *, exact=True)

    Returns the exact sum of the products of all ranks' x and y, rounded once.
    Collective over comm. One collective of 2.7 KiB.

    x and y are vectors, of equal length on a rank; complex ones are not conjugated, as in numpy.dot.
    No product over- or underflows on its way. The result is of NumPy's type for both; of integers it is
    exact, int64 or uint64, and beside floats they are taken as float64, as NumPy has it. exact=False gives
    numpy.dot of each rank, added up.

    Raises TypeError and ValueError, on every rank, for vectors that do not fit, and OverflowError for a
    result that does not fit int64.

    Source: T. Ogita, S. M. Rump, S. Oishi 2005 (SIAM J. Sci. Comput. 26), TwoProdFMA; where its error would
    underflow products are those of integers. Then as sum().
    """
    if not exact:
        return _ordinary_dot(x, y, comm)
    sums = _gathered(comm, "dot", lambda own: own.take_products(x, y))
    return sums.value()


def norm(x, comm=mpi.world):
    """norm(x, comm=world)

    Returns the Euclidean norm of all ranks' elements: the root of the exact sum of squares, rounded once.
    Collective over comm. One collective of 2.7 KiB.

    x may have any shape. Nothing over- or underflows but the result. float32 and complex64 give a
    float32, all else a float64. What is raised, and the source, are those of dot().
    """
    sums = _gathered(comm, "norm", lambda own: own.take_squares(x))
    single = sums.what in ("float32", "complex64")
    ratio = sums.ratio()
    value = sums.real() if ratio is None else root(*ratio, *(SINGLE if single else DOUBLE))
    import numpy as np
    return np.float32(value) if single else np.float64(value)


def cumsum(x, comm=mpi.world, *, dtype=None):
    """cumsum(x, comm=world, *, dtype=None)

    Returns the sums of all elements up to each of this rank's, the ranks before it included: an array as
    long as x, which is taken flat. Each is exact and rounded once.
    Collective over comm. Two collectives: an agreement, and a scan of 2.2 KiB.

    It takes about 0.4 us an element. x has to fit into memory. Of integers it is int64 or uint64, and
    OverflowError where their sizes together do not fit. What else is raised, and the source, are those of
    sum().
    """
    whole, own, flat = Sums(), Sums(), None
    with Attempt() as attempt:
        flat = native(as_numbers(x)).reshape(-1)
        own.take_array(flat)
        whole.take_array(_sizes(flat))
        whole.what, whole.family = own.what, own.family
        target = _cumulated_type(own, dtype)
    whole.share(comm, "cumsum", attempt)
    before = comm.exscan(merge(bytes(len(own.memory)), own.memory), merge)
    state = bytearray(before or bytes(len(own.memory)))
    return _cumulated(flat, state, own, whole, target)


# ---- all elements ---------------------------------------------------------------------------------

def _gathered(comm, call, take):
    """Return the sums of all ranks, into which `take` puts this rank's elements. Collective over comm."""
    sums = Sums()
    with Attempt() as attempt:
        take(sums)
    sums.share(comm, call, attempt)
    return sums


def _with_dimensions(value, x):
    """Return a number as an array of as many dimensions as x has, each of length 1. Local."""
    import numpy as np
    return np.asarray(value).reshape((1,) * np.ndim(x))


# ---- along an axis --------------------------------------------------------------------------------

def _along(x, axis, comm, call, keepdims, finish):
    """Return what `finish` makes of the exact sums along an axis. Collective over comm.

    finish gets sums of all ranks, their shape, and how many elements each is of.
    """
    rows, shape, what, family = (), (), "", FLOATS
    with Attempt() as attempt:
        given = native(as_numbers(x))
        axes = _axes(axis, given.ndim)
        rows, what = _rows(given, axes), f"{given.dtype}{_pattern(given.shape, axes)}"
        family, shape = FAMILIES[given.dtype.kind], _kept(given.shape, axes, keepdims)
    parts, start = [], 0
    while not parts or start < len(rows):
        count = min(SLAB, len(rows) - start)
        sums = Sums(count, family)
        if what:
            sums.take_rows(rows[start:start + SLAB], what)
        sums.share(comm, call, attempt)
        parts.append(finish(sums, (count,), sums.count // max(count, 1)))
        start += SLAB
    import numpy as np
    return np.concatenate(parts).reshape(shape)[()]


def _axes(axis, dimensions):
    """Return the axes, sorted, as numbers from 0. Local. Raises ValueError for one that is not there."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    numbers = []
    for one in axes:
        number = index(one)
        if not -dimensions <= number < dimensions:
            raise ValueError(f"axis {number} is not there: the array has {dimensions} dimensions")
        numbers.append(number % dimensions)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"an axis is named twice: {axis}")
    return sorted(numbers)


def _rows(x, axes):
    """Return x with two dimensions, of which the second is all that is summed. Local."""
    kept = [i for i in range(x.ndim) if i not in axes]
    length = math.prod(x.shape[i] for i in axes)
    return x.transpose(kept + axes).reshape(math.prod(x.shape[i] for i in kept), length)


def _pattern(shape, axes):
    """Return what ranks have to agree on of a shape, as a text. Local."""
    return "[" + ",".join("*" if i in axes else str(n) for i, n in enumerate(shape)) + "]"


def _kept(shape, axes, keepdims):
    """Return the shape of the result. Local."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes)


# ---- running sums ---------------------------------------------------------------------------------

def _sizes(x):
    """Return the absolute values of integers; of all else nothing. Local."""
    import numpy as np
    if x.dtype.kind != "i":
        return x if x.dtype.kind in "ub" else x[:0]
    return np.abs(x.astype(np.int64)).view(np.uint64)


def _cumulated_type(own, dtype):
    """Return the type of running sums. Local. Raises TypeError for one that they cannot have."""
    target = own.dtype(dtype)
    kinds = {INTEGERS: "iufc", FLOATS: "fc", COMPLEX: "c"}[own.family]
    if target.kind not in kinds or (target.kind in "fc" and target.char not in "fdFD"):
        raise TypeError(f"running sums of {own.what} cannot be rounded to {target}")
    return target


def _cumulated(x, state, own, sizes, target):
    """Return the running sums behind `state`. Local; what is raised is raised on every rank."""
    import numpy as np
    if target.kind in "iu":
        if sizes.integer() > np.iinfo(target).max or (target.kind == "u" and x.dtype.kind == "i"):
            raise OverflowError(f"the running sums may not fit {target}: sizes add up to "
                                f"{sizes.integer()}")
        own.memory = state
        return np.cumsum(x, dtype=target) + target.type(own.integer())
    single = target.char in "fF"
    own_type = ("F" if single else "D") if x.dtype.kind == "c" else ("f" if single else "d")
    result = np.empty(x.size, own_type)
    cumulate(state, x, result)
    return result.astype(target, copy=False)


# ---- ordinary sums --------------------------------------------------------------------------------

def _ordinary_sum(x, axis, comm, dtype, keepdims):
    """Return NumPy's sum of each rank, added up. Collective over comm."""
    import numpy as np
    sums, local = Sums(), None
    with Attempt() as attempt:
        if axis is None and not hasattr(x, "__len__") and not np.isscalar(x) and np.ndim(x) == 0:
            sums.take(x)
            local = sums.value(dtype)
        else:
            given = native(as_numbers(x))
            shape = "" if axis is None else _pattern(given.shape, _axes(axis, given.ndim))
            sums.note_array(given, shape)
            local = np.sum(given, axis, dtype=dtype, keepdims=keepdims)
    sums.share(comm, "sum", attempt)
    return comm.allreduce(local)[()] if isinstance(local, np.ndarray) else comm.allreduce(local)


def _ordinary_dot(x, y, comm):
    """Return numpy.dot of each rank, added up. Collective over comm."""
    import numpy as np
    sums, local = Sums(), None
    with Attempt() as attempt:
        left, right = vector(x), vector(y)
        sums.note_products(left, right)
        local = np.dot(left, right)
    sums.share(comm, "dot", attempt)
    return comm.allreduce(local)
