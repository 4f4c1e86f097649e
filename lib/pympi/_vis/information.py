"""What ParaView tells of data, over all ranks: each knows its own part only.

SPDX-License-Identifier: MIT

The calls that are made global here are collective over the world, as drawing is.
"""
import functools
import math

from pympi import mpi
from pympi._vis import display

IMAGE_WRITERS = {("writers", kind + "Writer") for kind in ("BMP", "JPEG", "PNG", "PNM", "TIFF")}


def make_global(servermanager):
    """Replace what answers for one rank by what answers for all. Local."""
    class DataInformation(servermanager.DataInformation):
        __doc__ = servermanager.DataInformation.__doc__

        def _own(self):
            if self.Proxy:
                self.Proxy.GetDataInformation(self.Idx)     # which makes the other one up to date
            return self.DataInformation

        def _summed(self, call):
            return mpi.allreduce(getattr(self._own(), call)())

        def GetNumberOfPoints(self):
            return self._summed("GetNumberOfPoints")

        def GetNumberOfCells(self):
            return self._summed("GetNumberOfCells")

        def GetNumberOfRows(self):
            return self._summed("GetNumberOfRows")

        def GetMemorySize(self):
            return self._summed("GetMemorySize")

        def GetBounds(self):
            return _united(tuple(self._own().GetBounds()))

        def GetExtent(self):
            return _united(tuple(self._own().GetExtent()))

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
    _make_representations_global(servermanager, DataInformation)
    _make_writers_of_images_single(servermanager)


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


def _make_representations_global(servermanager, information):
    """What representations tell is of all ranks' data, and their colours are scaled to its range."""
    get = servermanager.Proxy.__getattr__

    def __getattr__(self, name):
        value = get(self, name)
        if name == "GetRepresentedDataInformation":
            return lambda *args: information(value(*args), None, 0)
        if name == "RescaleTransferFunctionToDataRange":
            return lambda *args: agree_on_colors(self, _has_data(self) and value(*args))
        return value
    servermanager.Proxy.__getattr__ = __getattr__


def _make_writers_of_images_single(servermanager):
    """Rank 0 has the picture; what the others have of it is not written over it."""
    update = servermanager.SourceProxy.UpdatePipeline

    def UpdatePipeline(self, time=None):
        if mpi.rank == 0 or (self.SMProxy.GetXMLGroup(), self.SMProxy.GetXMLName()) not in IMAGE_WRITERS:
            update(self, time)
    UpdatePipeline.__doc__ = update.__doc__
    servermanager.SourceProxy.UpdatePipeline = UpdatePipeline


def _has_data(representation):
    """Whether this rank has anything to represent. Without, ParaView would write that it finds no range."""
    shown = getattr(representation, "Input", None)
    own = shown.SMProxy.GetDataInformation(shown.Port) if shown is not None else None
    return own is None or own.GetNumberOfPoints() > 0


def make_show_global(simple):
    """What is shown looks as it does under pvbatch, which goes by the data: ParaView leaves that out where ranks know
    their own data alone. Local."""
    show = simple.Show

    @functools.wraps(show)
    def Show(proxy=None, view=None, representationType=None, **params):
        display.ensure()
        proxy = proxy or simple.GetActiveSource()
        if hasattr(proxy, "UpdatePipeline"):
            proxy.UpdatePipeline(simple.GetAnimationScene().AnimationTime)
        old = _shown_before(simple, proxy, view)
        shown = show(proxy, view, representationType, **params)
        if old is None and representationType is None:
            _choose_looks(shown, params)
        if mpi.allreduce(_is_colored(shown), mpi.LOR):
            shown.RescaleTransferFunctionToDataRange(False, False)
        return shown
    simple.Show = Show


def make_pictures_whole(simple):
    """A picture has by default the size of its view, which ParaView looks for in what ranks do not have. Local."""
    for save in simple.SaveScreenshot, simple.SaveAnimation:
        setattr(simple, save.__name__, _sized(simple, save))


def _sized(simple, save):
    @functools.wraps(save)
    def sized(filename, viewOrLayout=None, *args, **params):
        view = viewOrLayout or simple.GetActiveView()
        if hasattr(view, "ViewSize"):
            params.setdefault("ImageResolution", list(view.ViewSize))
        return save(filename, viewOrLayout, *args, **params)
    return sized


def _shown_before(simple, proxy, view):
    view = view or simple.GetActiveView()
    return view and view.SMProxy.FindRepresentation(proxy.SMProxy, getattr(proxy, "Port", 0))


def _choose_looks(shown, given):
    """A representation's type and colours: those that the first rank with data has found. Collective over world."""
    own = None
    if _has_data(shown):
        own = _default(shown, "Representation"), _default(shown, "ColorArrayName")
    kind, colored = mpi.allreduce(own, lambda one, other: one or other) or ((), ())
    if kind and "Representation" not in given:
        shown.SetRepresentationType(kind[0])
    if len(colored) == 5 and "ColorArrayName" not in given:
        if kind[:1] == ["Outline"]:
            colored[4] = ""
        else:
            shown.SetScalarColoring(colored[4], int(colored[3]))
        for place in 3, 4:      # without a name, too
            shown.SMProxy.GetProperty("ColorArrayName").SetElement(place, colored[place])
        shown.SMProxy.UpdateVTKObjects()


def _default(shown, name):
    """What a property's domains, which know the data, would make of it: its elements."""
    known, values = shown.SMProxy.GetProperty(name), []
    if known is None:
        return values
    domains = known.NewDomainIterator()
    domains.Begin()
    before = [known.GetElement(i) for i in range(known.GetNumberOfElements())]
    while not domains.IsAtEnd() and not values:
        if domains.GetDomain().SetDefaultValues(known, False):
            values = [known.GetElement(i) for i in range(known.GetNumberOfElements())]
        domains.Next()
    for i, value in enumerate(before):
        known.SetElement(i, value)
    return values


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
