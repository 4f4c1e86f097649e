"""Pictures, as notebooks and files take them.

SPDX-License-Identifier: MIT
"""


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


def png_of(image):
    """The bytes of a .png file of VTK's image."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOImage import vtkPNGWriter
    writer = vtkPNGWriter()
    writer.SetInputData(image)
    writer.WriteToMemoryOn()
    writer.Write()
    return vtk_to_numpy(writer.GetResult()).tobytes()
