"""Pictures straight from distributed arrays, drawn by all ranks.

SPDX-License-Identifier: MIT
"""
from operator import index

import numpy as np

from pympi import mpi
from pympi._agree import Attempt, meet
from pympi._vis import display
from pympi._vis.vtkhdf import _storable, _vector

KINDS = ("surface", "slice", "contour", "volume")
CONTOURS = 5        # as many there are, where nobody says which


class Image:
    """A picture, the same object on all ranks: .size, .png, .save(path); notebooks show it."""

    def __init__(self, png, size):
        self.png, self.size = png, size

    def _repr_png_(self):
        return self.png

    def save(self, path):
        """Write the picture as a .png file. Local, and without effect but on rank 0 of its communicator."""
        if self.png is not None:
            with open(path, "wb") as file:
                file.write(self.png)

    def __repr__(self):
        return f"<Image {self.size[0]}x{self.size[1]}>"


def show(fields, split=0, comm=mpi.world, *, kind=None, at=None, values=None, range=None, colors=None,
         spacing=(1, 1, 1), origin=(0, 0, 0), size=(800, 600), title=None, scalar_bar=True, background=(1, 1, 1),
         camera=None, file=None):
    """show(fields, split=0, comm=world, *, kind=None, at=None, values=None, range=None, colors=None, …)

    Draws a field of a regular grid, of which every rank has a block, and returns the picture, an Image. Collective
    over comm, which is the world's ranks where ParaView draws.

    fields: an array, or a name and an array {name: array}: (z, y, x), or (y, x) for a flat grid. The blocks lie behind
    each other along the axis split. kind: "slice" (at: the place x, y, z of three planes, by default the middle),
    "contour" (values: of its surfaces), "volume", "surface"; by default "slice", of a flat grid "surface".
    range: of the colours, by default all values'. colors: the name of one of ParaView's maps. spacing,
    origin: in the order x, y, z. camera: position, focal point, up, nine numbers. size: width and height in pixels.
    file: also write the picture there.

    The picture's bytes are on rank 0. NaN is transparent in slices and surfaces. Raises ValueError for arrays that do
    not fit, vis.NoDisplay, and mpi.Error where there is neither ParaView nor VTK, on every rank.
    """
    attempt, scene = Attempt(), None
    with attempt:
        scene = Scene(fields, split, kind, at, values, range, colors, spacing, origin, size, title, scalar_bar,
                      background, camera)
    meet(comm, "show", attempt, () if scene is None else scene.agreed())
    scene.place(comm)
    display.ensure(comm)
    draw = _drawing(comm)
    with attempt:
        png = draw(scene, comm)
        if file is not None and comm.rank == 0:
            Image(png, scene.size).save(file)
    meet(comm, "show", attempt)
    return Image(png, scene.size)


def _drawing(comm):
    """What draws: ParaView on all ranks, else VTK on rank 0. The same on all ranks."""
    attempt, draw, name = Attempt(), None, None
    with attempt:
        try:
            from pympi._vis.show_paraview import draw
            name = "ParaView"
        except ImportError:
            try:
                from pympi._vis.show_vtk import draw
                name = "VTK"
            except ImportError as missing:
                raise mpi.Error("vis: neither ParaView nor VTK is there: install the package python3-paraview "
                                f"or python3-vtk9 ({missing})") from None
    meet(comm, "show", attempt, (("what draws", name),))
    return draw


class Scene:
    """What is to be drawn, as far as a rank knows it."""

    def __init__(self, fields, split, kind, at, values, range, colors, spacing, origin, size, title, scalar_bar,
                 background, camera):
        if not isinstance(fields, dict):
            fields = {"values": fields}
        if len(fields) != 1:
            raise ValueError(f"show draws one field, and was given {list(fields)}")
        (self.name, array), = fields.items()
        self.array = _storable(self.name, array)
        if self.array.ndim not in (2, 3):
            raise ValueError(f"field {self.name} of shape {self.array.shape} is neither (z, y, x) nor (y, x)")
        self.split = index(split) % self.array.ndim + 3 - self.array.ndim
        self.flat = self.array.ndim == 2
        if self.flat:
            self.array = self.array[None]
        self.kind = kind or ("surface" if self.flat else "slice")
        if self.kind not in KINDS or (self.flat and self.kind in ("slice", "volume")):
            raise ValueError(f"kind is {self.kind!r}, and not one of {', '.join(KINDS)}" if not self.flat else
                             f"a flat grid has no {self.kind}")
        self.at = None if at is None else _vector("at", at, 3)
        self.values = None if values is None else tuple(float(one) for one in np.atleast_1d(values))
        self.range = None if range is None else _vector("range", range, 2)
        self.spacing, self.origin = _vector("spacing", spacing, 3), _vector("origin", origin, 3)
        self.size = (index(size[0]), index(size[1]))
        self.background = _vector("background", background, 3)
        self.camera = None if camera is None else _vector("camera", camera, 9)
        self.colors, self.title, self.scalar_bar = colors, title or self.name, bool(scalar_bar)

    def agreed(self):
        """What ranks have to agree on."""
        return tuple((name, value) for name, value in vars(self).items() if name != "array") + (
            ("the type", self.array.dtype.str),)

    def place(self, comm):
        """Find this rank's block in the whole, and the values' range; take the points that cells between blocks
        need from the next rank. Collective over comm."""
        axis, attempt = self.split, Attempt()
        told = comm.allgather((self.array.shape, _own_range(self.array)))
        lengths = [shape[axis] for shape, _ in told]
        with attempt:
            if len({shape[:axis] + shape[axis + 1:] for shape, _ in told}) > 1:
                raise ValueError(f"the ranks' blocks have shapes {[shape for shape, _ in told]}, which differ beside "
                                 f"axis {axis - self.flat}")
            if not sum(lengths) or 0 in self.array.shape[:axis] + self.array.shape[axis + 1:]:
                raise ValueError("there is nothing to draw")
        meet(comm, "show", attempt)
        self.shape = self.array.shape[:axis] + (sum(lengths),) + self.array.shape[axis + 1:]
        self.start = sum(lengths[:comm.rank])
        self.data_range = (min(low for _, (low, _) in told), max(high for _, (_, high) in told))
        if self.data_range[0] > self.data_range[1]:
            self.data_range = (0.0, 1.0)
        self._borrow(comm, lengths)

    def _borrow(self, comm, lengths):
        """The first points of the next block, beside this one's last."""
        self.borrowed = False
        full = [rank for rank, length in enumerate(lengths) if length]
        if comm.rank not in full:
            return
        place, axis = full.index(comm.rank), self.split
        first = np.ascontiguousarray(self.array.take([0], axis))
        sent = comm.isend(first, full[place - 1], 71) if place else None
        if place + 1 < len(full):
            beyond = comm.recv(full[place + 1], 71)
            self.array, self.borrowed = np.concatenate([self.array, beyond], axis), True
        if sent:
            sent.wait()

    def colors_between(self):
        """The range of the colours."""
        low, high = self.range or self.data_range
        return (low, high) if low < high else (low - 0.5, high + 0.5)

    def surfaces(self):
        """The values of the contour's surfaces."""
        low, high = self.data_range
        return self.values or tuple(low + (high - low) * (i + 1) / (CONTOURS + 1) for i in np.arange(CONTOURS))

    def planes(self):
        """Points of the slices' planes: the place that was given, or the middle."""
        middle = [origin + step * (length - 1) / 2 for origin, step, length in
                  zip(self.origin, self.spacing, self.shape[::-1])]
        return self.at or tuple(middle)

    def extent(self):
        """VTK's extent of this rank's block, of which the last points are the next one's; None: it has none."""
        if 0 in self.array.shape:
            return None
        start = [self.start if axis == self.split else 0 for axis in (0, 1, 2)]
        pairs = [(first, first + length - 1) for first, length in zip(start, self.array.shape)]
        return [one for pair in pairs[::-1] for one in pair]

    def whole_extent(self):
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
            values = numpy_to_vtk(np.ascontiguousarray(self.array).reshape(-1), deep=1)
            values.SetName(self.name)
            image.GetPointData().SetScalars(values)
        return image


def _own_range(array):
    """The least and the largest number of an array, infinities the wrong way round where there is none."""
    if array.dtype.kind == "f":
        array = array[np.isfinite(array)]
    return (float(array.min()), float(array.max())) if array.size else (np.inf, -np.inf)


def controller():
    """controller()

    Returns VTK's controller over all ranks of the job, a vtkMPIController, for filters and renderers that take one; it
    is also VTK's global one. Local: nothing is exchanged; every rank calls it.

    With ParaView it is ParaView's. A display is given by display(), when something is drawn. Raises ImportError where
    VTK was built without MPI.
    """
    from vtkmodules.vtkParallelCore import vtkMultiProcessController
    found = vtkMultiProcessController.GetGlobalController()
    if found is not None and found.IsA("vtkMPIController"):
        return found
    from vtkmodules.vtkParallelMPI import vtkMPIController
    made = vtkMPIController()
    made.Initialize()
    vtkMultiProcessController.SetGlobalController(made)
    return made


def png_of(image):
    """The bytes of a .png file of VTK's image."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOImage import vtkPNGWriter
    writer = vtkPNGWriter()
    writer.SetInputData(image)
    writer.WriteToMemoryOn()
    writer.Write()
    return vtk_to_numpy(writer.GetResult()).tobytes()
