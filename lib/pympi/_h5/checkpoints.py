"""Saving what a program needs to go on, and getting it back on any number of ranks.

SPDX-License-Identifier: MIT
"""
import os
import pickle
import re
import warnings

import numpy as np

from pympi import mpi
from pympi._agree import Attempt, Disagreement, Team, hashed
from pympi._h5 import dtypes, shares
from pympi._h5.files import File
from pympi._shares import axis_of

_FORMAT = 1
_BLOCK = 1 << 18        # elements that a sum is made of at once


class Split:
    """An array in a checkpoint of which this rank has a part: Split(local, axis=0).

    The parts lie behind each other along axis, in the order of the ranks; restore() gives each rank a block.
    """

    def __init__(self, local, axis=0):
        self.local, self.axis = np.asarray(local), axis


class _Leaf:
    """An array's place in the tree: which dataset, and along which axis it is shared out."""

    def __init__(self, number, axis):
        self.number, self.axis = number, axis


class Damaged(OSError):
    """A checkpoint whose checksums do not fit what is in it."""


def _map(tree, change):
    """The tree with its leaves changed; dictionaries, lists and tuples are its branches."""
    if type(tree) is dict:
        return {key: _map(value, change) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(_map(value, change) for value in tree)
    return change(tree)


def _storable(value):
    if not isinstance(value, np.ndarray) or value.ndim == 0 or type(value) is not np.ndarray:
        return False
    try:
        dtypes.describe(value.dtype)
    except TypeError:
        return False
    return not value.dtype.hasobject


def _taken_apart(state):
    """The tree with _Leaf in place of arrays, and those in their order: (array, axis or None)."""
    arrays = []

    def change(value):
        axis = value.axis if isinstance(value, Split) else None
        array = value.local if isinstance(value, Split) else value
        if axis is not None and not _storable(array):
            raise TypeError(f"checkpoint: an array of type {array.dtype} and {array.ndim} dimensions cannot be split")
        if not _storable(array):
            return value
        arrays.append((array, axis if axis is None else axis_of(axis, array.ndim)))
        return _Leaf(len(arrays) - 1, arrays[-1][1])
    return _map(state, change), arrays


def _words(array):
    """Its elements as unsigned integers, several to an element where it is long."""
    size = array.itemsize
    unit = next(n for n in (8, 4, 2, 1) if size % n == 0)
    return array.reshape(-1).view(f"u{unit}").reshape(-1, size // unit)


def _sum(array, starts, shape):
    """A checksum that adds up over parts: words times odd numbers, by their place in the whole.

    A changed bit always shows; of two changes one in 2**63 does not.
    """
    if not array.size:
        return 0
    strides = np.cumprod((1,) + shape[:0:-1], dtype=np.uint64)[::-1]
    rows = max(1, _BLOCK // max(1, array[0].size))
    inner = np.zeros(array.shape[1:], np.uint64)
    for axis in range(1, array.ndim):
        places = (np.arange(array.shape[axis], dtype=np.uint64) + np.uint64(starts[axis])) * strides[axis]
        inner = inner + places.reshape((-1,) + (1,) * (array.ndim - axis - 1))
    total = 0
    for at in range(0, array.shape[0], rows):
        part = np.ascontiguousarray(array[at:at + rows])
        first = (np.arange(len(part), dtype=np.uint64) + np.uint64(starts[0] + at)) * strides[0]
        place = (first.reshape((-1,) + (1,) * (array.ndim - 1)) + inner).reshape(-1, 1)
        words = _words(part).astype(np.uint64)
        width = np.uint64(words.shape[1])
        odd = (place * width + np.arange(words.shape[1], dtype=np.uint64)) * np.uint64(2) + np.uint64(1)
        total += int((words * odd).sum(dtype=np.uint64))
    return total % 2**64


def _candidates(path):
    """Numbers of the checkpoints that are there, the last first."""
    folder, name = os.path.split(os.path.abspath(path))
    fits = re.compile(re.escape(name) + r"\.(\d+)")
    found = [fits.fullmatch(entry) for entry in os.listdir(folder)]
    return sorted((int(m[1]) for m in found if m), reverse=True)


def _totals(parts, comm):
    """Sums of all ranks' parts."""
    if comm.size == 1:
        return parts
    told = comm.allgather(parts)
    return [sum(column) % 2**64 for column in zip(*told)]


def checkpoint(path, state, *, keep=2, comm=mpi.world):
    """checkpoint(path, state, *, keep=2, comm=world)

    Saves a tree of dictionaries, lists, tuples, arrays and any other values that pickle takes, as PATH.N, and
    gives that name. Collective over comm.

    h5.Split(local, axis) is this rank's part of an array; everything else has to be equal on all ranks. The
    last `keep` checkpoints stay. A death at any moment leaves those that were there. Raises h5.Disagreement
    where the ranks' values differ, on all ranks.
    """
    team = Team(comm)
    tree, arrays, words, attempt = None, None, (), Attempt()
    with attempt:
        path = os.fspath(path)
        if keep < 1:
            raise ValueError(f"checkpoint: keep={keep}: one has to stay")
        tree, arrays = _taken_apart(state)
        pickled = pickle.dumps(tree, protocol=5)
        alike = [None if axis is not None else hashed(dtypes.meant(np.ascontiguousarray(a))) for a, axis in arrays]
        kinds = [(str(a.dtype), a.ndim, axis) for a, axis in arrays]
        words = (("path", path), ("keep", keep), ("tree", hashed(pickled)), ("arrays", kinds), ("whole", alike))
    try:
        team.agree("checkpoint", words, attempt.pop())
    except Disagreement as e:
        raise Disagreement(f"{e}. What is not equal on all ranks is given as h5.Split(local, axis)") from None
    number = team.first("checkpoint", lambda: max([0, *_candidates(path)]) + 1)
    name = f"{path}.{number}"
    with File(name, "w", comm=comm) as file:
        _save(file, pickled, arrays, comm)
    team.first("checkpoint", lambda: [os.unlink(f"{path}.{old}") for old in _candidates(path)[keep:]] and None)
    return name


def _save(file, pickled, arrays, comm):
    sums = []
    for i, (array, axis) in enumerate(arrays):
        dataset = file.save(f"arrays/{i}", array, axis)
        starts = [0] * array.ndim
        if axis is not None and comm.size > 1:
            starts[axis] = sum(n for n in comm.allgather(array.shape[axis])[:comm.rank])
        own = _sum(array, starts, dataset.shape) if axis is not None or comm.rank == 0 else 0
        sums.append(own)
    sums = _totals(sums, comm)
    file.create_dataset("tree", data=np.frombuffer(pickled, "u1"))
    file.create_dataset("sums", data=np.array(sums, "u8"))
    file.attrs["pympi checkpoint"] = _FORMAT
    file.attrs["tree sum"] = hashed(pickled + np.array(sums, "u8").tobytes())


def restore(path, *, comm=mpi.world):
    """restore(path, *, comm=world): what checkpoint(path, state) saved last.

    Collective over comm, of any size. Arrays that were split come as this rank's block along the same axis. Where
    the last checkpoint is damaged it says so (a warning) and takes the one before. Raises FileNotFoundError where there is
    none, and OSError where none is whole, on all ranks.
    """
    team, attempt = Team(comm), Attempt()
    with attempt:
        path = os.fspath(path)
    team.agree("restore", () if attempt.wrong else (("path", path),), attempt.pop())
    numbers = team.first("restore", lambda: _candidates(path))
    if not numbers:
        raise FileNotFoundError(2, f"restore: there is no checkpoint {path}.1 or later")
    last = None
    for number in numbers:
        name = f"{path}.{number}"
        try:
            return team.run("restore", (), lambda name=name: _load(name, comm), structural=False)
        except Exception as e:
            last = e
            if comm.rank == 0:
                warnings.warn(f"restore: {name} is damaged ({e}); the one before it is tried", stacklevel=2)
    raise OSError(f"restore: no checkpoint of {path} is whole; the last that was tried: {last}")


def _load(name, comm):
    team = Team(comm)
    error = file = None
    try:
        file = File(name, comm=comm)
        tree, sums = _read_tree(file)
        arrays, own = _read_arrays(file, tree, comm)
    except Exception as e:
        error, own, sums = e, [], []
    try:
        team.agree("restore", (), error)
        found = _totals(own, comm)
        if found != sums:
            raise Damaged(f"the checksum of array {next(i for i, p in enumerate(zip(found, sums)) if p[0] != p[1])} "
                          "does not fit")
    finally:
        if file:
            file.close()
    return _map(tree, lambda value: arrays[value.number] if isinstance(value, _Leaf) else value)


def _read_tree(file):
    if file.attrs.get("pympi checkpoint") != _FORMAT:
        raise Damaged("it has no mark of a whole checkpoint")
    pickled, sums = file["tree"][...].tobytes(), file["sums"][...]
    if hashed(pickled + sums.astype("u8").tobytes()) != file.attrs["tree sum"]:
        raise Damaged("the checksum of its tree does not fit")
    return pickle.loads(pickled), [int(s) for s in sums]


def _read_arrays(file, tree, comm):
    """The arrays of this rank, and the sums of the parts that it has to answer for."""
    leaves = []
    _map(tree, lambda value: leaves.append(value) if isinstance(value, _Leaf) else None)
    arrays, sums = {}, [0] * len(leaves)
    for leaf in leaves:
        dataset = file[f"arrays/{leaf.number}"]
        starts = [0] * dataset.ndim
        if leaf.axis is None:
            array = dataset[...]
        else:
            starts[leaf.axis], array = shares.block_of(dataset, leaf.axis, comm)
        arrays[leaf.number] = array
        if leaf.axis is not None or comm.rank == 0:
            sums[leaf.number] = _sum(array, starts, dataset.shape)
    return arrays, sums
