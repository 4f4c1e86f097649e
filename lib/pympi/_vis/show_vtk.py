"""A scene drawn by VTK alone, on rank 0, which gathers it.

SPDX-License-Identifier: MIT
"""
import numpy as np
import vtkmodules.vtkRenderingFreeType      # noqa: F401: letters
import vtkmodules.vtkRenderingOpenGL2       # noqa: F401: what draws
import vtkmodules.vtkRenderingVolumeOpenGL2  # noqa: F401: volumes
from vtkmodules.vtkCommonCore import vtkLookupTable
from vtkmodules.vtkCommonDataModel import vtkPiecewiseFunction, vtkPlane
from vtkmodules.vtkFiltersCore import vtkContourFilter, vtkCutter
from vtkmodules.vtkFiltersGeometry import vtkImageDataGeometryFilter
from vtkmodules.vtkRenderingAnnotation import vtkScalarBarActor
from vtkmodules.vtkRenderingCore import (
    vtkActor, vtkColorTransferFunction, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow, vtkVolume, vtkVolumeProperty,
    vtkWindowToImageFilter)
from vtkmodules.vtkRenderingVolume import vtkFixedPointVolumeRayCastMapper

from pympi._vis import show as scenes

BLUE_TO_RED = (0.667, 0.0)      # hues


def draw(scene, comm):
    """Return the picture's bytes on rank 0 and None elsewhere. Collective over comm."""
    own = scene.array
    if scene.borrowed:
        own = own.take(np.arange(own.shape[scene.split] - 1), scene.split)
    parts = comm.gather(np.ascontiguousarray(own))
    if comm.rank != 0:
        return None
    scene.array, scene.start = np.concatenate(parts, scene.split), 0
    return _draw(scene)


def _draw(scene):
    renderer, window = vtkRenderer(), vtkRenderWindow()
    renderer.SetBackground(scene.background)
    window.SetOffScreenRendering(1)
    window.SetSize(scene.size)
    window.AddRenderer(renderer)
    colors = _colors(scene)
    image = scene.image()
    if scene.kind == "volume":
        renderer.AddVolume(_volume(scene, image))
    else:
        for source in _sources(scene, image):
            renderer.AddActor(_actor(scene, source, colors))
    if scene.scalar_bar:
        renderer.AddActor2D(_bar(scene, colors))
    _look(scene, renderer)
    window.Render()
    capture = vtkWindowToImageFilter()
    capture.SetInput(window)
    capture.ReadFrontBufferOff()
    capture.Update()
    return scenes.png_of(capture.GetOutput())


def _colors(scene):
    table = vtkLookupTable()
    table.SetHueRange(BLUE_TO_RED)
    table.SetNanColor(0, 0, 0, 0)
    table.SetRange(scene.colors_between())
    table.Build()
    return table


def _sources(scene, image):
    if scene.kind == "contour":
        contour = vtkContourFilter()
        contour.SetInputData(image)
        for place, value in enumerate(scene.surfaces()):
            contour.SetValue(place, value)
        return [contour]
    if scene.kind == "slice":
        return [_cut(scene, image, axis) for axis in range(3)]
    surface = vtkImageDataGeometryFilter()
    surface.SetInputData(image)
    return [surface]


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
    mapper.SetScalarRange(scene.colors_between())
    actor.SetMapper(mapper)
    return actor


def _volume(scene, image):
    low, high = scene.colors_between()
    mapper, volume, look = vtkFixedPointVolumeRayCastMapper(), vtkVolume(), vtkVolumeProperty()
    opacity, colors = vtkPiecewiseFunction(), vtkColorTransferFunction()
    opacity.AddPoint(low, 0.0)
    opacity.AddPoint(high, 1.0)
    colors.AddRGBPoint(low, 0.0, 0.0, 1.0)
    colors.AddRGBPoint(high, 1.0, 0.0, 0.0)
    look.SetColor(colors)
    look.SetScalarOpacity(opacity)
    mapper.SetInputData(image)
    volume.SetMapper(mapper)
    volume.SetProperty(look)
    return volume


def _bar(scene, colors):
    bar = vtkScalarBarActor()
    bar.SetLookupTable(colors)
    bar.SetTitle(scene.title)
    dark = 0.0 if sum(scene.background) > 1.5 else 1.0
    for text in bar.GetTitleTextProperty(), bar.GetLabelTextProperty():
        text.SetColor(dark, dark, dark)
    return bar


def _look(scene, renderer):
    camera = renderer.GetActiveCamera()
    if scene.camera:
        camera.SetPosition(scene.camera[:3])
        camera.SetFocalPoint(scene.camera[3:6])
        camera.SetViewUp(scene.camera[6:])
        renderer.ResetCameraClippingRange()
        return
    if not scene.flat:
        camera.SetPosition(1.0, -1.6, 1.0)
        camera.SetFocalPoint(0.0, 0.0, 0.0)
        camera.SetViewUp(0.0, 0.0, 1.0)
    renderer.ResetCamera()
