"""VTKHDF: one HDF5 file that all ranks write, and ParaView's ranks read in parallel.

SPDX-License-Identifier: MIT

Version 1.0 of the format, which all of ParaView from 5.10 on reads, and 2.0 for surfaces. Of a file all of which is
wrong at once nothing is left: h5.File commits at its end.

Source: "VTKHDF File Format", VTK File Formats, Kitware.
"""
import contextlib
import json
import os

import numpy as np

from pympi import mpi
from pympi._agree import Attempt, meet
from pympi._io.files import sync_folder
from pympi._vis.blocks import Block, placed, storable, vector

_GRID = "UnstructuredGrid"
VERTEX, LINE, POLY_LINE, TRIANGLE, POLYGON, QUAD = 1, 3, 4, 5, 7, 9
POLYGONS = {3: TRIANGLE, 4: QUAD}
LINES = {1: VERTEX, 2: LINE}
SURFACE = {"Vertices": (VERTEX,), "Lines": (LINE, POLY_LINE), "Polygons": (TRIANGLE, QUAD, POLYGON), "Strips": ()}


def write_image(path, fields, split=0, comm=mpi.world, *, extent=None, dimensions=None, spacing=(1, 1, 1),
                origin=(0, 0, 0), direction=(1, 0, 0, 0, 1, 0, 0, 0, 1)):
    """write_image(path, fields, split=0, comm=world, *, extent=None, dimensions=None, spacing=(1, 1, 1), …)

    Writes a regular grid's fields into one VTKHDF file. Collective over comm.

    fields: names and this rank's arrays, (z, y, x) or (z, y, x, components): values at the grid's points. With
    dimensions=2 or 1 they are (y, x) or (x), and a last axis has components; without it, as many as the
    fields have at least, 3 at most. The ranks' blocks lie behind each other along the axis split; or extent,
    VTK's (x0, x1, y0, y1, z0, z1), ends included, says where this rank's is: then blocks may share points. A rank
    may have nothing. Two axes at least have more than one point; a flat grid stands upright for ParaView: x is
    the flat axis, and (y, x) are z and y. spacing, origin: those of the array's axes, in the order x, y, z.

    The path's extension is to be .hdf for ParaView before 5.12, from then on it may be .vtkhdf. Raises
    ValueError for arrays that do not fit, io.Disagreement and h5.Disagreement, on every rank.
    """
    attempt, values = Attempt(), ()
    with attempt:
        path = os.fspath(path)
        block = Block(fields, split, extent, dimensions, comm.size)
        vectors = [vector(name, given, count) for name, given, count in (
            ("spacing", spacing, 3), ("origin", origin, 3), ("direction", direction, 9))]
        values = (("path", path), ("split", split), ("the fields", block.kinds()), ("spacing", vectors[0]),
                  ("origin", vectors[1]), ("direction", vectors[2]))
    meet(comm, "write_image", attempt, values)
    grid = _Grid(*placed(comm, block, "write_image"), *vectors)
    with _file(path, comm, "ImageData") as group:
        for name, value in grid.attributes().items():
            group.attrs[name] = value
        for name, array in block.fields.items():
            grid.write(group, name, array)


class _Grid:
    """The grid in the file, where a flat axis is x: the reader of ParaView 5.11 writes beyond its memory where z or
    y has one point alone, and takes no notice of Direction, which could turn it back. The values stay in their
    order."""

    def __init__(self, start, shape, spacing, origin, direction):
        self.missing = 3 - len(shape)
        self.start = (0,) * self.missing + start
        self.lengths = (1,) * self.missing + shape
        flat = next((axis for axis in (0, 1) if self.lengths[axis] == 1), 2)
        self.order = (*(axis for axis in (0, 1, 2) if axis != flat), flat)      # of the axes z, y, x
        self.lengths = tuple(self.lengths[axis] for axis in self.order)
        if min(self.lengths[:2]) < 2:
            raise ValueError(f"write_image: a grid of {shape} points: two axes at least need more than one")
        self.spacing, self.origin, self.direction = spacing, origin, direction

    def attributes(self):
        axes = [2 - axis for axis in self.order[::-1]]      # of x, y, z
        extent = [value for length in self.lengths[::-1] for value in (0, length - 1)]
        return {"WholeExtent": np.array(extent, "i8"), "Spacing": np.array(self.spacing)[axes],
                "Origin": np.array(self.origin)[axes],
                "Direction": np.array(self.direction).reshape(3, 3)[axes][:, axes].reshape(9)}

    def write(self, group, name, array):
        """One field, each rank's box of it."""
        array = array.reshape((1,) * self.missing + array.shape)
        tail = array.shape[3:]
        data = group.create_dataset(f"PointData/{name}", (*self.lengths, *tail), array.dtype)
        array = array.transpose(*self.order, *range(3, array.ndim))
        start = [self.start[axis] for axis in self.order]
        data[tuple(slice(at, at + length) for at, length in zip(start, array.shape))] = array


def write_unstructured(path, points, cells, types, point_data=None, cell_data=None, comm=mpi.world):
    """write_unstructured(path, points, cells, types, point_data=None, cell_data=None, comm=world)

    Writes the ranks' pieces of an unstructured grid into one VTKHDF file. Collective over comm.

    points: (n, 3), or (n, 2). cells: (m, k) numbers of points, counted in this rank's piece; or, where they have
    different sizes, a pair: the numbers behind each other, and where each cell begins with where the last ends
    (m + 1). types: VTK's number of the cells' type, one for all or one each. point_data, cell_data: names
    and arrays (n,), (n, components) and (m…). A rank may have nothing. The file and what is raised are as
    with write_image().
    """
    _write_pieces("write_unstructured", path, points, point_data, cell_data, comm, lambda: as_cells(cells, types))


def write_poly(path, points, polys=None, point_data=None, cell_data=None, comm=mpi.world, *, lines=None,
               surface=False):
    """write_poly(path, points, polys=None, point_data=None, cell_data=None, comm=world, *, lines=None, …)

    Writes the ranks' pieces of a surface, polygons and lines, into one VTKHDF file. Collective over comm.

    polys, lines: (m, k) numbers of points, or the pair of write_unstructured(); cells' data is that of the
    polygons, then that of the lines. The file holds them as cells of an unstructured grid, which each ParaView
    opens; with surface=True as a surface (PolyData), whose cells are vertices, lines and polygons in this order,
    which ParaView opens from 5.12 on. The rest is as with write_unstructured().
    """
    def cells():
        return _joined(as_cells(polys, None, POLYGONS, POLYGON), as_cells(lines, None, LINES, POLY_LINE))
    _write_pieces("write_poly", path, points, point_data, cell_data, comm, cells, "PolyData" if surface else _GRID)


def _write_pieces(call, path, points, point_data, cell_data, comm, make_cells, kind=_GRID):
    attempt, arrays = Attempt(), None
    with attempt:
        path = os.fspath(path)
        points = as_points(points)
        cells = make_cells()
        check_cells(*cells, len(points))
        counts, arrays, order = _as_grid(*cells) if kind == _GRID else _as_surface(*cells)
        counts["NumberOfPoints"], arrays["Points"] = len(points), points
        arrays |= _data("PointData", point_data, len(points), "points")
        data = _data("CellData", cell_data, len(order), "cells")
        arrays |= {name: array[order] for name, array in data.items()} if kind != _GRID else data
    meet(comm, call, attempt, () if arrays is None else (("path", path), ("the kind", kind), ("the arrays", tuple(
        (name, array.dtype.str, array.shape[1:]) for name, array in arrays.items()))))
    with _file(path, comm, kind) as group:
        for name, count in counts.items():
            group.save(name, np.array([count], "i8"))
        for name, array in arrays.items():
            group.save(name, array)


def _as_grid(numbers, offsets, types):
    """An unstructured grid's counts and arrays, and the order of its cells."""
    counts = {"NumberOfCells": len(types), "NumberOfConnectivityIds": len(numbers)}
    return counts, {"Connectivity": numbers, "Offsets": offsets, "Types": types}, np.arange(len(types))


def _as_surface(numbers, offsets, types):
    """A surface's, whose cells lie by their kinds."""
    counts, arrays, order, sizes = {}, {}, [], np.diff(offsets)
    for name, kinds in SURFACE.items():
        chosen = np.isin(types, kinds)
        own = numbers[np.repeat(chosen, sizes)]
        counts |= {f"{name}/NumberOfCells": int(chosen.sum()), f"{name}/NumberOfConnectivityIds": len(own)}
        arrays |= {f"{name}/Connectivity": own, f"{name}/Offsets": np.append(0, np.cumsum(sizes[chosen]))}
        order.append(np.flatnonzero(chosen))
    return counts, arrays, np.concatenate(order)


def as_points(points):
    points = np.asarray(points)
    if not points.size:
        points = np.empty((0, 3), points.dtype)
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise ValueError(f"points of shape {points.shape}, and not (n, 3) or (n, 2)")
    if points.dtype not in (np.dtype("f4"), np.dtype("f8")):
        points = points.astype("f8")
    if points.shape[1] == 2:
        points = np.column_stack([points, np.zeros(len(points), points.dtype)])
    return storable("points", points)


def as_cells(cells, types=None, by_size=None, else_type=None):
    """Numbers of points, where cells begin and end, and their types."""
    if cells is None:
        return np.empty(0, "i8"), np.zeros(1, "i8"), np.empty(0, "u1")
    if isinstance(cells, tuple):
        numbers, offsets = (np.asarray(one) for one in cells)
    else:
        cells = np.asarray(cells)
        if not cells.size:
            cells = np.empty((0, 1), "i8")
        if cells.ndim != 2:
            raise ValueError(f"cells of shape {cells.shape}, and not (m, k), nor a pair")
        numbers, offsets = cells.reshape(-1), np.arange(len(cells) + 1) * cells.shape[1]
    if numbers.size and numbers.dtype.kind not in "iu" or offsets.dtype.kind not in "iu":
        raise ValueError(f"cells of types {numbers.dtype} and {offsets.dtype}, and not whole numbers")
    sizes = np.diff(offsets)
    if by_size is not None:
        types = np.full(len(sizes), else_type, "u1")
        for size, kind in by_size.items():
            types[sizes == size] = kind
    types = np.array(np.broadcast_to(types, sizes.shape), "u1")
    return numbers.astype("i8"), offsets.astype("i8"), types


def _joined(one, other):
    return (np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1][1:] + one[1][-1]]),
            np.concatenate([one[2], other[2]]))


def check_cells(numbers, offsets, types, points):
    if numbers.ndim != 1 or offsets.ndim != 1 or len(offsets) != len(types) + 1:
        raise ValueError(f"cells of shapes {numbers.shape} and {offsets.shape} for {len(types)} cells")
    if offsets[0] != 0 or offsets[-1] != len(numbers) or (np.diff(offsets) < 0).any():
        raise ValueError(f"cells begin at {offsets[0]} and end at {offsets[-1]} of {len(numbers)} numbers, or go back")
    if len(numbers) and not (0 <= numbers.min() and numbers.max() < points):
        raise ValueError(f"cells name points {numbers.min()} to {numbers.max()}, and this rank has {points}")


def _data(group, fields, length, what):
    arrays = {}
    for name, array in (fields or {}).items():
        array = storable(name, array)
        if array.ndim not in (1, 2) or len(array) != length:
            raise ValueError(f"{group} {name} of shape {array.shape} for {length} {what}")
        arrays[f"{group}/{name}"] = array
    return arrays


@contextlib.contextmanager
def _file(path, comm, kind):
    """The group /VTKHDF of a new file. Collective over comm."""
    from pympi import h5
    with h5.File(path, "w", comm=comm) as file:
        group = file.create_group("VTKHDF")
        group.attrs["Version"] = np.array([2, 0] if kind == "PolyData" else [1, 0], "i8")
        group.attrs["Type"] = np.array(kind.encode(), f"S{len(kind)}")   # of fixed length, which the reader wants
        yield group


class Series:
    """Files of one format at moments of time, as ParaView's .hdf.series lists them.

        steps = vis.Series("run.hdf")           # run.hdf.series, run-0000.hdf, run-0001.hdf …
        steps.write_image(0.5, {"u": u})        # and write_unstructured, write_poly
    """

    def __init__(self, path, comm=mpi.world):
        """Begin a series; an old one of this name ends with the first step. Local."""
        self.stem, self.extension = os.path.splitext(os.fspath(path))
        self.comm, self.steps = comm, []

    def write_image(self, time, fields, *args, **options):
        """write_image() at a moment. Collective over the series' communicator."""
        self._write(write_image, time, fields, *args, **options)

    def write_unstructured(self, time, *args, **options):
        """write_unstructured() at a moment. Collective over the series' communicator."""
        self._write(write_unstructured, time, *args, **options)

    def write_poly(self, time, *args, **options):
        """write_poly() at a moment. Collective over the series' communicator."""
        self._write(write_poly, time, *args, **options)

    def _write(self, write, time, *args, **options):
        attempt = Attempt()
        with attempt:
            time = float(time)
        meet(self.comm, "Series", attempt, (("time", time), ("the number of steps", len(self.steps))))
        name = f"{self.stem}-{len(self.steps):04}{self.extension}"
        write(name, *args, comm=self.comm, **options)
        self.steps.append({"name": os.path.basename(name), "time": time})
        with attempt:
            if self.comm.rank == 0:
                self._write_list()
        meet(self.comm, "Series", attempt)

    def _write_list(self):
        path = f"{self.stem}{self.extension}.series"
        with open(path + ".partial", "w", encoding="utf-8") as file:
            json.dump({"file-series-version": "1.0", "files": self.steps}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.rename(path + ".partial", path)
        sync_folder(path)
