"""States of all ranks made one by a single reduction, in which also what went wrong travels.

A state has update(rows, keep), merge(other) and end(); merge takes in what comes behind. No rank may
leave before the others: what fails on one becomes its part of the reduction, and is raised on every
rank, the same. SPDX-License-Identifier: MIT
"""
import operator
import pickle
from functools import partial

import numpy as np

from pympi import mpi
from pympi._statistics import stream

REAL = "biuf"
NUMBERS = "biufc"
ORDERED = "biufcmM"
NAMED = "biufcmMSU"


class Part:
    """What one rank, or a run of ranks from `rank` on, gives to a reduction.

    dtype, dims and shape (of the result, without keepdims) are None where nothing came that has any.
    """
    __slots__ = ("rank", "terms", "dtype", "dims", "shape", "state", "error")

    def __init__(self, rank, terms, state):
        self.rank, self.terms, self.state = rank, terms, state
        self.dtype = self.dims = self.shape = self.error = None

    def take(self, call, array, axis, kinds):
        """One more array of this rank's: what it has must fit what came before."""
        dtype = array.dtype
        if dtype.kind not in kinds:
            raise TypeError(f"{call}: elements of dtype {dtype} cannot be reduced by it")
        shape = result_shape(array.shape, axis)
        if self.dtype is None:
            self.dims, self.shape = array.ndim, shape
        elif axis is not None and (shape, array.ndim) != (self.shape, self.dims):
            raise ValueError(f"{call}: an array with {text_of(shape)} beside the reduced axis follows "
                             f"one with {text_of(self.shape)}")
        self.dtype = dtype if self.dtype is None else np.result_type(self.dtype, dtype)


def text_of(shape):
    return " x ".join(map(str, shape)) if shape else "nothing"


def result_shape(shape, axis):
    """The shape that is left; raises NumPy's AxisError."""
    if axis is None:
        return ()
    moved = np.moveaxis(np.broadcast_to(False, shape), axis, range(len(axis)))
    return moved.shape[len(axis):]


class Whole:
    """What all ranks have together: the state, and how results are to look."""

    def __init__(self, part, axis, keepdims):
        self.state, self.dtype, self.shape = part.state, part.dtype, part.shape
        self.axis, self.keepdims, self.dims = axis, keepdims, part.dims

    def shaped(self, values):
        """Values (an array of self.shape) with the axes that keepdims asks for; a scalar without any."""
        values = np.asanyarray(values)
        if self.keepdims:
            gone = range(self.dims) if self.axis is None else (a % self.dims for a in self.axis)
            values = np.expand_dims(values, tuple(gone))
        return values if values.ndim else values[()]


def run(call, state, data, comm, axis=None, keepdims=False, terms=None, kinds=NUMBERS):
    """Return the Whole of every rank's data. Collective over comm: one reduction.

    terms() is what else the ranks must agree on, comparable; it may raise. Raises on every rank what went
    wrong on the lowest rank where something did, or a ValueError or TypeError that names two ranks that
    do not fit.
    """
    def fill(part):
        axes = axes_of(call, axis)
        part.terms = (call, axes, bool(keepdims), *(terms() if terms else ()))
        for array, keep in stream.blocks(call, data):
            take_array(call, part, array, keep, axes, kinds)
        state.end()

    part = settle(call, state, comm, fill)
    axes = axes_of(call, axis)
    if part.dtype is None:      # every rank had an empty list or iterator: as numpy.array([])
        part.state = state
        nothing = np.empty(0, np.float64 if "f" in kinds else np.intp)
        take_array(call, part, nothing, None, axes, kinds)
        state.end()
    return Whole(part, axes, keepdims)


def settle(call, state, comm, fill):
    """Fill this rank's part, which may raise, and return that of all ranks. Collective over comm."""
    if not isinstance(comm, mpi.Comm):
        raise TypeError(f"{call}: comm must be a communicator, not {comm!r}")
    part, own = Part(comm.rank, (call,), state), None
    try:
        fill(part)
    except Exception as error:
        own, part.error, part.state = error, portable(comm.rank, error), None
    part = comm.allreduce(part, partial(join, call))
    if part.error is not None:
        raise_same(part, comm.rank, own)
    return part


def axes_of(call, axis):
    if axis is None:
        return None
    try:
        return (operator.index(axis),)
    except TypeError:
        pass
    try:
        return tuple(operator.index(a) for a in axis)
    except TypeError:
        raise TypeError(f"{call}: axis must be None, an integer or several, not {axis!r}") from None


def take_array(call, part, array, keep, axis, kinds):
    part.take(call, array, axis, kinds)
    with np.errstate(all="ignore"):     # here, not around what the user's iterators compute
        for rows, rows_keep in stream.folded(array, keep, axis):
            part.state.update(rows, rows_keep)


def portable(rank, error):
    """The exception if it survives a journey, else one that tells of it."""
    try:
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    except Exception:
        pass
    return RuntimeError(f"rank {rank}: {type(error).__name__}: {error}")


def raise_same(part, rank, own):
    """On the rank where it came from it has its traceback."""
    if part.rank == rank and type(own) is type(part.error):
        raise own
    raise part.error from own


def join(call, left, right):
    """The part of the ranks of left and of those of right, which come behind."""
    if left.error is not None or right.error is not None:
        return left if left.error is not None else right
    joined = Part(left.rank, left.terms, None)
    try:
        agree(call, left, right)
        left.state.merge(right.state)
        joined.state = left.state
    except Exception as error:
        joined.error = portable(left.rank, error)
        joined.rank = -1    # no rank's own
    known = left if left.dtype is not None else right
    joined.dtype, joined.dims, joined.shape = known.dtype, known.dims, known.shape
    return joined


def agree(call, left, right):
    """Raise for what the ranks should have alike and have not."""
    ranks = left.rank, right.rank
    if left.terms != right.terms:
        raise ValueError(differ(call, ranks, left.terms, right.terms))
    if left.dtype is None or right.dtype is None:
        return
    if kind_of(left.dtype) != kind_of(right.dtype):
        raise TypeError(f"{call}: rank {ranks[0]} has elements of dtype {left.dtype}, rank {ranks[1]} of "
                        f"{right.dtype}")
    axis, keepdims = left.terms[1:3]
    if (axis is not None or keepdims) and left.dims != right.dims:
        raise ValueError(f"{call}: rank {ranks[0]} has an array of {left.dims} dimensions, rank "
                         f"{ranks[1]} one of {right.dims}")
    if left.shape != right.shape:
        raise ValueError(f"{call}: beside the reduced axis rank {ranks[0]} has {text_of(left.shape)}, "
                         f"rank {ranks[1]} {text_of(right.shape)}")


def differ(call, ranks, left, right):
    if left[0] != right[0]:
        return f"rank {ranks[0]} is in {left[0]}, rank {ranks[1]} in {right[0]}"
    a, b = next((a, b) for a, b in zip(left, right) if a != b)
    return f"{call}: rank {ranks[0]} was given {a!r} where rank {ranks[1]} was given {b!r}"


def kind_of(dtype):
    """What must be alike: of texts not their length."""
    return dtype.kind if dtype.kind in "SU" else dtype
