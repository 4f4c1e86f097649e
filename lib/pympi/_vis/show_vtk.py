"""A scene drawn by VTK alone, on rank 0, which gathers it.

SPDX-License-Identifier: MIT
"""
import vtkmodules.vtkRenderingFreeType      # noqa: F401: letters
import vtkmodules.vtkRenderingOpenGL2       # noqa: F401: what draws
import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401: volumes
from vtkmodules.vtkCommonDataModel import vtkPiecewiseFunction, vtkPlane
from vtkmodules.vtkFiltersCore import vtkContourFilter, vtkCutter, vtkGlyph3D
from vtkmodules.vtkFiltersGeneral import vtkWarpScalar
from vtkmodules.vtkFiltersGeometry import vtkGeometryFilter
from vtkmodules.vtkFiltersSources import vtkArrowSource
from vtkmodules.vtkRenderingAnnotation import vtkScalarBarActor
from vtkmodules.vtkRenderingCore import (
    vtkActor, vtkColorTransferFunction, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow, vtkTextActor, vtkVolume,
    vtkVolumeProperty, vtkWindowToImageFilter)
from vtkmodules.vtkRenderingVolume import vtkFixedPointVolumeRayCastMapper

from pympi._vis.image import png_of
from pympi._vis.scene import array_name


def draw(scene, comm):
    """Return the picture's bytes on rank 0 and None elsewhere. Collective over comm."""
    if scene.preset:
        raise ValueError(f"colors={scene.preset!r}: VTK has no maps of ParaView's; give [(value, color), …]")
    whole = scene.gathered(comm)
    return _draw(whole) if whole else None


def _draw(scene):
    renderer, window = vtkRenderer(), vtkRenderWindow()
    renderer.SetBackground(scene.background)
    window.SetOffScreenRendering(1)
    window.SetSize(scene.size)
    window.AddRenderer(renderer)
    colors = _colors(scene)
    if scene.kind == "volume":
        renderer.AddVolume(_volume(scene, scene.image(), colors))
    else:
        for source in _sources(scene):
            renderer.AddActor(_actor(scene, source, colors))
    if scene.lines:
        renderer.AddActor(_line_actor(scene))
    if scene.scalar_bar:
        renderer.AddActor2D(_bar(scene, colors))
    if scene.title:
        renderer.AddActor2D(_title(scene))
    _look(scene, renderer)
    window.Render()
    capture = vtkWindowToImageFilter()
    capture.SetInput(window)
    capture.ReadFrontBufferOff()
    capture.Update()
    return png_of(capture.GetOutput())


def _colors(scene):
    function = vtkColorTransferFunction()
    function.SetAllowDuplicateScalars(1)
    function.SetNanColor(0, 0, 0)
    function.SetNanOpacity(0)
    for value, color in scene.color_points():
        function.AddRGBPoint(value, *color)
    return function


def _sources(scene):
    if scene.kind == "arrows":
        return [_arrows(scene)]
    image = scene.image()
    if scene.kind == "slice":
        return [_cut(scene, image, axis) for axis in range(3)]
    if scene.kind == "contour":
        image.GetPointData().SetActiveScalars(array_name("of"))
        contour = vtkContourFilter()
        contour.SetInputData(image)
        for place, value in enumerate(scene.surfaces()):
            contour.SetValue(place, value)
        return [contour]
    surface = vtkGeometryFilter()
    surface.SetInputData(image)
    if scene.lift is None:
        return [surface]
    lifted = vtkWarpScalar()
    lifted.SetInputConnection(surface.GetOutputPort())
    lifted.SetScaleFactor(scene.lift)
    return [lifted]


def _arrows(scene):
    glyphs, arrow = vtkGlyph3D(), vtkArrowSource()
    glyphs.SetSourceConnection(arrow.GetOutputPort())
    glyphs.SetInputData(scene.arrow_points())
    glyphs.SetVectorModeToUseVector()
    glyphs.SetScaleModeToScaleByVector()
    glyphs.SetColorModeToColorByScalar()
    glyphs.SetScaleFactor(scene.arrow_scale())
    return glyphs


def _cut(scene, image, axis):
    plane, cut = vtkPlane(), vtkCutter()
    plane.SetOrigin(scene.planes())
    plane.SetNormal([float(one == axis) for one in range(3)])
    cut.SetCutFunction(plane)
    cut.SetInputData(image)
    return cut


def _actor(scene, source, colors):
    mapper, actor = vtkPolyDataMapper(), vtkActor()
    mapper.SetInputConnection(source.GetOutputPort())
    mapper.SetLookupTable(colors)
    mapper.UseLookupTableScalarRangeOn()
    if scene.kind != "arrows":
        mapper.SetScalarModeToUsePointFieldData()
        mapper.SelectColorArray(array_name("color"))
        mapper.InterpolateScalarsBeforeMappingOn()
    actor.SetMapper(mapper)
    if scene.flat and scene.lift is None:
        actor.GetProperty().LightingOff()
    return actor


def _line_actor(scene):
    mapper, actor = vtkPolyDataMapper(), vtkActor()
    mapper.SetInputData(scene.poly_lines())
    actor.SetMapper(mapper)
    actor.GetProperty().LightingOff()
    actor.GetProperty().SetColor(scene.line_color)
    return actor


def _volume(scene, image, colors):
    low, high = scene.colors_between()
    mapper, volume, look = vtkFixedPointVolumeRayCastMapper(), vtkVolume(), vtkVolumeProperty()
    opacity = vtkPiecewiseFunction()
    opacity.AddPoint(low, 0.0)
    opacity.AddPoint(high, 1.0)
    look.SetColor(colors)
    look.SetScalarOpacity(opacity)
    mapper.SetInputData(image)
    volume.SetMapper(mapper)
    volume.SetProperty(look)
    return volume


def _bar(scene, colors):
    bar = vtkScalarBarActor()
    bar.SetLookupTable(colors)
    bar.SetTitle(scene.label)
    bar.SetLabelFormat(scene.number_format())
    if scene.flat and not scene.camera:
        bar.SetOrientationToHorizontal()
        bar.SetPosition(0.2, 0.01)
        bar.SetPosition2(0.6, 0.1)
    for text in bar.GetTitleTextProperty(), bar.GetLabelTextProperty():
        text.SetColor(scene.ink())
        text.ItalicOff()
        text.ShadowOff()
    return bar


def _title(scene):
    text = vtkTextActor()
    text.SetInput(scene.title)
    look = text.GetTextProperty()
    look.SetColor(scene.ink())
    look.SetFontSize(20)
    look.SetJustificationToCentered()
    text.SetPosition(scene.size[0] // 2, scene.size[1] - 34)
    return text


def _look(scene, renderer):
    camera = renderer.GetActiveCamera()
    if scene.camera:
        camera.SetPosition(scene.camera[:3])
        camera.SetFocalPoint(scene.camera[3:6])
        camera.SetViewUp(scene.camera[6:])
    elif scene.flat:
        middle, scale = scene.flat_camera()
        camera.ParallelProjectionOn()
        camera.SetFocalPoint(*middle, scene.origin[2])
        camera.SetPosition(*middle, scene.origin[2] + scene.distance())
        camera.SetParallelScale(scale)
    else:
        camera.SetPosition(1.0, -1.6, 1.0)
        camera.SetFocalPoint(0.0, 0.0, 0.0)
        camera.SetViewUp(0.0, 0.0, 1.0)
        renderer.ResetCamera()
        return
    renderer.ResetCameraClippingRange()
