"""What a file holds: what groups, datasets and types have in common.

SPDX-License-Identifier: MIT
"""
import _pympi_h5 as _h5

from pympi._h5 import dtypes
from pympi._h5.attributes import Attributes


class Base:
    """What groups, datasets and types have in common."""

    def __init__(self, state, id, name=None):
        self._state, self._id, self._name = state, id, name
        self._held = state.held()

    @property
    def id(self):
        """What HDF5 has open; id.valid tells whether it still has."""
        return self._id

    @property
    def name(self):
        """The path in the file; None for what has no name."""
        if self._state.is_open and self._id.valid:
            return _h5.object_name(self._id).decode("utf-8", "surrogateescape") or None
        return None

    @property
    def file(self):
        """The file, as an object of its own."""
        return self._state.file()

    @property
    def parent(self):
        """The group that holds it."""
        name = self.name
        if name is None:
            raise ValueError("Parent of an anonymous object is undefined")
        return self.file[name.rpartition("/")[0] or "/"]

    @property
    def attrs(self):
        return Attributes(self)

    @property
    def ref(self):
        """A reference to it, for datasets and attributes of type ref_dtype."""
        _, address, _ = _h5.object_about(self._id)
        return dtypes.Reference(address.to_bytes(8, "little"))

    def __bool__(self):
        return self._state.is_open and self._id.valid

    def __eq__(self, other):
        if not isinstance(other, Base):
            return NotImplemented
        if not self or not other:
            return self is other
        return _h5.object_about(self._id)[1:] == _h5.object_about(other._id)[1:]

    def __hash__(self):
        return hash(_h5.object_about(self._id)[1:]) if self else id(self)


class Datatype(Base):
    """A type that has a name in the file."""

    @property
    def dtype(self):
        return dtypes.dtype_of(_h5.type_describe(self._id))

    def __repr__(self):
        return f"<HDF5 named type {self.name!r} (dtype {self.dtype.str})>" if self else "<Closed HDF5 named type>"
