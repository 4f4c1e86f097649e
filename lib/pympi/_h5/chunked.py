"""Writing chunks that are compressed, or have no place in the file yet.

A chunk is made by one rank, of what all have of it, and goes through its filters there. How long it became all
ranks are told, for all note where it lies; only its maker writes it. SPDX-License-Identifier: MIT
"""
import itertools
import math

import numpy as np

import _pympi_h5 as _h5

from pympi._h5 import dtypes

_ROUND = 32 << 20       # bytes of chunks that a rank makes between two exchanges


class _Grid:
    """The chunks of a dataset, by number."""

    def __init__(self, shape, chunk):
        self.shape, self.chunk = shape, chunk
        self.counts = tuple(-(-n // c) for n, c in zip(shape, chunk))

    def place(self, number):
        """Where a chunk begins."""
        return tuple(int(i) * c for i, c in zip(np.unravel_index(number, self.counts), self.chunk))

    def extent(self, place):
        """How much of it is in the dataset."""
        return tuple(min(c, n - p) for p, c, n in zip(place, self.chunk, self.shape))


class _Pieces:
    """What one rank has of the chunks: number -> (index within the chunk, values)."""

    def __init__(self, grid, chosen, array):
        self.grid, self.array = grid, array
        self.parts, self.whole = {}, set()
        if chosen.count:
            (self._by_points if chosen.points is not None else self._by_axes)(chosen)

    def _by_axes(self, chosen):
        ways = []
        for axis, length in zip(chosen.axes, self.grid.chunk):
            indices = np.asarray(axis)
            ids = indices // length
            cuts = [0, *(np.flatnonzero(np.diff(ids)) + 1), len(ids)]
            ways.append([(int(ids[a]), a, b, indices[a:b] - int(ids[a]) * length)
                         for a, b in zip(cuts, cuts[1:])])
        for combination in itertools.product(*ways):
            number = int(np.ravel_multi_index([c[0] for c in combination], self.grid.counts))
            inside = [c[3] for c in combination]
            self.parts[number] = (tuple(map(_tight, inside)), tuple(slice(c[1], c[2]) for c in combination))
            if tuple(map(len, inside)) == self.grid.extent(self.grid.place(number)):
                self.whole.add(number)

    def _by_points(self, chosen):
        points = np.asarray(chosen.points)
        numbers = np.ravel_multi_index((points // self.grid.chunk).T, self.grid.counts)
        for number in np.unique(numbers):
            own = np.flatnonzero(numbers == number)
            inside = points[own] - self.grid.place(number)
            self.parts[int(number)] = (tuple(inside.T), own)

    def of(self, number):
        """(index within the chunk, values), or None."""
        if number not in self.parts:
            return None
        inside, outside = self.parts[number]
        return inside, self.array[outside]


def _tight(indices):
    """Increasing indices as a slice where they are one."""
    if len(indices) == 1 or (np.diff(indices) == indices[1] - indices[0]).all():
        step = int(indices[1] - indices[0]) if len(indices) > 1 else 1
        return slice(int(indices[0]), int(indices[-1]) + 1, step)
    return indices


def _index(inside):
    """An index of NumPy's for a part of a chunk."""
    if all(isinstance(i, slice) for i in inside):
        return inside
    if any(isinstance(i, slice) for i in inside):
        return np.ix_(*(np.arange(i.start, i.stop, i.step) if isinstance(i, slice) else i for i in inside))
    return inside


class _Maker:
    """Chunks made here: of pieces, through the filters."""

    def __init__(self, dataset, grid):
        self.dataset, self.grid = dataset, grid
        self.dtype = dataset.dtype
        self.type_id = dtypes.make(self.dtype)
        self.inner = self.dtype.subdtype[1] if self.dtype.subdtype else ()
        self.base = self.dtype.base
        self.model = None

    def make(self, number, pieces, whole):
        """(mask, bytes) of a chunk."""
        place = self.grid.place(number)
        extent = self.grid.extent(place)
        if whole and extent == self.grid.chunk:
            return self._filtered(np.ascontiguousarray(pieces[0][1], self.base))
        room = np.zeros(self.grid.chunk + self.inner, self.base)
        if not whole:
            there = dtypes.get(self.dataset._id, self.type_id, self.dtype, extent, (place, extent, (1,) * len(extent)))
            room[tuple(slice(n) for n in extent)] = there
        for inside, values in pieces:
            room[_index(inside)] = values
        return self._filtered(room)

    def _filtered(self, room):
        if self.model is None:
            state = self.dataset._state
            state.scratch = state.scratch or _h5.file_scratch()
            self.model = _h5.chunk_model(state.scratch, self.dataset._id, self.grid.chunk)
        _h5.write(self.model, self.type_id, None, dtypes.memory_of(room))
        _h5.chunk_settle(self.model)
        return _h5.chunk_read(self.model, (0,) * len(self.grid.chunk))


class _Plan:
    """Who makes which chunk, in which round: the same on all ranks."""

    def __init__(self, told, bytes_of_chunk):
        numbers = np.concatenate([own for own, _ in told]) if told else np.empty(0, int)
        ranks = np.repeat(np.arange(len(told)), [len(own) for own, _ in told])
        order = np.lexsort((ranks, numbers))
        numbers, ranks = numbers[order], ranks[order]
        self.numbers, first, times = np.unique(numbers, return_index=True, return_counts=True)
        self.owners = ranks[first] if len(numbers) else ranks
        self.shared = bool((times > 1).any())
        self.touching = {int(n): ranks[f:f + t] for n, f, t in zip(self.numbers, first, times) if t > 1}
        self.rounds = self._dealt(max(1, _ROUND // max(1, bytes_of_chunk)))

    def _dealt(self, at_once):
        """The chunks of each round: (number, owner) in the order of the numbers."""
        seen, rounds = {}, []
        for number, owner in zip(self.numbers.tolist(), self.owners.tolist()):
            place = seen.get(owner, 0) // at_once
            seen[owner] = seen.get(owner, 0) + 1
            while len(rounds) <= place:
                rounds.append([])
            rounds[place].append((number, owner))
        return rounds


def put_chunks(dataset, chosen, array):
    """Each rank's elements into chunks. Collective, behind an agreement."""
    state, team = dataset._state, dataset._state.team
    grid = _Grid(dataset.shape, dataset.chunks)
    own = _Pieces(grid, chosen, array)
    numbers = np.array(sorted(own.parts), int)
    told = [(numbers, None)] if team.size == 1 else team.comm.allgather((numbers, None))
    size = math.prod(grid.chunk) * dtypes.size_of(dtypes.describe(dataset.dtype))
    plan, maker = _Plan(told, size), _Maker(dataset, grid)
    state.counts.note_memory(min(_ROUND, size * max(1, len(numbers))) + size)
    with state.counts.timed_write(array.nbytes if chosen.count else 0):
        for chunks in plan.rounds:
            _put_round(dataset, grid, own, plan, maker, chunks)
            state.counts.step(size * sum(owner == team.rank for _, owner in chunks))


def _put_round(dataset, grid, own, plan, maker, chunks):
    state, team = dataset._state, dataset._state.team
    error, made = None, {}
    got = _exchange(team, own, plan, chunks)
    try:
        for number, owner in chunks:
            if owner == team.rank:
                pieces = got.get(number) or [own.of(number)]
                made[number] = maker.make(number, pieces, number in own.whole and number not in got)
    except BaseException as e:
        error = e
    team.agree("write", (("to", dataset.name),), error)
    sizes = {n: (mask, len(data)) for n, (mask, data) in made.items()}
    if team.size > 1:
        sizes = {n: about for part in team.comm.allgather(sizes) for n, about in part.items()}
    zeros = memoryview(bytes(max((size for _, size in sizes.values()), default=0) + 1))
    packed = bool(dataset._filters)

    def act():
        state.freed = True
        for number, owner in chunks:
            mask, size = sizes[number]
            place = grid.place(number)
            if packed and _h5.chunk_bytes(dataset._id, place) == size:
                # of equal size it would be put over the old one, and half of each cannot be unpacked
                state.store.mute = True
                _h5.chunk_write(dataset._id, place, mask, zeros[:size + 1])
            state.store.mute = owner != team.rank
            data = made[number][1] if owner == team.rank else zeros[:size]
            _h5.chunk_write(dataset._id, place, mask, data)
    state.change("write", (("to", dataset.name),), act)


def _exchange(team, own, plan, chunks):
    """What the owners of shared chunks get: number -> the pieces, in the order of the ranks. Collective."""
    if team.size == 1 or not any(number in plan.touching for number, _ in chunks):
        return {}
    out = [[] for _ in range(team.size)]
    for number, owner in chunks:
        if number in plan.touching and number in own.parts:
            inside, values = own.of(number)
            out[owner].append((number, inside, np.ascontiguousarray(values)))
    got = {}
    for part in team.comm.alltoall(out):
        for number, inside, values in part:
            got.setdefault(number, []).append((inside, values))
    return got
