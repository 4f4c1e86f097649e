"""Which part of a dataset is whose.

SPDX-License-Identifier: MIT
"""
import numpy as np

from pympi._agree import Attempt, Disagreement
from pympi._h5 import selections, transfers
from pympi._h5.making import guess_chunks
from pympi._h5.together import Team
from pympi._shares import Shares, axis_of


def _chosen(shape, axis, own):
    """The selection of some indices of an axis."""
    axes = tuple(own if i == axis else range(n) for i, n in enumerate(shape))
    full = tuple(len(a) for a in axes)
    return selections.Selection(full, full, axes)


def block_of(dataset, axis, comm):
    """(first index, elements) of a rank's block. Local."""
    own = Shares(dataset.shape[axis], comm.size).indices(comm.rank)
    return own.start, dataset._get(_chosen(dataset.shape, axis, own), dataset.dtype)


def read(dataset, split, into, comm, how):
    """Dataset.read."""
    state = dataset._state
    team = state.team if comm is None and state.team is not None else Team(comm or state.comm)
    attempt, chosen, words, mine = Attempt(), None, (), None
    with attempt:
        state.need_open("read")
        shape = dataset.shape
        if shape is None:
            raise TypeError(f"read: {dataset.name} is empty, and has no shares")
        axis = None if split is None else axis_of(split, len(shape))
        shares = Shares(1 if axis is None else shape[axis], team.size, **how)
        own = shares.indices(team.rank)
        chosen = selections.select(shape, ()) if axis is None else _chosen(shape, axis, own)
        if into is not None and not isinstance(into, np.ndarray):
            raise TypeError(f"read: into is {into!r}, and no array")
        if into is not None and into.shape != chosen.full:
            raise ValueError(f"read: into has shape {into.shape}, and this rank's share {chosen.full}")
        words = (("of", dataset.name), ("shape", shape), ("split", split), *shares.words())
    team.agree("read", words, attempt.pop())
    with attempt:
        mine = dataset._get(chosen, dataset.dtype) if into is None else dataset._read_into(chosen, into)
    if team.size > 1:
        team.settle("read", attempt.pop(), structural=False)
    elif attempt.wrong is not None:
        raise attempt.pop()
    return mine


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
    with state.prepared(call):
        state.need_write(call)
        array = np.asarray(local)
        axis = axis_of(split, array.ndim)
    state.team.agree(call, (("split", axis),))
    own = array.shape, array.dtype.str if array.dtype.names is None else str(array.dtype)
    return array, axis, state.team.comm.allgather(own) if state.team.size > 1 else [own]


def _sole_dtype(call, told, team):
    """The one type of all parts that have elements."""
    kinds = {}
    for rank, (shape, kind) in enumerate(told):
        if 0 not in shape:
            kinds.setdefault(kind, []).append(rank)
    if len(kinds) > 1:
        said = "; ".join(f"{kind} on rank {ranks[0]}" for kind, ranks in kinds.items())
        raise Disagreement(f"{call}: the parts' types differ, and nothing was done: {said}")
    return next(iter(kinds), told[0][1])


def write(dataset, local, split, how):
    """Dataset.write."""
    if any(value is not None and value != 0 for value in how.values()):
        _write_share(dataset, local, split, how)
        return
    array, axis, told = _told(dataset._state, "write", local, split)
    lengths, whole = _fitting("write", told, axis)
    if whole != dataset.shape and 0 not in whole:
        raise ValueError(f"write: the parts are {whole} together, and {dataset.name} is {dataset.shape}")
    with dataset._state.prepared("write"):
        array = dataset._typed(array, dataset.dtype)
    transfers.put_split(dataset, array, axis, lengths)


def _write_share(dataset, local, split, how):
    """Writes what read() with the same arguments gives a rank, without its halo. Collective."""
    state = dataset._state
    with state.prepared("write"):
        state.need_write("write")
        shape, team = dataset.shape, state.team
        axis = axis_of(split, len(shape))
        shares = Shares(shape[axis], team.size, **how)
        array, own = dataset._typed(local, dataset.dtype), shares.indices(team.rank)
        wanted = shape[:axis] + (len(own),) + shape[axis + 1:]
        if array.shape[:len(shape)] != wanted:
            raise ValueError(f"write: the array has shape {array.shape}, and this rank's share {wanted}")
        if shares.in_blocks:
            start, stop = map(int, shares.bounds[team.rank:team.rank + 2])
            array = array[(slice(None),) * axis + (slice(start - own.start, stop - own.start),)]
            own = range(start, stop)
        chosen = _chosen(shape, axis, own)
        words = (("to", dataset.name), ("split", axis), *shares.words())
    state.team.agree("write", words)
    transfers.put_together(dataset, chosen, array)


def _refuse_share(state, lengths, how):
    """Raises where arrays of these lengths are not what ranks have of the whole. Collective."""
    team, words = state.team, ()
    with state.prepared("save"):
        shares = Shares(sum(lengths), team.size, **how)
        words = shares.words()
        if shares.count(team.rank) != lengths[team.rank]:
            raise ValueError(f"save: the array has length {lengths[team.rank]}, and this rank's share of "
                             f"{sum(lengths)} is {shares.count(team.rank)}")
    team.agree("save", words)


def save(group, name, local, split, options):
    """Group.save."""
    if split is None:
        return group.create_dataset(name, data=local, **options)
    how = {name: options.pop(name) for name in ("cyclic", "owners") if options.get(name) is not None}
    state = group._state
    array, axis, told = _told(state, "save", local, split)
    lengths, whole = _fitting("save", told, axis)
    kind = _sole_dtype("save", told, state.team)
    if how:
        _refuse_share(state, lengths, how)
    # The names of an enumeration and the like are no part of kind.
    plain = array.dtype.names is None and array.dtype.kind != "O" and array.dtype.str != kind
    dtype = np.dtype(kind) if plain else array.dtype
    chunked = options.get("chunks") in (None, True) and (
        options.get("chunks") or options.get("compression") or options.get("shuffle")
        or options.get("fletcher32") or options.get("maxshape"))
    if chunked and not dtype.hasobject:
        options["chunks"] = _split_chunks(whole, dtype.itemsize, axis, lengths)
    dataset = group.create_dataset(name, whole, dtype, **options)
    if how:
        _write_share(dataset, array, axis, how)
        return dataset
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
