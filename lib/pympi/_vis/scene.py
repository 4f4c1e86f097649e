"""What show() draws: a regular grid's fields, of which every rank has a block, and how they are to look.

SPDX-License-Identifier: MIT
"""
import math
from operator import index

import numpy as np

from pympi._agree import Attempt, meet
from pympi._vis.blocks import Block, placed, vector

KINDS = ("surface", "slice", "contour", "volume", "arrows")
FLAT_KINDS = ("surface", "contour", "arrows")
CONTOURS = 5        # as many there are, where nobody says which
ARROWS = 12         # as many there are along the longest axis
COOL_TO_WARM = ((0.231, 0.298, 0.753), (0.865, 0.865, 0.865), (0.706, 0.016, 0.149))
HEADING, BAR, EDGE = 44, 76, 10     # pixels: above a flat grid, below it, around it


class Scene:
    """What is to be drawn, as far as a rank knows it."""

    def __init__(self, fields, split, ranks, extent, dimensions, color, of, kind, lines, lift, **look):
        if not isinstance(fields, dict):
            fields = {"values": fields}
        self.block = Block(fields, split, extent, dimensions, ranks)
        if self.block.dimensions < 2:
            raise ValueError(f"fields of shape {self.block.shape} are neither (z, y, x) nor (y, x)")
        self.flat = self.block.dimensions == 2
        self.color, self.of = self._field(color), self._field(of or color)
        self.kind = kind or ("surface" if self.flat else "slice")
        if self.kind not in (FLAT_KINDS if self.flat else KINDS):
            raise ValueError(f"a flat grid has no {self.kind}" if self.kind in KINDS else
                             f"kind is {self.kind!r}, and not one of {', '.join(KINDS)}")
        self.lift = None if lift is None else float(lift)
        if self.lift is not None and (not self.flat or self.kind != "surface"):
            raise ValueError("lift is for the surface of a flat grid")
        self.lines = None if lines is None else _lines(*lines)
        self._look(**look)
        self.arrays = self._arrays()

    def _field(self, name):
        if name is None:
            return next(iter(self.block.fields))
        if name not in self.block.fields:
            raise ValueError(f"{name!r} is none of the fields, {', '.join(self.block.fields)}")
        return str(name)

    def _look(self, at, values, range, colors, spacing, origin, size, title, label, line_color, scalar_bar, background,
              camera):
        self.at = None if at is None else vector("at", at, 3)
        self.values = None if values is None else tuple(float(one) for one in np.atleast_1d(values))
        self.range = None if range is None else vector("range", range, 2)
        self.spacing, self.origin = vector("spacing", spacing, 3), vector("origin", origin, 3)
        self.size = (index(size[0]), index(size[1]))
        if min(self.size) < 1:
            raise ValueError(f"size is {self.size}, and not a width and a height in pixels")
        self.background, self.line_color = vector("background", background, 3), vector("line_color", line_color, 3)
        self.camera = None if camera is None else vector("camera", camera, 9)
        self._move_to_zero()
        self.preset = colors if isinstance(colors, str) else None
        self.colors = None if colors is None or self.preset else [(float(at), rgb(one)) for at, one in colors]
        self.title, self.label = title, self.color if label is None else str(label)
        self.scalar_bar = bool(scalar_bar)

    def _move_to_zero(self):
        """Have the grid begin at 0: what draws has numbers of seven digits."""
        def moved(numbers):
            return numbers and tuple(one - low for one, low in zip(numbers, self.origin * 2))
        self.at = moved(self.at)
        if self.camera:
            self.camera = moved(self.camera[:6]) + self.camera[6:]
        if self.lines:
            self.lines = self.lines[0] - self.origin, *self.lines[1:]
        self.origin = (0.0, 0.0, 0.0)

    def _arrays(self):
        """What is drawn, all in three dimensions: the field of the colours, of vectors their length; that whose
        surfaces are; the vectors themselves."""
        chosen = self.block.fields[self.color]
        arrays = {"color": self._length(chosen), "of": self._length(self.block.fields[self.of])}
        if self.kind == "arrows":
            if chosen.ndim != self.block.dimensions + 1 or chosen.shape[-1] not in (2, 3):
                raise ValueError(f"arrows are of vectors, and {self.color} has the shape {chosen.shape}")
            arrays["arrows"] = chosen
        return {name: array[None] if self.flat else array for name, array in arrays.items()}

    def _length(self, array):
        if array.ndim == self.block.dimensions:
            return array
        return np.sqrt(np.sum(np.square(array, dtype="f8"), axis=-1))

    def agreed(self):
        """What ranks have to agree on."""
        own = ("block", "arrays", "lines")
        return (*((name, value) for name, value in vars(self).items() if name not in own),
                ("the fields", self.block.kinds()), ("split", self.block.split), ("lines", self.lines is None))

    def place(self, comm):
        """Find this rank's block in the whole, and the values' ranges; take the points that cells between blocks
        need from the next rank. Collective over comm."""
        start, shape = placed(comm, self.block, "show")
        attempt = Attempt()
        with attempt:
            if 0 in shape:
                raise ValueError("there is nothing to draw")
        meet(comm, "show", attempt)
        more = (0,) * self.flat
        self.start, self.shape = more + tuple(start), (1,) * self.flat + tuple(shape)
        self.data_range = _common_range(comm, self.arrays["color"])
        self.of_range = self.data_range if self.of == self.color else _common_range(comm, self.arrays["of"])
        self.borrowed = None
        if self.block.split is not None:
            self._borrow(comm, self.block.split + self.flat)

    def _borrow(self, comm, axis):
        """The first points of the next block, beside this one's last."""
        lengths = comm.allgather(self.arrays["color"].shape[axis])
        full = [rank for rank, length in enumerate(lengths) if length]
        if comm.rank not in full:
            return
        place, sent = full.index(comm.rank), None
        if place:
            sent = comm.isend({name: np.ascontiguousarray(array.take([0], axis)) for name, array in
                               self.arrays.items() if name != "arrows"}, full[place - 1], 71)
        if place + 1 < len(full):
            for name, beyond in comm.recv(full[place + 1], 71).items():
                self.arrays[name] = np.concatenate([self.arrays[name], beyond], axis)
            self.borrowed = axis
        if sent:
            sent.wait()

    def own(self):
        """The arrays without what was borrowed."""
        if self.borrowed is None:
            return self.arrays
        return {name: array if name == "arrows" else array.take(range(array.shape[self.borrowed] - 1), self.borrowed)
                for name, array in self.arrays.items()}

    def gathered(self, comm):
        """On rank 0 the scene with all ranks' blocks, elsewhere None. Collective over comm."""
        parts = comm.gather((self.start, self.own(), self.lines))
        if comm.rank != 0:
            return None
        for name, array in self.arrays.items():
            whole = np.full(self.shape + array.shape[3:], np.nan, array.dtype if array.dtype.kind == "f" else "f8")
            for start, arrays, _ in parts:
                whole[tuple(slice(at, at + length) for at, length in zip(start, arrays[name].shape))] = arrays[name]
            self.arrays[name] = whole
        if self.lines:
            self.lines = _joined([lines for _, _, lines in parts])
        self.start, self.borrowed = (0, 0, 0), None
        return self

    # ---- how it looks: the same on all ranks ---------------------------------------------------

    def colors_between(self):
        """The range of the colours."""
        low, high = self.range or self.data_range
        return (low, high) if low < high else (low - 0.5, high + 0.5)

    def color_points(self):
        """Values and their colours, of which those in between follow; at a value that is there twice they jump."""
        if self.colors:
            return self.colors
        low, high = self.colors_between()
        return [(low + (high - low) * i / 2, color) for i, color in enumerate(COOL_TO_WARM)]

    def surfaces(self):
        """The values of the contour's surfaces."""
        low, high = self.of_range
        return self.values or tuple(low + (high - low) * (i + 1) / (CONTOURS + 1) for i in range(CONTOURS))

    def bounds(self):
        """The least and the greatest x, y and z of the grid."""
        return [(origin, origin + step * (count - 1)) for origin, step, count in
                zip(self.origin, self.spacing, self.shape[::-1])]

    def planes(self):
        """Points of the slices' planes: the place that was given, or the middle."""
        return self.at or tuple((low + high) / 2 for low, high in self.bounds())

    def flat_camera(self):
        """Of a flat grid seen from above: the point in the middle of the picture, and half its height, both in the
        grid's units."""
        (west, east), (south, north), _ = self.bounds()
        top = HEADING if self.title else EDGE
        bottom = BAR if self.scalar_bar else EDGE
        width, height = max(self.size[0] - 2 * EDGE, 1), max(self.size[1] - top - bottom, 1)
        unit = max(abs(east - west) / width, abs(north - south) / height) or 1.0
        return ((west + east) / 2, (south + north) / 2 - (bottom - top) / 2 * unit), self.size[1] / 2 * unit

    def distance(self):
        """How far above a flat grid the eye is: beyond all that is lifted."""
        lifted = (self.lift or 0) * max(map(abs, self.data_range))
        return 2 * (abs(lifted) + max(abs(high - low) for low, high in self.bounds()) or 1.0)

    def number_format(self):
        """How numbers of the bar are written."""
        low, high = self.colors_between()
        digits = 2 - math.floor(math.log10(high - low))
        return f"%.{max(digits, 0)}f" if -5 < digits < 7 else "%.3g"

    def ink(self):
        """The colour of letters: what can be read on the background."""
        return [0.13] * 3 if sum(self.background) > 1.5 else [0.93] * 3

    # ---- this rank's part for VTK ---------------------------------------------------------------

    def extent(self):
        """VTK's extent of this rank's block, of which the last points may be the next one's; None: it has none."""
        shape = self.arrays["color"].shape
        if 0 in shape:
            return None
        pairs = [(first, first + length - 1) for first, length in zip(self.start, shape)]
        return [one for pair in pairs[::-1] for one in pair]

    def whole_extent(self):
        """VTK's extent of the grid."""
        return [one for length in self.shape[::-1] for one in (0, length - 1)]

    def image(self):
        """This rank's block as VTK's image."""
        from vtkmodules.util.numpy_support import numpy_to_vtk
        from vtkmodules.vtkCommonDataModel import vtkImageData
        image = vtkImageData()
        image.SetOrigin(self.origin)
        image.SetSpacing(self.spacing)
        if self.extent() is not None:
            image.SetExtent(self.extent())
            for name in "color", "of":
                values = numpy_to_vtk(np.ascontiguousarray(self.arrays[name]).reshape(-1), deep=1)
                values.SetName(array_name(name))
                image.GetPointData().AddArray(values)
            image.GetPointData().SetActiveScalars(array_name("color"))
        return image

    def poly_lines(self):
        """This rank's lines as VTK's."""
        from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
        from vtkmodules.vtkCommonCore import vtkPoints
        from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
        points, numbers, offsets = self.lines
        poly, places, cells = vtkPolyData(), vtkPoints(), vtkCellArray()
        places.SetData(numpy_to_vtk(points, deep=1))
        cells.SetData(numpy_to_vtkIdTypeArray(offsets, deep=1), numpy_to_vtkIdTypeArray(numbers, deep=1))
        poly.SetPoints(places)
        poly.SetLines(cells)
        return poly

    def arrow_points(self):
        """Points of this rank's block with vectors that are drawn, as VTK's: the same ones on any number of ranks."""
        from vtkmodules.util.numpy_support import numpy_to_vtk
        from vtkmodules.vtkCommonCore import vtkPoints
        from vtkmodules.vtkCommonDataModel import vtkPolyData
        own, step = self.own(), max(1, max(self.shape) // ARROWS)
        chosen = tuple(slice(-start % step, None, step) for start in self.start)
        vectors = own["arrows"][chosen].astype("f8")
        vectors = np.concatenate([vectors, np.zeros(vectors.shape[:3] + (3 - vectors.shape[3],))], 3)
        places = np.meshgrid(*(np.arange(start, start + length)[part] for start, length, part in
                               zip(self.start, own["color"].shape, chosen)), indexing="ij")
        points = np.stack(places[::-1], -1) * self.spacing + self.origin
        poly, holder = vtkPolyData(), vtkPoints()
        holder.SetData(numpy_to_vtk(points.reshape(-1, 3), deep=1))
        poly.SetPoints(holder)
        for name, array in ("arrows", vectors.reshape(-1, 3)), ("color", own["color"][chosen].reshape(-1)):
            values = numpy_to_vtk(np.ascontiguousarray(array), deep=1)
            values.SetName(array_name(name))
            poly.GetPointData().AddArray(values)
        poly.GetPointData().SetActiveScalars(array_name("color"))
        poly.GetPointData().SetActiveVectors(array_name("arrows"))
        return poly

    def arrow_scale(self):
        """By what vectors' lengths are multiplied: the longest reaches to the next arrow."""
        step = max(1, max(self.shape) // ARROWS) * min(abs(one) for one in self.spacing[:2])
        return step / max(abs(self.data_range[0]), abs(self.data_range[1]), 1e-300)


def array_name(name):
    """Arrays have names of their own in the drawing program, where colours belong to a name."""
    return "pympi show " + name


def rgb(color):
    """A colour as three numbers from 0 to 1: such, or "#rrggbb"."""
    if isinstance(color, str):
        digits = color.removeprefix("#")
        if len(digits) != 6:
            raise ValueError(f"color {color!r} is not #rrggbb")
        return tuple(int(digits[i:i + 2], 16) / 255 for i in (0, 2, 4))
    return vector("color", color, 3)


def _lines(points, lines):
    from pympi._vis.vtkhdf import as_cells, as_points, check_cells
    points = as_points(points)
    numbers, offsets, types = as_cells(lines, 4)
    check_cells(numbers, offsets, types, len(points))
    return points, numbers, offsets


def _joined(parts):
    """Lines of all ranks behind each other."""
    points, numbers, offsets, before, ahead = [], [], [np.zeros(1, "i8")], 0, 0
    for theirs, own_numbers, own_offsets in parts:
        points.append(theirs)
        numbers.append(own_numbers + before)
        offsets.append(own_offsets[1:] + ahead)
        before, ahead = before + len(theirs), ahead + len(own_numbers)
    return np.concatenate(points), np.concatenate(numbers), np.concatenate(offsets)


def _common_range(comm, array):
    """The least and the largest number of all ranks' arrays."""
    if array.dtype.kind == "f":
        array = array[np.isfinite(array)]
    own = (float(array.min()), float(array.max())) if array.size else (math.inf, -math.inf)
    low, high = comm.allreduce(own, lambda one, other: (min(one[0], other[0]), max(one[1], other[1])))
    return (low, high) if low <= high else (0.0, 1.0)
