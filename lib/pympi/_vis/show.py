"""Pictures straight from distributed arrays, drawn by all ranks.

SPDX-License-Identifier: MIT
"""
from pympi import mpi
from pympi._agree import Attempt, meet
from pympi._vis import display
from pympi._vis.image import Image
from pympi._vis.scene import Scene


def show(fields, split=0, comm=mpi.world, *, extent=None, dimensions=None, color=None, of=None, kind=None, at=None,
         values=None, range=None, colors=None, lift=None, lines=None, line_color=(0.1, 0.1, 0.1), spacing=(1, 1, 1),
         origin=(0, 0, 0), size=(800, 600), title=None, label=None, scalar_bar=True, background=(1, 1, 1), camera=None,
         file=None):
    """show(fields, split=0, comm=world, *, kind=None, color=None, of=None, …)

    Draws fields of a regular grid, of which every rank has a block, and returns the picture, an Image. Collective
    over comm, which is the world's ranks where ParaView draws.

    What is drawn. fields: an array, or names and arrays {name: array}, (z, y, x), or (y, x) for a flat grid, with a
    last axis for vectors; dimensions, split and extent are those of write_image(), but for this: blocks with an extent
    are joined where they share points. color: the field that gives the colours, by default the first; of vectors
    it is their length. kind: "slice" (at: the place x, y, z of three planes, by default the middle), "contour" (values:
    of the surfaces of the field `of`, by default the colours'), "volume", "surface", "arrows" of the vectors `color`;
    by default "slice", of a flat grid "surface". lift: the height above a flat grid that a value of 1 has, so that
    slopes are shaded. lines: (points, lines) as write_poly() takes them, this rank's, in line_color.

    How it looks. range: of the colours, by default all values'. colors: the name of one of ParaView's maps, or
    values with their colours [(value, "#rrggbb"), …]: a value that is there twice is a break. spacing, origin: in
    the order x, y, z. camera: position, focal point, up, nine numbers. size: width and height in pixels. title: above;
    label: of the scalar bar. file: also write the picture there.

    The picture's bytes are on rank 0. NaN is transparent in slices and surfaces. The picture is the same on any
    number of ranks, but for volumes, whose parts are blended. Raises ValueError for arrays that do
    not fit, vis.NoDisplay, and mpi.Error where there is neither ParaView nor VTK, on every rank.
    """
    attempt, scene = Attempt(), None
    with attempt:
        scene = Scene(fields, split, comm.size, extent, dimensions, color, of, kind, lines, lift, at=at, values=values,
                      range=range, colors=colors, spacing=spacing, origin=origin, size=size, title=title, label=label,
                      line_color=line_color, scalar_bar=scalar_bar, background=background, camera=camera)
    meet(comm, "show", attempt, () if scene is None else scene.agreed())
    scene.place(comm)
    draw = _drawing(comm)
    display.ensure(comm)
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
    if made.GetCommunicator() is None:      # it has one where it finds MPI started
        made.Initialize()
    vtkMultiProcessController.SetGlobalController(made)
    return made
