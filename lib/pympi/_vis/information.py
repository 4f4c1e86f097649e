"""What ParaView tells of data, over all ranks: each knows its own part only.

SPDX-License-Identifier: MIT

The calls that are made global here are collective over the world, as drawing is.
"""
import math

from pympi import mpi


def make_global(servermanager):
    """Replace what answers for one rank by what answers for all. Local."""
    class DataInformation(servermanager.DataInformation):
        __doc__ = servermanager.DataInformation.__doc__

        def _summed(self, call):
            self.Update()
            return mpi.allreduce(getattr(self.DataInformation, call)())

        def GetNumberOfPoints(self):
            return self._summed("GetNumberOfPoints")

        def GetNumberOfCells(self):
            return self._summed("GetNumberOfCells")

        def GetNumberOfRows(self):
            return self._summed("GetNumberOfRows")

        def GetMemorySize(self):
            return self._summed("GetMemorySize")

        def GetBounds(self):
            self.Update()
            return _united(tuple(self.DataInformation.GetBounds()))

        def GetExtent(self):
            self.Update()
            return _united(tuple(self.DataInformation.GetExtent()))

    class ArrayInformation(servermanager.ArrayInformation):
        __doc__ = servermanager.ArrayInformation.__doc__

        def _own(self):
            return self.FieldData.GetFieldData().GetArrayInformation(self.Name)

        def GetRange(self, component=0):
            own = self._own()
            return _range(own.GetComponentRange(component) if own else None)

        GetComponentRange = GetRange

        def GetNumberOfTuples(self):
            own = self._own()
            return mpi.allreduce(own.GetNumberOfTuples() if own else 0)

        def GetNumberOfComponents(self):
            own = self._own()
            return mpi.allreduce(own.GetNumberOfComponents() if own else 0, mpi.MAX)

    class FieldDataInformation(servermanager.FieldDataInformation):
        __doc__ = servermanager.FieldDataInformation.__doc__

        def _names(self):
            self.Proxy.UpdatePipeline()
            own = self.GetFieldData()
            names = [own.GetArrayInformation(i).GetName() for i in range(own.GetNumberOfArrays())]
            return list(dict.fromkeys(name for theirs in mpi.allgather(names) for name in theirs))

        def GetNumberOfArrays(self):
            return len(self._names())

        def GetArray(self, idx):
            names = self._names()
            if isinstance(idx, str):
                return ArrayInformation(self.Proxy, self, idx) if idx in names else None
            if not 0 <= idx < len(names):
                raise IndexError(idx)
            return ArrayInformation(self.Proxy, self, names[idx])

    servermanager.DataInformation = DataInformation
    servermanager.ArrayInformation = ArrayInformation
    servermanager.FieldDataInformation = FieldDataInformation
    _make_rescaling_global(servermanager)


def _range(own):
    """The range of all ranks' values, of which a rank may have none."""
    nothing = own is None or own[0] > own[1]
    low = mpi.allreduce(math.inf if nothing else own[0], mpi.MIN)
    high = mpi.allreduce(-math.inf if nothing else own[1], mpi.MAX)
    return (low, high) if low <= high else (1e299, -1e299)   # VTK's for no values


def _united(own):
    """The box around all ranks' boxes; one whose first number is above its second is none."""
    nothing = own[0] > own[1]
    low = [math.inf if nothing else one for one in own[::2]]
    high = [-math.inf if nothing else one for one in own[1::2]]
    low, high = mpi.allreduce((low, high), _larger)
    if low[0] > high[0]:
        return own
    return tuple(one for pair in zip(low, high) for one in pair)


def _larger(one, other):
    return list(map(min, one[0], other[0])), list(map(max, one[1], other[1]))


def _make_rescaling_global(servermanager):
    """The colours of a representation are scaled to the range of all ranks' data."""
    get = servermanager.Proxy.__getattr__

    def __getattr__(self, name):
        value = get(self, name)
        if name != "RescaleTransferFunctionToDataRange":
            return value

        def rescale(*args):
            return agree_on_colors(self, _has_data(self) and value(*args))
        return rescale
    servermanager.Proxy.__getattr__ = __getattr__


def _has_data(representation):
    """Whether this rank has anything to represent. Without, ParaView would write that it finds no range."""
    shown = getattr(representation, "Input", None)
    own = shown.SMProxy.GetDataInformation(shown.Port) if shown is not None else None
    return own is None or own.GetNumberOfPoints() > 0


def make_show_global(simple):
    """Show() may scale colours, too. Local."""
    show = simple.Show

    def Show(proxy=None, view=None, representationType=None, **params):
        shown = show(proxy, view, representationType, **params)
        if mpi.allreduce(_is_colored(shown), mpi.LOR):
            agree_on_colors(shown, _is_colored(shown))
        return shown
    Show.__doc__ = show.__doc__
    simple.Show = Show


def _is_colored(representation):
    ask = getattr(representation, "GetUsingScalarColoring", None)
    return bool(ask and ask())


def agree_on_colors(representation, scaled):
    """Let the colours span what those of all ranks that have scaled theirs do. Collective over world.

    scaled: whether this rank has; one without data has not.
    """
    own = None
    if scaled:
        points = representation.LookupTable.RGBPoints
        own = (points[0], points[-4]) if len(points) >= 4 else None
    low, high = _range(own)
    if low > high:
        return bool(scaled)
    for name in "LookupTable", "ScalarOpacityFunction":
        function = getattr(representation, name, None)
        if function is not None and (own is None or own != (low, high)):
            function.RescaleTransferFunction(low, high)
    return True
