"""A scene drawn by ParaView on all ranks, and put together on rank 0.

SPDX-License-Identifier: MIT
"""
import contextlib

from paraview import servermanager, simple
from vtkmodules.vtkRenderingOpenGL2 import vtkOpenGLVertexBufferObject as _Vertices

from pympi import mpi
from pympi._vis.image import png_of
from pympi._vis.scene import array_name

# Not the one that looks at the data, which is known here, and of which a rank may have none.
_plain_show = getattr(simple.Show, "__wrapped__", simple.Show)

COLORS = 1024       # of the bar and the map: a break is at most so far from its place


def draw(scene, comm):
    """Return the picture's bytes on rank 0 and None elsewhere. Collective over the world."""
    pm = servermanager.vtkProcessModule.GetProcessModule()
    if mpi.size > 1 and not pm.GetSymmetricMPIMode():
        raise mpi.Error("show: paraview.simple was imported before pympi.vis: ParaView draws for each rank alone")
    if comm.size != mpi.size:
        raise ValueError(f"show: ParaView draws on all {mpi.size} ranks, and the communicator has {comm.size}")
    with _kept_active() as made, _alike_on_all_ranks():
        view = _view(scene, made)
        colors, opacity = _colors(scene, made)
        for source, kind in _parts(scene, made):
            _show(scene, view, source, kind, colors, opacity, made)
        if scene.lines:
            _show_lines(scene, view, made)
        if scene.scalar_bar:
            _add_bar(scene, view, colors)
        if scene.title:
            _add_title(scene, view, made)
        _look(scene, view)
        image = view.SMProxy.CaptureWindow(1)
        return png_of(image) if comm.rank == 0 else None


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


@contextlib.contextmanager
def _alike_on_all_ranks():
    """Points go to the graphics as they are: VTK would move and scale each rank's by what this rank has, so that the
    same point would be rounded in another way where there are more ranks, and pixels differ."""
    before = _Vertices.GetGlobalCoordShiftAndScaleEnabled()
    _Vertices.SetGlobalCoordShiftAndScaleEnabled(0)
    try:
        yield
    finally:
        _Vertices.SetGlobalCoordShiftAndScaleEnabled(before)


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


def _colors(scene, made):
    """Functions of the values for colours and opacity, for this picture alone."""
    name = array_name("color")
    colors, opacity = simple.GetColorTransferFunction(name), simple.GetOpacityTransferFunction(name)
    made += [colors, opacity]
    low, high = scene.colors_between()
    if scene.preset:
        colors.ApplyPreset(scene.preset, True)
    else:
        if scene.colors:
            colors.ColorSpace, colors.NumberOfTableValues = "RGB", COLORS
        colors.RGBPoints = [one for value, color in scene.color_points() for one in (value, *color)]
    if not scene.colors or scene.range:
        colors.RescaleTransferFunction(low, high)
    opacity.RescaleTransferFunction(low, high)
    return colors, opacity


def _producer(data, made, extent=None):
    """A source of this rank's data."""
    source = simple.PVTrivialProducer()
    made.append(source)
    inner = source.GetClientSideObject()
    inner.SetOutput(data, 0.0)
    if extent is not None:
        inner.SetWholeExtent(extent)
    source.UpdatePipeline()
    return source


def _parts(scene, made):
    """What is shown of the data, and as what."""
    if scene.kind == "arrows":
        return [(_arrows(scene, made), "Surface")]
    source = _producer(scene.image(), made, scene.whole_extent())
    if scene.kind == "slice":
        return [(_slice(scene, source, axis, made), "Surface") for axis in range(3)]
    if scene.kind == "contour":
        source = simple.Contour(Input=source, ContourBy=["POINTS", array_name("of")],
                                Isosurfaces=list(scene.surfaces()))
        made.append(source)
    if scene.lift is not None:
        source = simple.WarpByScalar(Input=source, Scalars=["POINTS", array_name("color")], ScaleFactor=scene.lift)
        made.append(source)
    return [(source, "Volume" if scene.kind == "volume" else "Surface")]


def _slice(scene, source, axis, made):
    cut = simple.Slice(Input=source)
    cut.SliceType = "Plane"
    cut.SliceType.Origin = list(scene.planes())
    cut.SliceType.Normal = [float(one == axis) for one in range(3)]
    made.append(cut)
    return cut


def _arrows(scene, made):
    vectors = ["POINTS", array_name("arrows")]
    arrows = simple.Glyph(Input=_producer(scene.arrow_points(), made), GlyphType="Arrow")
    arrows.OrientationArray, arrows.ScaleArray = vectors, vectors
    arrows.ScaleFactor, arrows.GlyphMode = scene.arrow_scale(), "All Points"
    made.append(arrows)
    return arrows


def _show(scene, view, source, kind, colors, opacity, made):
    simple.SetActiveView(view)
    representation = _plain_show(source, view)
    made.append(representation)
    representation.SetRepresentationType(kind)
    # Not ColorBy(): it asks for a range that this rank's data may not have, and the range is known.
    representation.ColorArrayName = ["POINTS", array_name("color")]
    representation.LookupTable = colors
    if hasattr(representation, "ScalarOpacityFunction"):
        representation.ScalarOpacityFunction = opacity
    if scene.flat and scene.lift is None:       # the colours of the bar, without light and shade
        representation.Ambient, representation.Diffuse, representation.Specular = 1.0, 0.0, 0.0


def _show_lines(scene, view, made):
    shown = _plain_show(_producer(scene.poly_lines(), made), view)
    made.append(shown)
    shown.SetRepresentationType("Surface")
    shown.ColorArrayName = [None, ""]
    shown.AmbientColor = shown.DiffuseColor = list(scene.line_color)
    shown.Ambient, shown.Diffuse = 1.0, 0.0


def _add_bar(scene, view, colors):
    bar = simple.GetScalarBar(colors, view)
    bar.Title, bar.ComponentTitle = scene.label, ""
    bar.TitleColor = bar.LabelColor = scene.ink()
    bar.AutomaticLabelFormat = 0
    bar.LabelFormat = bar.RangeLabelFormat = scene.number_format()
    if scene.flat and not scene.camera:
        bar.Orientation, bar.WindowLocation, bar.ScalarBarLength = "Horizontal", "Lower Center", 0.5
        bar.TitleFontSize = bar.LabelFontSize = 13
    bar.Visibility = 1


def _add_title(scene, view, made):
    text = simple.Text(Text=scene.title)
    made.append(text)
    shown = _plain_show(text, view)
    made.append(shown)
    shown.WindowLocation, shown.FontSize, shown.Color = "Upper Center", 20, scene.ink()


def _look(scene, view):
    if scene.camera:
        view.CameraPosition, view.CameraFocalPoint, view.CameraViewUp = (
            list(scene.camera[:3]), list(scene.camera[3:6]), list(scene.camera[6:]))
    elif scene.flat:
        view.CameraParallelProjection = 1
        view.CameraFocalPoint, view.CameraViewUp = [*scene.flat_camera()[0], scene.origin[2]], [0.0, 1.0, 0.0]
        view.CameraPosition = [*scene.flat_camera()[0], scene.origin[2] + scene.distance()]
        view.CameraParallelScale = scene.flat_camera()[1]
    else:
        view.CameraPosition, view.CameraFocalPoint, view.CameraViewUp = [1.0, -1.6, 1.0], [0.0] * 3, [0.0, 0.0, 1.0]
        view.ResetCamera(False)
