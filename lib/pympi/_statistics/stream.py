"""What users hand over, as blocks of NumPy's arrays: arrays, lists, and iterators in bounded memory.

SPDX-License-Identifier: MIT
"""
import numpy as np

BLOCK = 1 << 16         # elements that are looked at together: they stay in the second cache
SINGLE = float, int, complex, np.generic, str


def blocks(call, data):
    """Yield (array, keep) for data in their order; keep is None or False where an element is masked.

    The arrays follow each other along the axis that is reduced, without an axis along the first. An
    array is one block, and so is a list of lists; a list of numbers BLOCK at a time; an iterator's items are
    numbers, BLOCK at a time, or arrays (or lists), each a block. What is empty and has no type of its own
    yields nothing.
    """
    if isinstance(data, Kept):
        yield from data.blocks(call)
    elif isinstance(data, np.ma.MaskedArray):
        yield native(np.asarray(data.data)), unmasked(data)
    elif isinstance(data, (list, tuple)):
        if data and np.ndim(data[0]):
            yield native(np.asarray(data)), None
            return
        for start in range(0, len(data), BLOCK):
            yield native(np.asarray(data[start:start + BLOCK])), None
    elif isinstance(data, (np.ndarray, np.generic, float, int, complex)) or has_memory(data):
        yield native(np.asarray(data)), None
    elif hasattr(data, "__iter__") and not isinstance(data, str):
        yield from streamed(call, iter(data))
    else:
        raise TypeError(f"{call}: {type(data).__name__} is no array, list or iterator of numbers")


def unmasked(array):
    """Where a masked array has elements; None when that is everywhere."""
    return None if array.mask is np.ma.nomask else ~np.ma.getmaskarray(array)


def has_memory(data):
    """Whether NumPy takes the object as an array rather than item by item."""
    if hasattr(data, "__array__") or hasattr(data, "__array_interface__"):
        return True
    try:
        return memoryview(data).nbytes >= 0
    except TypeError:
        return False


def native(array):
    """The array, or a copy that is aligned and in this machine's byte order."""
    if array.dtype.isnative and array.flags.aligned:
        return array
    return array.astype(array.dtype.newbyteorder("="))


def streamed(call, items):
    """The blocks of an iterator."""
    some = []
    for item in items:
        if not isinstance(item, SINGLE) and np.ndim(item):
            if some:
                yield native(np.asarray(some)), None
                some = []
            yield from blocks(call, item)
        else:
            some.append(item)
            if len(some) == BLOCK:
                yield native(np.asarray(some)), None
                some = []
    if some:
        yield native(np.asarray(some)), None


class Kept:
    """Data that are read several times: what an iterator gives goes to an unnamed file the first time.

    The file is in the folder of temporary files, which has to be large enough; memory stays bounded.
    """

    def __init__(self, data):
        self.data, self.file, self.pieces = data, None, None

    def blocks(self, call):
        if self.pieces is not None:
            for piece, keep in self.pieces:
                yield self.read(*piece), keep and self.read(*keep)
        elif hasattr(self.data, "__next__"):
            yield from self.write(call)
        else:
            yield from blocks(call, self.data)

    def write(self, call):
        import tempfile
        self.file, pieces = tempfile.TemporaryFile(), []
        for array, keep in blocks(call, self.data):
            pieces.append((self.put(array), None if keep is None else self.put(keep)))
            yield array, keep
        self.file.flush()
        self.pieces = pieces

    def put(self, array):
        place = self.file.tell()
        self.file.write(np.ascontiguousarray(array).tobytes())
        return array.dtype, place, array.shape

    def read(self, dtype, place, shape):
        return np.memmap(self.file, dtype, "r", place, shape) if np.prod(shape) else np.empty(shape, dtype)


def folded(array, keep, axis):
    """Yield (rows, keep) with the reduced axes in front, as one; rows[0] has the shape of the result.

    Without an axis the elements in their order, rows of one dimension that lie without gaps.
    """
    if axis is None:
        if keep is None:
            yield from ((piece, None) for piece in flat(array))
        else:
            yield from zip(flat(array), flat(keep, array))
        return
    if keep is not None:
        keep = np.moveaxis(keep, axis, range(len(axis)))
    array = np.moveaxis(array, axis, range(len(axis)))
    if len(axis) == 1:
        yield array, keep
    else:
        yield from joined(array, keep, len(axis))


def joined(array, keep, count):
    """The first `count` axes made one, a few rows at a time: that may need copies."""
    shape = (-1, *array.shape[count:])
    if array.size == 0:
        yield array.reshape(int(np.prod(array.shape[:count])), *shape[1:]), None
        return
    step = max(1, BLOCK // (array.size // len(array)))
    for start in range(0, len(array), step):
        some = slice(start, start + step)
        yield array[some].reshape(shape), None if keep is None else keep[some].reshape(shape)


def flat(array, like=None):
    """The elements in their order, without gaps; copies of at most BLOCK, in the pieces that `like` has."""
    like = array if like is None else like
    if like.flags.c_contiguous or like.size <= BLOCK:
        yield array.reshape(-1)
        return
    step = BLOCK // (like.size // len(like))
    if not step:
        for part, other in zip(array, like):
            yield from flat(part, other)
        return
    for start in range(0, len(like), step):
        yield array[start:start + step].reshape(-1)


def rows_of(array, keep=None):
    """Yield (rows, keep) of about BLOCK elements: what is computed with at once."""
    size = array[0].size if len(array) else 1
    step = max(16, BLOCK // max(size, 1))
    for start in range(0, len(array), step):
        some = slice(start, start + step)
        yield array[some], None if keep is None else keep[some]


def numbers(rows, keep, skip):
    """keep, with skip also False where there is no number (NaN, NaT)."""
    if not skip or rows.dtype.kind not in "fcmM":
        return keep
    there = ~(np.isnat(rows) if rows.dtype.kind in "mM" else np.isnan(rows))
    return there if keep is None else keep & there
