"""Attributes.

SPDX-License-Identifier: MIT
"""
from collections.abc import MutableMapping

import numpy as np

import _pympi_h5 as _h5

from pympi._agree import hashed
from pympi._h5 import dtypes

_SHOWN = 60
_MOST = 64512       # bytes of an attribute, which is part of its object's header


class Empty:
    """A value without elements: Empty(dtype)."""
    shape = size = None

    def __init__(self, dtype):
        self.dtype = np.dtype(dtype)

    def __eq__(self, other):
        return isinstance(other, Empty) and self.dtype == other.dtype

    def __repr__(self):
        return f"Empty(dtype={self.dtype!r})"


def typed(value, dtype=None):
    """A value as an array (or Empty) of a type that HDF5 has. Local. Raises TypeError for others."""
    if isinstance(value, Empty):
        return value
    if dtype is None:
        dtype = _guess(value)
    if dtype is not None:
        dtype = dtypes.plain(dtype)
    if dtype is not None and dtype.hasobject and dtype.names is None:
        return _objects(value, dtype)
    base = dtype.subdtype[0] if dtype is not None and dtype.subdtype else dtype
    array = np.asarray(value, dtype=base, order="C")
    if array.dtype.kind == "U":
        return _objects(array, dtypes.string_dtype())
    if array.dtype.kind == "O" and array.size and all(isinstance(v, (str, bytes)) for v in array.flat):
        texts = all(isinstance(v, str) for v in array.flat)
        return _objects(array, dtypes.string_dtype("utf-8" if texts else "ascii"))
    return array if dtype is None else array.astype(base, copy=False)


def _guess(value):
    """The type of Python's own texts, and lists of nothing else; NumPy's have a length."""
    kinds = set()
    _note_kinds(value, kinds)
    kind = kinds.pop() if len(kinds) == 1 else None
    return {bytes: dtypes.string_dtype("ascii"), str: dtypes.string_dtype(),
            dtypes.Reference: dtypes.ref_dtype, dtypes.RegionReference: dtypes.regionref_dtype}.get(kind)


def _note_kinds(value, kinds):
    """The classes of what is in nested lists, as far as it takes to see that they differ."""
    if type(value) not in (list, tuple):
        kinds.add(str if isinstance(value, str) else type(value))
        return
    for one in value:
        _note_kinds(one, kinds)
        if len(kinds) > 1 or not kinds & {bytes, str, dtypes.Reference, dtypes.RegionReference}:
            return


def _marked(array, dtype):
    """The same objects in an array whose type says what they are: a cast would not."""
    out = np.empty(array.shape, dtype)
    out[...] = array
    return out


def _objects(value, dtype):
    """An array of objects, of which a sequence that is one element must not be taken apart."""
    vlen = (dtype.metadata or {}).get("vlen")
    if vlen is None or vlen in (str, bytes):
        return _marked(np.asarray(value, dtype="O"), dtype)
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        if value.ndim <= 1:
            out = np.empty((), dtype)
            out[()] = np.asarray(value, vlen)
            return out
        out = np.empty(value.shape[:-1], dtype)
        for at in np.ndindex(out.shape):
            out[at] = np.asarray(value[at], vlen)
        return out
    if isinstance(value, np.ndarray):
        return _marked(value, dtype)
    if len(value) and all(np.ndim(v) == 0 for v in value):
        out = np.empty((), dtype)
        out[()] = np.asarray(value, vlen)
        return out
    out = np.empty(len(value), dtype)
    for i, v in enumerate(value):
        out[i] = np.asarray(v, vlen)
    return out


class Fingerprint:
    """What ranks compare of a value: its repr, which is short, and made when it is asked for."""

    def __init__(self, array):
        self._array = array

    def __repr__(self):
        array = self._array
        if isinstance(array, Empty):
            return repr(array)
        if array.dtype.hasobject:
            data = repr(dtypes.pack(array, array.dtype)).encode()
        else:
            data = dtypes.meant(np.ascontiguousarray(array))
        text = _few(array)
        text = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
        return f"{text} ({array.dtype}{list(array.shape)}, {hashed(data):x})"


def _few(array):
    """The first elements and the last as text."""
    if array.size <= 6:
        return str(array.tolist())
    first, last = array.flat[:2].tolist(), array.flat[-2:].tolist()
    return f"[{first[0]!r}, {first[1]!r}, …, {last[0]!r}, {last[1]!r}]"


def _beside(key):
    """The name of an attribute that is about to take another one's place."""
    return b"pympi.h5 new " + key


class Attributes(MutableMapping):
    """The attributes of a group or dataset: a mapping.

    Reading is local; what changes them is collective over the file's comm, with equal names and values.
    """

    def __init__(self, owner):
        self._owner = owner

    @property
    def _at(self):
        return self._owner._id

    def __getitem__(self, name):
        self._owner._state.need_open("attrs")
        key = _key(name)
        if not _h5.attribute_exists(self._at, key):
            raise KeyError(f"Can't open attribute (can't locate attribute: '{name}')")
        attribute = _h5.attribute_open(self._at, key)
        shape, _ = _h5.space_about(attribute)
        dtype = dtypes.dtype_of(_h5.type_describe(_h5.type_of(attribute)))
        if shape is None:
            return Empty(dtype)
        array = dtypes.get(attribute, dtypes.make(dtype), dtype, shape)
        info = dtypes.check_string_dtype(dtype)
        if info is not None and info.length is None:
            array = np.array([v.decode("utf-8", "surrogateescape") for v in array.flat], "O").reshape(array.shape)
        return array[()] if array.shape == () else array

    def __setitem__(self, name, value):
        self.create(name, value)

    def create(self, name, data, shape=None, dtype=None):
        """create(name, data, shape=None, dtype=None): makes an attribute, in place of any that is there.

        Collective over the file's comm.
        """
        state = self._owner._state
        with state.prepared("attrs"):
            state.need_write("attrs")
            if dtype is not None and isinstance(data, Empty):
                data = Empty(dtype)
            array = typed(data, dtype)
            if shape is not None and not isinstance(array, Empty):
                shape = (shape,) if isinstance(shape, int) else tuple(shape)
                array = array.reshape(shape)
            full = dtypes.plain(dtype) if dtype is not None else array.dtype
            type_id = dtypes.make_in(state, full if dtype is None else dtype)
            words = (("of", self._owner.name), ("name", name), ("value", Fingerprint(array)))
            size = (array.size or 0) * dtypes.size_of(dtypes.describe(full.base))
            if size > _MOST:
                raise RuntimeError(f"attrs: {name!r} has {size} bytes, and an attribute takes {_MOST} at most: "
                                   "make a dataset of it")
            act = self._maker(_key(name), array, full, type_id)
        state.change("attrs", words, act)

    def _maker(self, key, array, dtype, type_id):
        shape = array.shape
        if dtype.subdtype:
            inner = dtype.subdtype[1]
            shape = shape[:len(shape) - len(inner)]

        def make(name):
            attribute = _h5.attribute_create(self._at, name, type_id, shape)
            try:
                if shape is not None and array.size:
                    dtypes.put(attribute, type_id, array.dtype, array)
            except BaseException:
                _h5.attribute_delete(self._at, name)
                raise

        def act():
            if not _h5.attribute_exists(self._at, key):
                return make(key)
            make(_beside(key))      # the old one stays where this fails
            self._delete(key)
            return _h5.attribute_rename(self._at, _beside(key), key)
        return act

    def _delete(self, key):
        self._owner._state.freed = True
        _h5.attribute_delete(self._at, key)

    def modify(self, name, value):
        """modify(name, value): changes the value of an attribute, whose type stays.

        Collective over the file's comm.
        """
        state = self._owner._state
        words, act = (), None
        with state.prepared("attrs"):
            state.need_write("attrs")
            key = _key(name)
            if name in self:
                attribute = _h5.attribute_open(self._at, key)
                array = self._fitting(name, attribute, value)
                type_id = dtypes.make(array.dtype)
                words = (("of", self._owner.name), ("name", name), ("value", Fingerprint(array)))

                def act():
                    state.freed = state.freed or array.dtype.hasobject
                    dtypes.put(attribute, type_id, array.dtype, array)
        if act is None:
            self.create(name, value)
        else:
            state.change("attrs", words, act)

    @staticmethod
    def _fitting(name, attribute, value):
        """A value as an array of an attribute's shape and type."""
        shape, _ = _h5.space_about(attribute)
        if shape is None:
            raise OSError(f"attrs: {name!r} is empty, and takes no value")
        dtype = dtypes.dtype_of(_h5.type_describe(_h5.type_of(attribute)))
        array, inner = typed(value, dtype), dtype.subdtype[1] if dtype.subdtype else ()
        if array.shape != shape + inner and (array.size != 1 or int(np.prod(shape + inner)) != 1):
            raise TypeError(f"attrs: a value of shape {array.shape} does not fit {name!r}, which has {shape}")
        return array.reshape(shape + inner)

    def __delitem__(self, name):
        state = self._owner._state
        with state.prepared("attrs"):
            state.need_write("attrs")
            key = self._there("delete", name)
        state.change("attrs", (("of", self._owner.name), ("delete", name)), lambda: self._delete(key))

    def _there(self, what, name):
        """The key of an attribute that is there."""
        key = _key(name)
        if not _h5.attribute_exists(self._at, key):
            raise KeyError(f"Can't {what} attribute (can't locate attribute: '{name}')")
        return key

    def rename(self, old, new):
        """rename(old, new): gives an attribute another name. Collective over the file's comm.

        Raises KeyError where it is not there, ValueError where the other name is taken.
        """
        state = self._owner._state
        with state.prepared("attrs"):
            state.need_write("attrs")
            key, other = self._there("rename", old), _key(new)
            if _h5.attribute_exists(self._at, other):
                raise ValueError(f"Unable to rename attribute (name already exists: '{new}')")
        state.change("attrs", (("of", self._owner.name), ("rename", (old, new))),
                     lambda: _h5.attribute_rename(self._at, key, other))

    def _ipython_key_completions_(self):
        return sorted(self)

    def get_id(self, name):
        return _h5.attribute_open(self._at, _key(name))

    def __contains__(self, name):
        return _h5.attribute_exists(self._at, _key(name))

    def __iter__(self):
        return iter([name.decode("utf-8", "surrogateescape") for name in _h5.attribute_names(self._at)])

    def __len__(self):
        return len(_h5.attribute_names(self._at))

    def __repr__(self):
        return f"<Attributes of HDF5 object {self._owner.name!r}>"


def _key(name):
    if isinstance(name, bytes):
        return name
    if not isinstance(name, str):
        raise TypeError(f"a name is a text, not {name!r}")
    return name.encode("utf-8", "surrogateescape")
