"""A scene drawn by ParaView on all ranks, and put together on rank 0.

SPDX-License-Identifier: MIT
"""
import contextlib

from paraview import servermanager, simple

from pympi import mpi
from pympi._vis import show as scenes


def draw(scene, comm):
    """Return the picture's bytes on rank 0 and None elsewhere. Collective over the world."""
    pm = servermanager.vtkProcessModule.GetProcessModule()
    if mpi.size > 1 and not pm.GetSymmetricMPIMode():
        raise mpi.Error("show: paraview.simple was imported before pympi.vis: ParaView draws for each rank alone")
    if comm.size != mpi.size:
        raise ValueError(f"show: ParaView draws on all {mpi.size} ranks, and the communicator has {comm.size}")
    with _kept_active() as made:
        view = _view(scene, made)
        source = _source(scene, made)
        for shown in _parts(scene, source, made):
            _color(scene, view, shown, made)
        _look(scene, view)
        image = view.SMProxy.CaptureWindow(1)
        return scenes.png_of(image) if comm.rank == 0 else None


@contextlib.contextmanager
def _kept_active():
    """What is made in the block is gone behind it, and what was active is so again."""
    source, view, made = simple.GetActiveSource(), simple.GetActiveView(), []
    try:
        yield made
    finally:
        for one in reversed(made):
            simple.Delete(one)
        simple.SetActiveSource(source)
        simple.SetActiveView(view)


def _view(scene, made):
    simple._DisableFirstRenderCameraReset()
    view = simple.CreateView("RenderView")
    made.append(view)
    view.ViewSize = list(scene.size)
    view.OrientationAxesVisibility = 0
    if hasattr(view, "UseColorPaletteForBackground"):
        view.UseColorPaletteForBackground = 0
    view.Background = list(scene.background)
    return view


def _source(scene, made):
    producer = simple.PVTrivialProducer()
    made.append(producer)
    inner = producer.GetClientSideObject()
    inner.SetOutput(scene.image(), 0.0)
    inner.SetWholeExtent(scene.whole_extent())
    producer.UpdatePipeline()
    return producer


def _parts(scene, source, made):
    """What is shown of the data, and as what."""
    if scene.kind == "contour":
        made.append(simple.Contour(Input=source, ContourBy=["POINTS", scene.name], Isosurfaces=list(scene.surfaces())))
        return [(made[-1], "Surface")]
    if scene.kind == "slice":
        return [_slice(scene, source, axis, made) for axis in range(3)]
    return [(source, "Volume" if scene.kind == "volume" else "Surface")]


def _slice(scene, source, axis, made):
    cut = simple.Slice(Input=source)
    cut.SliceType = "Plane"
    cut.SliceType.Origin = list(scene.planes())
    cut.SliceType.Normal = [float(one == axis) for one in range(3)]
    made.append(cut)
    return cut, "Surface"


def _color(scene, view, shown, made):
    source, kind = shown
    simple.SetActiveView(view)
    representation = simple.Show(source, view)
    made.append(representation)
    representation.SetRepresentationType(kind)
    # Not ColorBy(): it asks for a range that this rank's data may not have, and the range is known.
    colors, opacity = simple.GetColorTransferFunction(scene.name), simple.GetOpacityTransferFunction(scene.name)
    representation.ColorArrayName = ["POINTS", scene.name]
    representation.LookupTable = colors
    if hasattr(representation, "ScalarOpacityFunction"):
        representation.ScalarOpacityFunction = opacity
    if scene.colors:
        colors.ApplyPreset(scene.colors, True)
    low, high = scene.colors_between()
    colors.RescaleTransferFunction(low, high)
    opacity.RescaleTransferFunction(low, high)
    if scene.scalar_bar:
        bar = simple.GetScalarBar(colors, view)
        bar.Title, bar.ComponentTitle = scene.title, ""
        dark = 0.0 if sum(scene.background) > 1.5 else 1.0
        bar.TitleColor = bar.LabelColor = [dark] * 3
        bar.AutomaticLabelFormat, bar.LabelFormat, bar.RangeLabelFormat = 0, "%-#6.3g", "%-#6.3g"
        bar.Visibility = 1


def _look(scene, view):
    if scene.camera:
        view.CameraPosition, view.CameraFocalPoint, view.CameraViewUp = (
            list(scene.camera[:3]), list(scene.camera[3:6]), list(scene.camera[6:]))
    else:
        if not scene.flat:
            view.CameraPosition, view.CameraFocalPoint, view.CameraViewUp = [1.0, -1.6, 1.0], [0.0] * 3, [0.0, 0.0, 1.0]
        view.ResetCamera(False)
