"""NumPy's types as HDF5 has them, by h5py's conventions.

A description is what ``_pympi_h5.type_make`` takes (``modules/h5/types.h``). What NumPy has no type for is a
type of objects with metadata, under the same keys as h5py's: ``vlen``, ``enum``, ``ref``, ``h5py_opaque``;
``bits`` and ``tag`` are ours, for bitfields (integers in NumPy) and tagged opaque bytes.
SPDX-License-Identifier: MIT
"""
import numpy as np

import _pympi_h5 as _h5

_NULLPAD = 1
_BOOL = ("e", ("i", 1, False), ((b"FALSE", 0), (b"TRUE", 1)))


def string_dtype(encoding="utf-8", length=None):
    """string_dtype(encoding="utf-8", length=None)

    Returns the type of texts: of any length, or of so many bytes. Local.
    """
    if encoding not in ("utf-8", "ascii"):
        raise ValueError(f"Invalid encoding ({encoding!r}); 'utf-8' or 'ascii' allowed")
    if isinstance(length, int):
        return np.dtype(f"|S{length}", metadata={"h5py_encoding": encoding})
    if length is not None:
        raise TypeError("length must be integer or None")
    return np.dtype("O", metadata={"vlen": str if encoding == "utf-8" else bytes})


def vlen_dtype(basetype):
    """vlen_dtype(basetype): the type of sequences of any length. Local."""
    return np.dtype("O", metadata={"vlen": np.dtype(basetype)})


def enum_dtype(values_dict, basetype=np.uint8):
    """enum_dtype(values_dict, basetype=uint8): integers with names. Local."""
    basetype = np.dtype(basetype)
    if basetype.kind not in "iu":
        raise TypeError("Only integer types can be used as enums")
    return np.dtype(basetype, metadata={"enum": dict(values_dict)})


def opaque_dtype(np_dtype):
    """opaque_dtype(np_dtype): a type that HDF5 has no number for, as datetime64, kept as NumPy's bytes. Local."""
    return np.dtype(np.dtype(np_dtype), metadata={"h5py_opaque": True})


def _metadata(dtype, key):
    return (dtype.metadata or {}).get(key)


def check_vlen_dtype(dt):
    """The type of a sequence's elements, or None. Local."""
    return _metadata(dt, "vlen")


def check_opaque_dtype(dt):
    """Whether a type is kept as NumPy's bytes. Local."""
    return bool(_metadata(dt, "h5py_opaque"))


def check_ref_dtype(dt):
    """The class of a reference's type, or None. Local."""
    return _metadata(dt, "ref")


def check_enum_dtype(dt):
    """The names of an enumeration's values, or None. Local."""
    return _metadata(dt, "enum")


def is_special(dt):
    """Whether elements are in HDF5 something else than their plain type in NumPy says. Local."""
    return bool(dt.subdtype) or any(_metadata(dt, key) is not None for key in ("enum", "h5py_opaque", "bits", "tag"))


class string_info:
    """encoding and length of a type of texts."""

    def __init__(self, encoding, length):
        self.encoding, self.length = encoding, length

    def __iter__(self):
        return iter((self.encoding, self.length))

    def __eq__(self, other):
        return tuple(self) == tuple(other)

    def __repr__(self):
        return f"string_info(encoding={self.encoding!r}, length={self.length!r})"


def check_string_dtype(dt):
    """string_info of a type of texts, or None. Local."""
    vlen = _metadata(dt, "vlen")
    if vlen is str or vlen is bytes:
        return string_info("utf-8" if vlen is str else "ascii", None)
    if dt.kind == "S":
        return string_info(_metadata(dt, "h5py_encoding") or "ascii", dt.itemsize)
    return None


class Reference:
    """An object of a file, by its place there: ``f[reference]``."""

    def __init__(self, data=bytes(8)):
        self.data = data

    def __bool__(self):
        return any(self.data)

    def __eq__(self, other):
        return isinstance(other, Reference) and self.data == other.data

    def __hash__(self):
        return hash(self.data)

    def __repr__(self):
        return "<HDF5 object reference>" if self else "<HDF5 object reference (null)>"


class RegionReference(Reference):
    """A part of a dataset of a file: ``f[reference]`` is the dataset. It is read, and written as it was read."""

    def __init__(self, data=bytes(12)):
        super().__init__(data)

    def __repr__(self):
        return "<HDF5 region reference>" if self else "<HDF5 region reference (null)>"


ref_dtype = np.dtype("O", metadata={"ref": Reference})
regionref_dtype = np.dtype("O", metadata={"ref": RegionReference})


def has_objects(dtype):
    """Whether elements are Python objects, or hold some. Local."""
    return dtype.hasobject


# ---- to HDF5 ----------------------------------------------------------------------------------

def _number(dtype):
    return dtype.kind, dtype.itemsize, dtype.byteorder == ">"


def _object(dtype):
    vlen = _metadata(dtype, "vlen")
    if vlen is str or vlen is bytes:
        return "S", vlen is str
    if vlen is not None:
        return "v", describe(np.dtype(vlen))
    if _metadata(dtype, "ref") is not None:
        return "r", _metadata(dtype, "ref") is RegionReference
    raise TypeError("Object dtype dtype('O') has no native HDF5 equivalent")


def size_of(description):
    """The bytes that an element takes in memory. Local."""
    kind = description[0]
    if kind == "a":
        return size_of(description[1]) * int(np.prod(description[2], dtype=int))
    if kind == "e":
        return size_of(description[1])
    if kind == "r":
        return 12 if description[1] else 8
    return {"S": 8, "v": 16}.get(kind) or description[1]


def _compound(dtype):
    fields = [(name, *dtype.fields[name][:2]) for name in dtype.names]
    parts = [(name.encode(), offset, describe(part)) for name, part, offset in fields]
    if not dtype.hasobject:
        return "c", dtype.itemsize, tuple(parts)
    packed, at = [], 0
    for name, _, part in parts:
        packed.append((name, at, part))
        at += size_of(part)
    return "c", at, tuple(packed)


def describe(dtype):
    """The description of a NumPy type. Local. Raises TypeError where HDF5 has none."""
    if dtype.subdtype:
        return "a", describe(dtype.subdtype[0]), dtype.subdtype[1]
    if check_opaque_dtype(dtype):
        return "V", dtype.itemsize, b"NUMPY:" + dtype.str.encode()
    enum = _metadata(dtype, "enum")
    if enum is not None:
        return "e", _number(dtype), tuple((k.encode(), int(v)) for k, v in sorted(enum.items()))
    if dtype.kind == "b":
        return _BOOL
    if _metadata(dtype, "bits"):
        return "b", *_number(dtype)[1:]
    if dtype.kind in "iu" or dtype.kind == "f":
        return _number(dtype)
    if dtype.kind == "c":
        kind, size, big = _number(dtype)
        part = "f", size // 2, big
        return "c", size, ((b"r", 0, part), (b"i", size // 2, part))
    if dtype.kind == "S":
        utf8 = _metadata(dtype, "h5py_encoding") == "utf-8"
        return "s", max(1, dtype.itemsize), utf8, _NULLPAD
    if dtype.kind == "O":
        return _object(dtype)
    if dtype.names is not None:
        return _compound(dtype)
    if dtype.kind == "V":
        return "V", dtype.itemsize, _metadata(dtype, "tag") or b""
    raise TypeError(f"No conversion path for dtype: {dtype!r}")


def make(dtype):
    """The Id of a type in HDF5. Local."""
    return _h5.type_make(describe(dtype))


def plain(dtype):
    """What a caller gives as a type as NumPy's: also a named type of a file. Local."""
    return np.dtype(dtype if isinstance(dtype, type) else getattr(dtype, "dtype", dtype))


def make_in(state, dtype):
    """The same for what is made in a file; one of its named types stays that type. Local."""
    return dtype._id if getattr(dtype, "_state", None) is state else make(plain(dtype))


# ---- from HDF5 --------------------------------------------------------------------------------

def _from_opaque(description):
    _, size, tag = description
    if tag.startswith(b"NUMPY:"):
        return opaque_dtype(tag[6:].decode())
    return np.dtype(f"V{size}", metadata={"tag": tag}) if tag else np.dtype(f"V{size}")


def _from_enum(description):
    _, base, members = description
    if base[:2] == ("i", 1) and dict(members) == dict(_BOOL[2]):
        return np.dtype("?")
    return np.dtype(dtype_of(base), metadata={"enum": {k.decode(): v for k, v in members}})


def _from_compound(description):
    _, size, members = description
    names = [name.decode("utf-8", "surrogateescape") for name, _, _ in members]
    parts = [dtype_of(part) for _, _, part in members]
    if names == ["r", "i"] and parts[0] == parts[1] and parts[0].kind == "f" \
            and parts[0].itemsize in (4, 8, 16) and not parts[0].metadata:
        order = parts[0].byteorder
        return np.dtype(f"{order if order in '<>' else '='}c{2 * parts[0].itemsize}")
    if any(part.hasobject for part in parts):
        return np.dtype(list(zip(names, parts)))
    return np.dtype({"names": names, "formats": parts, "itemsize": size,
                     "offsets": [offset for _, offset, _ in members]})


def dtype_of(description):
    """The NumPy type of a description, with h5py's metadata. Local."""
    kind = description[0]
    if kind == "b":
        return np.dtype(dtype_of(("u", *description[1:])), metadata={"bits": True})
    if kind in "iuf":
        size = description[1]
        if kind == "f" and size not in (2, 4, 8, 16) or kind != "f" and size not in (1, 2, 4, 8):
            raise TypeError(f"NumPy has no number of {size} bytes")
        return np.dtype(("<", ">")[description[2]] + kind + str(size)) if size > 1 else np.dtype(kind + "1")
    if kind == "s":
        metadata = {"h5py_encoding": "utf-8"} if description[2] else None
        return np.dtype(f"S{description[1]}", metadata=metadata) if metadata else np.dtype(f"S{description[1]}")
    if kind == "S":
        return string_dtype("utf-8" if description[1] else "ascii")
    if kind == "V":
        return _from_opaque(description)
    if kind == "c":
        return _from_compound(description)
    if kind == "e":
        return _from_enum(description)
    if kind == "v":
        return vlen_dtype(dtype_of(description[1]))
    if kind == "a":
        return np.dtype((dtype_of(description[1]), description[2]))
    return regionref_dtype if description[1] else ref_dtype


def meant(array):
    """The bytes of a contiguous array's elements without what lies between them and means nothing. Local."""
    dtype = array.dtype
    if dtype.names is not None:
        return b"".join(meant(np.ascontiguousarray(array[name])) for name in dtype.names)
    if dtype.kind in "fc" and dtype.char in "gG" and np.finfo(dtype).nmant == 63:     # 10 bytes of 16
        return array.reshape(-1).view("u1").reshape(-1, 16)[:, :10].tobytes()
    return memory_of(array)


# ---- elements that are objects ----------------------------------------------------------------

def _encode_text(value, encoding):
    if isinstance(value, str):
        value = value.encode(encoding, "surrogateescape")
    elif not isinstance(value, bytes):
        value = b"" if value is None or isinstance(value, int) and value == 0 else str(value).encode()
    if b"\0" in value:
        raise ValueError("VLEN strings do not support embedded NULLs")
    return value


def encode(dtype, value):
    """An element as ``_pympi_h5.write_objects`` takes it. Local."""
    if dtype.subdtype:
        base, shape = dtype.subdtype
        return [encode(base, v) for v in np.asarray(value, base).reshape(-1)]
    if not dtype.hasobject:
        return np.asarray(value, dtype).tobytes()
    if dtype.names is not None:
        parts = [value[name] for name in dtype.names] if isinstance(value, np.void) else value
        return tuple(encode(dtype.fields[name][0], part) for name, part in zip(dtype.names, parts))
    vlen = _metadata(dtype, "vlen")
    if vlen is str or vlen is bytes:
        return _encode_text(value, "utf-8" if vlen is str else "ascii")
    if vlen is None:
        return value.data if value else _metadata(dtype, "ref")().data
    base = np.dtype(vlen)
    if value is None or isinstance(value, int) and value == 0:
        value = []
    if base.hasobject:
        return [encode(base, v) for v in value]
    return np.ascontiguousarray(value, base).tobytes()


def decode(dtype, value):
    """An element of what ``_pympi_h5.read_objects`` gives, for an array of this type. Local."""
    if dtype.subdtype:
        base, shape = dtype.subdtype
        out = np.empty(len(value), base)
        for i, v in enumerate(value):
            out[i] = decode(base, v)
        return out.reshape(shape)
    if not dtype.hasobject:
        return np.frombuffer(value, dtype)[0]
    if dtype.names is not None:
        return tuple(decode(dtype.fields[name][0], part) for name, part in zip(dtype.names, value))
    vlen = _metadata(dtype, "vlen")
    if vlen is str or vlen is bytes:
        return value
    if vlen is None:
        return _metadata(dtype, "ref")(value)
    base = np.dtype(vlen)
    if not base.hasobject:
        return np.frombuffer(value, base).copy()
    out = np.empty(len(value), base)
    for i, v in enumerate(value):
        out[i] = decode(base, v)
    return out


def pack(array, dtype):
    """All elements of an array, for ``write_objects``. Local."""
    return [encode(dtype, value) for value in array.reshape(-1)]


def unpack(values, dtype, shape):
    """An array of what ``read_objects`` gave. Local."""
    out = np.empty(len(values), dtype)
    for i, value in enumerate(values):
        out[i] = decode(dtype, value)
    return out.reshape(shape)


def get(source, type_id, dtype, shape, selection=None, empty=np.empty):
    """The selected elements of a dataset or an attribute, as an array of this shape. Local."""
    if dtype.subdtype:      # elements that are arrays give the result more dimensions
        base, inner = dtype.subdtype
        if not base.hasobject:
            out = empty(shape + inner, base)
            _h5.read(source, type_id, selection, out.reshape(-1).view("u1"))
            return out
        flat = np.empty((int(np.prod(shape, dtype=int)),) + inner, base)
        for i, value in enumerate(_h5.read_objects(source, type_id, selection)):
            flat[i] = decode(dtype, value)
        return flat.reshape(shape + inner)
    if dtype.hasobject:
        return unpack(_h5.read_objects(source, type_id, selection), dtype, shape)
    out = empty(shape, dtype)
    _h5.read(source, type_id, selection, memory_of(out))
    return out


def memory_of(array):
    """A contiguous array's memory, whatever its type. Local."""
    return array.reshape(-1).view("u1") if array.size else bytearray()


def put(target, type_id, dtype, array, selection=None):
    """Writes an array's elements to a dataset or an attribute. Local."""
    if dtype.hasobject:
        _h5.write_objects(target, type_id, selection, pack(array, dtype))
    else:
        _h5.write(target, type_id, selection, memory_of(np.ascontiguousarray(array)))
