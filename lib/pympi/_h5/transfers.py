"""Elements on their way into datasets and out of them.

There are three ways in. Where all elements have their place in the file each rank writes its own. Compressed
and unplaced chunks are made by one rank each (``chunked``). What lies in the file's structure itself (texts of any
length, compact datasets) is written by all ranks alike, of what all have told each other.
SPDX-License-Identifier: MIT
"""
import math

import numpy as np

import _pympi_h5 as _h5

from pympi._h5 import columns, dtypes, overlaps, selections
from pympi._h5.chunked import put_chunks
from pympi._shares import block

SLAB = 64 << 20         # bytes between two looks at ^C
_WORTH = 1 << 20        # datasets for which ranks ask each other if their parts are columns


def way_of(dataset):
    """"placed", "unplaced", "chunks" or "structure": the same on all ranks. Local."""
    about = dataset._about()
    layout = about.layout
    if layout == "compact" or dataset.dtype.hasobject:
        return "structure"
    if layout == "virtual" or about.external:
        return "structure"
    if layout == "chunked" and (about.filters or not _h5.dataset_placed(dataset._id)):
        return "chunks"
    if not dataset.size or _h5.dataset_placed(dataset._id):
        return "placed"
    return "unplaced"


def pieces(axes, unit, most):
    """Parts of a selection by axes of at most so many bytes (or one element): (axes, index). Local."""
    lengths = [len(axis) for axis in axes]
    if math.prod(lengths) * unit <= most or all(n <= 1 for n in lengths):
        yield axes, (slice(None),) * len(axes)
        return
    at = next(i for i, n in enumerate(lengths) if n > 1)
    row = math.prod(lengths[at + 1:]) * unit
    step = max(1, most // max(1, row))
    for start in range(0, lengths[at], step):
        part = axes[:at] + (axes[at][start:start + step],) + axes[at + 1:]
        index = (slice(None),) * at + (slice(start, start + step),)
        if row > most:
            for inner, more in pieces(part, unit, most):
                yield inner, index[:at] + (index[at],) + more[at + 1:]
        else:
            yield part, index + (slice(None),) * (len(axes) - at - 1)


def get_in_slabs(id, type_id, chosen, out, most, counts, empty=np.empty):
    """Reads into an array, with looks at ^C in between. Local."""
    for axes, index in pieces(chosen.axes, out.itemsize, most):
        view = out[index]
        if view.flags.c_contiguous:
            _h5.read(id, type_id, selections.whole(axes).what, dtypes.memory_of(view))
        else:
            part = empty(view.shape, out.dtype)
            _h5.read(id, type_id, selections.whole(axes).what, dtypes.memory_of(part))
            view[...] = part
        counts.step(view.nbytes)


# ---- into datasets ----------------------------------------------------------------------------

def _put(dataset, chosen, array):
    """This rank's elements to their place. Local."""
    if not chosen.count:
        return
    counts = dataset._state.counts
    dtype = dataset.dtype
    type_id = _memory_type(dataset, array)
    with counts.timed_write(array.nbytes):
        if chosen.points is not None or dtype.subdtype or not chosen.axes:
            what = chosen.what if chosen.axes != () else None
            dtypes.put(dataset._id, type_id, array.dtype, array, what)
            return
        for axes, index in pieces(chosen.axes, array.itemsize, SLAB):
            part = array[index]
            if not part.flags.c_contiguous:
                part = np.ascontiguousarray(part)
                counts.note_memory(part.nbytes)
            _h5.write(dataset._id, type_id, selections.whole(axes).what, dtypes.memory_of(part))
            counts.step(part.nbytes)


def _memory_type(dataset, array):
    """The type of elements in memory: the array's, where that says it all."""
    dtype = dataset.dtype
    if dtype.kind == "S":       # HDF5 converts lengths, and not encodings
        encoding = dtypes.check_string_dtype(dtype.base).encoding
        return dtypes.make(dtypes.string_dtype(encoding, max(1, array.dtype.itemsize)))
    return dtypes.make(dtype if dtypes.is_special(dtype) else array.dtype)


def put_alone(dataset, chosen, array):
    """`with d.independent:`. Local. Raises OSError where other ranks would have to take part."""
    way = way_of(dataset)
    if way != "placed" and dataset._state.team.size > 1:
        raise OSError(f"write: {dataset.name} cannot be written by one rank alone: its elements "
                      f"{'are compressed or ' if way == 'chunks' else ''}have no place of their own yet")
    _put(dataset, chosen, array)


def _words(dataset, way):
    return ("to", dataset.name), ("way", way)


def put_together(dataset, chosen, array, in_runs=False):
    """Each rank's elements. Collective. in_runs: all ranks know that theirs lie in long pieces."""
    state, team = dataset._state, dataset._state.team
    way = way_of(dataset)
    if team.size == 1:
        _put_single(dataset, way, chosen, array)
        return
    if state.checks:
        overlaps.refuse(dataset, chosen, array)
    if way == "structure":
        _put_structure(dataset, chosen, array)
    elif way == "chunks":
        team.agree("write", _words(dataset, way))
        put_chunks(dataset, chosen, array)
    else:
        if way == "unplaced":
            state.change("write", _words(dataset, way), lambda: _touch(dataset))
        team.check("write")
        team.agree("write", _words(dataset, way))
        _put_placed(dataset, chosen, array, in_runs)


def _put_placed(dataset, chosen, array, in_runs):
    """Elements that have their place. Collective, behind an agreement."""
    team, dtype, error = dataset._state.team, dataset.dtype, None
    if not in_runs and dataset.ndim > 1 and dataset.nbytes >= _WORTH and not dtype.subdtype:
        slab = columns.found(dataset.shape, team.comm.allgather(columns.box_of(chosen)))
        if slab is not None and slab.is_scattered(dtype.itemsize):
            columns.put_columns(dataset, slab, array, lambda *what: _put(dataset, *what))
            return
    try:
        _put(dataset, chosen, array)
    except BaseException as e:
        error = e
    team.settle("write", error, structural=False)


def _put_single(dataset, way, chosen, array):
    if way == "chunks" and chosen.count:
        dataset._state.freed = True
    if dataset.dtype.hasobject:
        type_id = dtypes.make(array.dtype)
        if chosen.count:
            dtypes.put(dataset._id, type_id, array.dtype, array, chosen.what if chosen.axes != () else None)
        return
    if way == "chunks":     # HDF5 would compress a chunk anew for each part of it
        put_chunks(dataset, chosen, array)
    else:
        _put(dataset, chosen, array)


def _touch(dataset):
    """Gives a dataset its place: HDF5 does with the first element that is written."""
    dtype, rank = dataset.dtype, dataset.ndim
    first = selections.slab((0,) * rank, (1,) * rank)
    type_id = dtypes.make(dtype)
    room = bytearray(dtypes.size_of(dtypes.describe(dtype)))
    what = first.what if rank else None
    _h5.read(dataset._id, type_id, what, room)
    _h5.write(dataset._id, type_id, what, room)


def _put_structure(dataset, chosen, array):
    state, team = dataset._state, dataset._state.team
    words = _words(dataset, "structure")
    points, dtype = array.dtype.hasobject, array.dtype if array.dtype.hasobject else dataset.dtype
    packed = dtypes.pack(array, dtype) if points else np.ascontiguousarray(array, dtype.base).tobytes()
    what = chosen.what if chosen.axes != () else None
    own = (what if not isinstance(what, np.ndarray) else what.copy(), packed) if chosen.count else None
    team.agree("write", words)
    told = [one for one in team.comm.allgather(own) if one is not None]
    if all(_same(one, told[0]) for one in told[1:]):
        told = told[:1]
    type_id = dtypes.make(dtype)
    write = _h5.write_objects if points else _h5.write

    def act():
        for where, values in told:
            write(dataset._id, type_id, where, values)
    state.change("write", words, act, last=True)


def _same(one, other):
    if isinstance(one[0], np.ndarray) or isinstance(other[0], np.ndarray):
        return np.array_equal(one[0], other[0]) and one[1] == other[1]
    return one == other


def put_alike(dataset, chosen, array):
    """Elements that all ranks have: each writes a part. Collective."""
    state, team = dataset._state, dataset._state.team
    way = way_of(dataset)
    if team.size == 1 or not chosen.axes or way == "unplaced":
        put_together(dataset, chosen, array)
    elif way == "structure":
        type_id = _memory_type(dataset, array)
        state.change("write", _words(dataset, way),
                     lambda: dtypes.put(dataset._id, type_id, array.dtype, array), last=True)
    else:
        unit = dataset.chunks[0] if way == "chunks" else 1
        start, stop = block(-(-chosen.full[0] // unit), team.rank, team.size)
        start, stop = min(start * unit, chosen.full[0]), min(stop * unit, chosen.full[0])
        part = selections.whole((chosen.axes[0][start:stop],) + chosen.axes[1:])
        put_together(dataset, part, array[start:stop])


def put_split(dataset, array, axis, lengths):
    """Parts that lie behind each other along an axis, of these lengths. Collective."""
    team, shape = dataset._state.team, dataset.shape
    starts = [0] * len(shape)
    starts[axis] = sum(lengths[:team.rank])
    size = list(shape)
    size[axis] = lengths[team.rank]
    inner = dataset.dtype.subdtype[1] if dataset.dtype.subdtype else ()
    chosen = selections.slab(starts, size)
    slab = columns.whole(shape, axis, lengths)
    scattered = slab.is_scattered(dataset.dtype.itemsize) and not inner and not dataset.dtype.hasobject
    if team.size > 1 and scattered and way_of(dataset) == "placed":
        team.check("write")
        team.agree("write", _words(dataset, "columns"))
        columns.put_columns(dataset, slab, array.reshape(chosen.full), lambda *what: _put(dataset, *what))
    else:
        put_together(dataset, chosen, array.reshape(chosen.full + inner), in_runs=True)
