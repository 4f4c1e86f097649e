"""What is meant by ``d[...]``: h5py's indexing as HDF5's selections.

SPDX-License-Identifier: MIT
"""
import itertools
import math
import operator

import numpy as np


class Selection:
    """Elements of a dataset.

    shape: of what they come as; full: the same with a length for each axis of the dataset; axes: for each
    axis a range or an increasing array of indices; points: their coordinates in place of axes; what: as
    ``_pympi_h5`` takes it.
    """

    def __init__(self, shape, full, axes=None, points=None):
        self.shape, self.full, self.axes, self.points = shape, full, axes, points

    @property
    def count(self):
        """How many elements."""
        n = 1
        for length in self.full:
            n *= length
        return n

    @property
    def what(self):
        if self.points is not None:
            return np.ascontiguousarray(self.points, "u8")
        if all(isinstance(axis, range) for axis in self.axes):
            return _slab(self.axes)
        ways = [[axis] if isinstance(axis, range) else list(_runs(axis)) for axis in self.axes]
        return [_slab(axes) for axes in itertools.product(*ways)]


class MultiBlockSlice:
    """Blocks of so many indices, each so many behind the one before: d[MultiBlockSlice(start, stride, count, block)].

    count=None: as many whole blocks as there are. Raises ValueError for blocks that overlap or do not fit.
    """

    def __init__(self, start=0, stride=1, count=None, block=1):
        if start < 0 or stride < 1 or block < 1 or count is not None and count < 1:
            raise ValueError(f"start {start} is negative, or stride {stride}, count {count} or block {block} is not "
                             "1 at least")
        if block > stride:
            raise ValueError(f"blocks of {block} indices overlap with a stride of {stride}")
        self.start, self.stride, self.count, self.block = start, stride, count, block

    def indices(self, length):
        """start, stride, count and block for an axis of this length. Local."""
        most = (length - self.start - self.block) // self.stride + 1
        count = most if self.count is None else self.count
        if most < 1 or count > most:
            raise ValueError(f"{self!r} does not fit an axis of length {length}")
        return self.start, self.stride, count, self.block

    def __repr__(self):
        return f"MultiBlockSlice(start={self.start}, stride={self.stride}, count={self.count}, block={self.block})"


def _blocks(value, length):
    """The indices of a MultiBlockSlice, be it h5py's."""
    start, stride, count, size = value.indices(length)
    if size == stride:
        return range(start, start + count * size)
    if size == 1:
        return range(start, start + count * stride, stride)
    return (start + stride * np.arange(count)[:, None] + np.arange(size)).reshape(-1)


def _slab(axes):
    return (tuple(r.start for r in axes), tuple(len(r) for r in axes), tuple(max(1, r.step) for r in axes))


def _runs(indices):
    """Ranges of neighbours in an increasing array."""
    if not len(indices):
        return
    ends = np.flatnonzero(np.diff(indices) != 1) + 1
    for part in np.split(indices, ends):
        yield range(int(part[0]), int(part[-1]) + 1)


def _index(value, length):
    value = operator.index(value)
    if not -length <= value < length:
        raise IndexError(f"Index ({value}) out of range for (0-{length - 1})" if length
                         else f"Index ({value}) out of range for empty dimension")
    return value % length


def _slice(value, length):
    step = 1 if value.step is None else operator.index(value.step)
    if step < 1:
        raise ValueError(f"Step must be >= 1 (got {step})")
    start, stop, step = value.indices(length)
    return range(start, max(start, stop), step)


def _list(value, length):
    array = np.asarray(value)
    if array.ndim != 1:
        raise TypeError("Only 1D arrays allowed for fancy indexing")
    if array.dtype.kind == "b":
        if len(array) != length:
            raise TypeError(f"boolean index did not match indexed array: {len(array)} for an axis of {length}")
        return np.flatnonzero(array)
    if array.size == 0:
        return np.empty(0, int)
    if array.dtype.kind not in "iu":
        raise TypeError(f"indices are integers or booleans, not {array.dtype}")
    array = array.astype(int)
    if (array < -length).any() or (array >= length).any():
        raise IndexError(f"Fancy indexing out of range for (0-{length - 1})")
    array = np.where(array < 0, array + length, array)
    if (np.diff(array) <= 0).any():
        raise TypeError("Indexing elements must be in increasing order")
    return array


def _is_list(arg):
    return isinstance(arg, (list, np.ndarray, tuple)) and not (isinstance(arg, np.ndarray) and arg.ndim == 0)


def _expanded(args, rank):
    """The arguments with the ellipsis replaced, None kept."""
    dots = [i for i, arg in enumerate(args) if arg is Ellipsis]
    if len(dots) > 1:
        raise ValueError("Only one ellipsis may be used.")
    given = sum(arg is not None and arg is not Ellipsis for arg in args)
    if given > rank:
        raise TypeError(f"{given} indexing arguments for {rank} dimensions")
    rest = (slice(None),) * (rank - given)
    at = dots[0] if dots else len(args)
    return args[:at] + rest + args[at + 1:]


def _mask(mask, shape):
    if mask.shape != shape:
        raise TypeError(f"Boolean indexing array has incompatible shape: {mask.shape} for {shape}")
    points = np.argwhere(mask)
    return Selection((len(points),), (len(points),), points=points)


def select(shape, args):
    """The elements of a dataset of this shape that args, a tuple, stand for. Local."""
    if len(args) == 1 and isinstance(args[0], np.ndarray) and args[0].dtype.kind == "b" \
            and args[0].ndim == len(shape) and len(shape) != 1:
        return _mask(args[0], shape)
    axes, out, lists = [], [], 0
    for arg in _expanded(args, len(shape)):
        if arg is None:
            out.append(1)
            continue
        length = shape[len(axes)]
        if isinstance(arg, slice):
            axis = _slice(arg, length)
            out.append(len(axis))
        elif type(arg).__name__ == "MultiBlockSlice":
            axis = _blocks(arg, length)
            out.append(len(axis))
        elif _is_list(arg):
            axis, lists = _list(arg, length), lists + 1
            out.append(len(axis))
            if lists > 1:
                raise TypeError("Only one indexing vector or array is currently allowed for fancy indexing")
        else:
            try:
                at = _index(arg, length)
            except TypeError:
                raise TypeError(f"Simple selection can't process {arg!r}") from None
            axis = range(at, at + 1)
        axes.append(axis)
    return Selection(tuple(out), tuple(len(axis) for axis in axes), tuple(axes))


def whole(axes):
    """All elements of which each index is in its axis, a range or an increasing array. Local."""
    lengths = tuple(map(len, axes))
    return Selection(lengths, lengths, axes)


def slab(starts, lengths):
    """The elements from starts on, lengths of them along each axis. Local."""
    return whole(tuple(range(s, s + n) for s, n in zip(starts, lengths)))


def spans(shape, first, last):
    """Tuples of ranges, an axis each, that together are the elements first..last-1, in their order. Local."""
    if len(shape) == 1 or first >= last:
        if first < last:
            yield (range(first, last),)
        return
    inner = math.prod(shape[1:])
    top, bottom = -(-first // inner), last // inner
    if top > bottom:
        yield from _within(shape, bottom, first, last)
        return
    if first < top * inner:
        yield from _within(shape, top - 1, first, top * inner)
    if top < bottom:
        yield (range(top, bottom), *map(range, shape[1:]))
    if bottom * inner < last:
        yield from _within(shape, bottom, bottom * inner, last)


def _within(shape, index, first, last):
    """The same, all of them at one index of the first axis."""
    before = index * math.prod(shape[1:])
    for axes in spans(shape[1:], first - before, last - before):
        yield range(index, index + 1), *axes
