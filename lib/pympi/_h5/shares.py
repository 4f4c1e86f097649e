"""Which part of a dataset is whose.

SPDX-License-Identifier: MIT
"""
import numpy as np

from pympi._h5 import selections
from pympi._h5.making import guess_chunks


def _axis(split, rank):
    axis = split + rank if split < 0 else split
    if not 0 <= axis < rank:
        raise ValueError(f"split={split} is no axis of {rank} dimensions")
    return axis


def block(length, rank, size):
    """(start, stop) of a rank's block, as numpy.array_split makes them. Local."""
    part, rest = divmod(length, size)
    start = rank * part + min(rank, rest)
    return start, start + part + (rank < rest)


def _dealt(length, rank, size, width):
    """The indices of blocks dealt out in turn."""
    every = np.arange(length)
    return every[every // width % size == rank]


def share(shape, split, comm, halo=0, cyclic=None, counts=None):
    """A rank's selection. Local."""
    axis = _axis(split, len(shape))
    length = shape[axis]
    if cyclic is not None:
        if counts is not None or halo:
            raise ValueError("cyclic goes neither with counts nor with halo")
        if cyclic < 1:
            raise ValueError(f"cyclic={cyclic}: blocks have one element at least")
        own = _dealt(length, comm.rank, comm.size, int(cyclic))
    else:
        start, stop = _counted(counts, length, comm) if counts is not None else block(
            length, comm.rank, comm.size)
        own = range(max(0, start - halo), min(length, stop + halo)) if stop > start else range(start, stop)
    axes = tuple(own if i == axis else range(n) for i, n in enumerate(shape))
    full = tuple(len(a) for a in axes)
    return selections.Selection(full, full, axes)


def _counted(counts, length, comm):
    counts = [int(n) for n in counts]
    if len(counts) != comm.size or sum(counts) != length or min(counts, default=0) < 0:
        raise ValueError(f"counts {counts} do not share {length} elements among {comm.size} ranks")
    start = sum(counts[:comm.rank])
    return start, start + counts[comm.rank]


def _fitting(call, told, axis):
    """The starts and the whole shape of parts behind each other, of every rank's (shape, dtype)."""
    shapes = [shape for shape, _ in told]
    rest = {shape[:axis] + shape[axis + 1:] for shape in shapes if shape[axis]} or {
        shapes[0][:axis] + shapes[0][axis + 1:]}
    if len({len(shape) for shape in shapes}) > 1 or len(rest) > 1:
        raise ValueError(f"{call}: parts of shapes {_few(shapes)} do not lie behind each other along axis {axis}")
    others = rest.pop()
    lengths = [shape[axis] for shape in shapes]
    return lengths, others[:axis] + (sum(lengths),) + others[axis:]


def _few(shapes):
    text = ", ".join(f"{shape} on rank {rank}" for rank, shape in enumerate(shapes[:4]))
    return text + (", …" if len(shapes) > 4 else "")


def _told(state, call, local, split):
    """Every rank's (shape, dtype): of this one's array. Collective."""
    error = array = axis = None
    try:
        state.need_write(call)
        array = np.asarray(local)
        axis = _axis(split, array.ndim)
    except BaseException as e:
        error = e
    if error is not None:
        state.fail(call, error)
    state.team.agree(call, (("split", axis),))
    own = array.shape, array.dtype.str if array.dtype.names is None else str(array.dtype)
    return array, axis, state.team.comm.allgather(own) if state.team.size > 1 else [own]


def _trimmed(array, axis, halo, rank, size):
    """Without the neighbours' elements at inner ends."""
    if not halo:
        return array
    first, last = halo if rank else 0, halo if rank < size - 1 else 0
    if array.shape[axis] == 0:
        return array
    index = [slice(None)] * array.ndim
    index[axis] = slice(first, array.shape[axis] - last)
    return array[tuple(index)]


def _sole_dtype(call, told, team):
    """The one type of all parts that have elements."""
    from pympi._h5.together import Disagreement
    kinds = {}
    for rank, (shape, kind) in enumerate(told):
        if 0 not in shape:
            kinds.setdefault(kind, []).append(rank)
    if len(kinds) > 1:
        said = "; ".join(f"{kind} on rank {ranks[0]}" for kind, ranks in kinds.items())
        raise Disagreement(f"{call}: the parts' types differ, and nothing was done: {said}")
    return next(iter(kinds), told[0][1])


def write(dataset, local, split, halo):
    """Dataset.write."""
    from pympi._h5 import transfers
    state = dataset._state
    team = state.team
    if team is not None and state.is_open and np.ndim(local):
        local = _trimmed(np.asarray(local), split, halo, team.rank, team.size)
    array, axis, told = _told(state, "write", local, split)
    lengths, whole = _fitting("write", told, axis)
    if whole != dataset.shape and 0 not in whole:
        raise ValueError(f"write: the parts are {whole} together, and {dataset.name} is {dataset.shape}")
    transfers.put_split(dataset, dataset._typed(array, dataset.dtype), axis, lengths)


def save(group, name, local, split, options):
    """Group.save."""
    from pympi._h5 import transfers
    if split is None:
        return group.create_dataset(name, data=local, **options)
    state = group._state
    array, axis, told = _told(state, "save", local, split)
    lengths, whole = _fitting("save", told, axis)
    kind = _sole_dtype("save", told, state.team)
    if array.dtype.names is None and array.dtype.kind != "O":
        dtype = np.dtype(kind)
    else:
        dtype = array.dtype
    chunked = options.get("chunks") in (None, True) and (
        options.get("chunks") or options.get("compression") or options.get("shuffle")
        or options.get("fletcher32") or options.get("maxshape"))
    if chunked and not dtype.hasobject:
        options["chunks"] = _split_chunks(whole, dtype.itemsize, axis, lengths)
    dataset = group.create_dataset(name, whole, dtype, **options)
    transfers.put_split(dataset, dataset._typed(array, dataset.dtype), axis, lengths)
    return dataset


def _split_chunks(shape, itemsize, axis, lengths):
    """Chunks that no two ranks share where the parts are alike."""
    chunk = list(guess_chunks(shape, itemsize, None, axis))
    part = max(lengths)
    if part and len(set(n for n in lengths[:-1])) <= 1 and lengths[0] > 0:
        part = lengths[0]
        pieces = -(-part // min(chunk[axis], part))
        while part % pieces and pieces < part:
            pieces += 1
        if part // pieces * 8 >= chunk[axis] or part // pieces == part:
            chunk[axis] = part // pieces
    return tuple(min(c, n) if n else c for c, n in zip(chunk, shape))
