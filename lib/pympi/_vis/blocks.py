"""Blocks of a regular grid, as ranks have them: what fits, where each begins, what VTK can store.

SPDX-License-Identifier: MIT
"""
from operator import index

import numpy as np

from pympi._agree import Attempt, meet


class Block:
    """A rank's part of an image, as it was given."""

    def __init__(self, fields, split, extent, dimensions, size):
        self.fields = {str(name): storable(name, array) for name, array in fields.items()}
        if not self.fields:
            raise ValueError("there are no fields")
        least = min(array.ndim for array in self.fields.values())
        self.dimensions = min(3, least) if dimensions is None else index(dimensions)
        if not 1 <= self.dimensions <= 3 or least < self.dimensions:
            raise ValueError(f"a grid of {self.dimensions} dimensions, and a field that has {least}")
        self.shape = next(iter(self.fields.values())).shape[:self.dimensions]
        for name, array in self.fields.items():
            if array.shape[:self.dimensions] != self.shape or array.ndim > self.dimensions + 1:
                raise ValueError(f"field {name} of shape {array.shape} does not fit a block of {self.shape}")
        self.split = None if extent is not None else index(split) % self.dimensions
        self.start = None if extent is None else self._start_of(extent)

    def _start_of(self, extent):
        extent = [index(one) for one in extent]
        if len(extent) != 6:
            raise ValueError(f"extent {extent} is not six numbers")
        starts, ends = extent[::2][::-1], extent[1::2][::-1]
        shape = tuple(end - start + 1 for start, end in zip(starts, ends))[3 - self.dimensions:]
        if shape != self.shape and 0 not in self.shape:
            raise ValueError(f"extent {extent} has {shape} points, and the fields have {self.shape}")
        return tuple(starts[3 - self.dimensions:])

    def kinds(self):
        """What ranks have to agree on in the fields."""
        return tuple((name, array.dtype.str, array.shape[self.dimensions:]) for name, array in self.fields.items())


def placed(comm, block, call):
    """Where this rank's block begins, and the shape of all. Collective over comm."""
    told = comm.allgather((block.shape, block.start, block.split))
    attempt, start, shape = Attempt(), None, None
    with attempt:
        if block.split is None:
            start, shape = _within(told, block)
        else:
            start, shape = _behind(told, comm.rank, block.split)
    meet(comm, call, attempt)
    return start, shape


def _behind(told, rank, split):
    """Blocks behind each other along an axis."""
    beside = {shape[:split] + shape[split + 1:] for shape, _, _ in told}
    if len(beside) > 1:
        raise ValueError(f"the ranks' blocks have shapes {[shape for shape, _, _ in told]}, which differ beside "
                         f"axis {split}")
    lengths = [shape[split] for shape, _, _ in told]
    own = told[rank][0]
    start = tuple(sum(lengths[:rank]) if axis == split else 0 for axis in range(len(own)))
    return start, own[:split] + (sum(lengths),) + own[split + 1:]


def _within(told, block):
    """Blocks that say where they are; the grid begins where the first does."""
    there = [(start, shape) for shape, start, _ in told if start is not None and 0 not in shape]
    if not there:
        return (0,) * len(block.shape), (0,) * len(block.shape)
    low = np.min([start for start, _ in there], 0)
    high = np.max([np.add(start, shape) for start, shape in there], 0)
    if low.any():
        raise ValueError(f"the blocks begin at {tuple(map(int, low))}: a whole extent begins at 0; origin= moves it")
    return block.start, tuple(map(int, high))


def storable(name, array):
    """The array in a type that VTK has: in the machine's byte order, no booleans, no halves."""
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} is of type {array.dtype}, which VTK does not have")
    if array.dtype.kind == "b":
        return array.view("u1") if array.flags.c_contiguous else array.astype("u1")
    if array.dtype.itemsize not in ((1, 2, 4, 8) if array.dtype.kind in "iu" else (4, 8)):
        return array.astype("f4" if array.dtype.itemsize < 4 else "f8")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def vector(name, given, count):
    numbers = tuple(float(one) for one in given)
    if len(numbers) != count:
        raise ValueError(f"{name} {given} is not {count} numbers")
    return numbers
