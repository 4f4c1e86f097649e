"""A plugin of pytest's: the names of h5py that pympi.h5 has, too, are pympi.h5's.

The low level stays h5py's own, and looks at what pympi.h5 has open: both are on the same library.
"""
# SPDX-License-Identifier: MIT

import sys
import weakref

import h5py
from h5py import h5a, h5d, h5f, h5g, h5i, h5o

import _pympi_h5
from pympi import h5
from pympi._h5 import files, groups

PACKAGE = sys.modules[h5py.File.__module__.partition("._hl")[0]]   # Debian has one for each of its builds
states = weakref.WeakSet()


def substitute():
    """Give h5py's names another meaning, before any test is imported."""
    for name in h5.__all__:
        for module in (h5py, PACKAGE):
            if hasattr(module, name):
                setattr(module, name, getattr(h5, name))


def low(thing):
    """h5py's own object for what one of ours has open, always the same; of a file a new one, which holds it open."""
    if isinstance(thing, h5.File):
        return low_of(thing)
    if "_low" not in vars(thing):
        thing._low = low_of(thing)
    return thing._low


def low_of(thing):
    valid = thing._state.is_open and thing._id.valid
    if isinstance(thing, h5.File):
        return counted(h5f.FileID, thing._state.id) if valid else h5f.FileID(-1)
    if not valid:
        return (h5d.DatasetID if isinstance(thing, h5.Dataset) else h5g.GroupID)(-1)
    return h5o.open(counted(h5g.GroupID, thing._id), b".")


def counted(cls, own):
    """h5py's own object for an Id, which both will close."""
    made = cls(own.id)
    h5i.inc_ref(made)
    return made


def remember(state, *args):
    """Note who has a file open."""
    begin(state, *args)
    states.add(state)


def bound(cls):
    """Let a class be called with one of h5py's own objects, as h5py's may be."""
    begin_ = cls.__init__

    def __init__(self, *args, **kw):
        if len(args) == 1 and not kw and isinstance(args[0], (h5d.DatasetID, h5g.GroupID)):
            file = h5i.get_file_id(args[0])
            state = next(s for s in states if s.is_open and counted(h5f.FileID, s.id) == file)
            args = state, _pympi_h5.object_open(state.id, h5i.get_name(args[0]))
        begin_(self, *args, **kw)
    cls.__init__ = __init__


def through(function):
    """A function of h5py's that takes an Id, too."""
    def call(thing, *args):
        return function(counted(h5g.GroupID, thing) if isinstance(thing, _pympi_h5.Id) else thing, *args)
    return call


class Reader:
    """h5py's Dataset has a second way to read, which its tests ask for; there is one here."""

    def __init__(self, dataset):
        self.dataset = dataset

    def read(self, args):
        return self.dataset[args]


substitute()
begin = files.State.__init__
files.State.__init__ = remember
groups.Base.id = property(low)
bound(h5.Dataset)
h5g.get_objinfo = through(h5g.get_objinfo)
h5.AttributeManager.get_id = lambda self, name: h5a.open(low(self._owner), name.encode())
h5.Dataset._fast_reader = property(Reader)
