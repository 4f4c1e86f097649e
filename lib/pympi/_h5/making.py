"""What a new dataset is to be like: arguments of create_dataset, checked, as HDF5 wants them.

SPDX-License-Identifier: MIT
"""
import math
import operator

import numpy as np

import _pympi_h5 as _h5

from pympi._h5 import dtypes
from pympi._h5.attributes import Empty, Fingerprint, typed

_DEFLATE, _SHUFFLE, _FLETCHER32, _SZIP, _SCALEOFFSET, _LZF = 1, 2, 3, 4, 6, 32000
_OPTIONAL = 1
NEVER, _IFSET = 1, 2    # fill times, in HDF5's numbers
_FILL_TIMES = {"alloc": 0, "never": NEVER, "ifset": _IFSET}
_OPTIONS = {"chunks", "maxshape", "compression", "compression_opts", "shuffle", "fletcher32", "scaleoffset",
            "fillvalue", "track_times", "track_order", "compact", "fill_time", "exact"}
_CHUNK = 1 << 20    # bytes of a chunk that nobody has chosen


class Wish:
    """A dataset to be."""

    def __init__(self, shape, dtype, data):
        self.shape, self.dtype, self.data = shape, dtype, data
        self.named = None       # a type of the file's, of which it is to be
        self.maxshape = self.chunks = self.fill = None
        self.filters = []
        self.compact = False
        self.fill_time = _IFSET
        self.track_times = self.track_order = False

    def words(self):
        """What ranks compare."""
        yield "shape", self.shape
        yield "dtype", str(self.dtype) + str(self.dtype.metadata or "")
        yield "data", None if self.data is None else Fingerprint(self.data)
        if self.named:
            yield "named type", self.named.name
        for name in "chunks", "maxshape", "filters", "fill", "compact", "fill_time", "track_times", "track_order":
            value = getattr(self, name)
            if value:
                yield name, value


def lengths_of(name, value):
    """A length for each axis, as a tuple. Raises TypeError and ValueError for anything else. Local."""
    try:
        given = tuple(value) if np.iterable(value) else (value,)
        lengths = tuple(None if n is None else operator.index(n) for n in given)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, and no integer and no tuple of them") from None
    if any(n is not None and n < 0 for n in lengths):
        raise ValueError(f"{name} {lengths} has a negative length")
    return lengths


def parameters(shape, dtype, data, options):
    """A Wish of create_dataset's arguments. Local. Raises TypeError and ValueError."""
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise TypeError(f"create_dataset: there is no option {unknown[0]!r}")
    options = {key: value for key, value in options.items() if value is not None}
    if data is None and shape is None and dtype is not None:
        data = Empty(dtype)
    if data is not None and not isinstance(data, Empty):
        data = typed(data, dtype)
        if dtype is None:
            dtype = data.dtype
    named = dtype if hasattr(dtype, "_state") else None
    dtype = getattr(data, "dtype", np.dtype("f4")) if dtype is None else dtypes.plain(dtype)
    shape = _shape(shape, data, dtype)
    wish = Wish(shape, dtype, None if isinstance(data, Empty) or data is None else data.reshape(
        shape + (dtype.subdtype[1] if dtype.subdtype else ())))
    wish.named = named
    dtypes.describe(dtype)
    if shape is None or shape == ():
        _refuse_chunked(options, "Empty" if shape is None else "Scalar")
    _set_limits(wish, options)
    _set_filters(wish, options)
    _set_chunks(wish, options)
    _set_fill(wish, options)
    wish.compact = bool(options.get("compact"))
    if options.get("track_times") not in (None, True, False):
        raise TypeError(f"track_times is {options['track_times']!r}, and neither True nor False")
    wish.track_times, wish.track_order = bool(options.get("track_times")), bool(options.get("track_order"))
    return wish


def _shape(shape, data, dtype):
    if shape is None:
        if data is None:
            raise TypeError("One of data, shape or dtype must be specified")
        if isinstance(data, Empty):
            return None
        inner = len(dtype.subdtype[1]) if dtype.subdtype else 0
        return data.shape[:data.ndim - inner]
    shape = lengths_of("shape", shape)
    if None in shape:
        raise ValueError(f"a dataset cannot have shape {shape}")
    inner = math.prod(dtype.subdtype[1]) if dtype.subdtype else 1
    if data is not None and not isinstance(data, Empty) and math.prod(shape) * inner != data.size:
        raise ValueError(f"Shape tuple is incompatible with data: {shape} and {data.shape}")
    return shape


def _refuse_chunked(options, kind):
    wrong = {"chunks", "compression", "shuffle", "fletcher32", "scaleoffset", "maxshape"} & {
        k for k, v in options.items() if v is not False}
    if wrong:
        raise TypeError(f"{kind} datasets don't support chunk/filter options: {', '.join(sorted(wrong))}")


def _set_limits(wish, options):
    maxshape = options.get("maxshape")
    if maxshape is None:
        return
    if maxshape is True:
        wish.maxshape = (None,) * len(wish.shape)
        return
    wish.maxshape = lengths_of("maxshape", maxshape)
    if len(wish.maxshape) != len(wish.shape):
        raise ValueError('"maxshape" must have same rank as dataset shape')
    if any(m is not None and m < n for m, n in zip(wish.maxshape, wish.shape)):
        raise ValueError(f"maxshape {wish.maxshape} is less than the shape {wish.shape}")


def _set_filters(wish, options):
    compression, opts = options.get("compression"), options.get("compression_opts")
    if compression is False:
        compression = None
    if compression is True:
        compression = "gzip"
    if isinstance(compression, int) and 0 <= compression < 10:
        if opts is not None:
            raise TypeError("Conflict in compression options")
        compression, opts = "gzip", compression
    if opts is not None and compression is None:
        raise TypeError("Compression method must be specified")
    scale = options.get("scaleoffset")
    if scale is not None and scale is not False:
        if options.get("fletcher32"):
            raise ValueError("fletcher32 cannot be used with potentially lossy scale/offset filter")
        _add_scale(wish, scale)
    if options.get("shuffle"):
        wish.filters.append((_SHUFFLE, _OPTIONAL, ()))
    if compression is not None:
        _add_compression(wish, compression, opts)
    if options.get("fletcher32"):
        wish.filters.append((_FLETCHER32, 0, ()))


def _add_scale(wish, scale):
    if scale is not True and (int(scale) != scale or scale < 0):
        raise ValueError(f"scaleoffset is {scale!r}, and not an integer from 0 on")
    if wish.dtype.kind in "iu":
        wish.filters.append((_SCALEOFFSET, 0, (2, 0 if scale is True else int(scale))))
    elif wish.dtype.kind == "f":
        if scale is True:
            raise ValueError("integer scaleoffset must be provided for floating point types")
        wish.filters.append((_SCALEOFFSET, 0, (0, int(scale))))
    else:
        raise TypeError("scale/offset filter only supported for integer and floating-point types")


def _add_compression(wish, compression, opts):
    if compression == "gzip":
        level = 4 if opts is None else opts
        if level not in range(10):
            raise ValueError(f"GZIP setting must be an integer from 0-9, not {level!r}")
        wish.filters.append((_DEFLATE, _OPTIONAL, (level,)))
    elif compression == "szip":
        method, pixels = ("nn", 8) if opts is None else opts
        wish.filters.append((_SZIP, _OPTIONAL, (32 if method == "nn" else 4, int(pixels))))
    elif compression == "lzf":
        if opts is not None:
            raise ValueError(f"LZF compression filter accepts no options, and compression_opts is {opts!r}")
        if not _h5.filter_known(_LZF):
            raise ValueError('Compression filter "lzf" is unavailable: this pympi was built without LibLZF (Debian: '
                             'liblzf-dev; then configure and make again)')
        wish.filters.append((_LZF, _OPTIONAL, ()))
    elif hasattr(compression, "filter_id"):     # h5py's filter objects, and hdf5plugin's
        _add_compression(wish, int(compression.filter_id), compression.filter_options)
    elif isinstance(compression, int):
        if compression < 0:
            raise ValueError(f"Invalid filter number: {compression}")
        if not _h5.filter_known(compression):
            raise ValueError(f"Unknown compression filter number: {compression}")
        wish.filters.append((compression, _OPTIONAL, tuple(opts or ())))
    else:
        raise ValueError(f'Compression filter "{compression}" is unavailable')


def guess_chunks(shape, itemsize, limits=None, split=None):
    """A chunk of about 1 MiB; along the axis of a split it is narrower rather than along the others. Local."""
    chunk = [max(1, n) if n else 1024 for n in shape]
    order = [split] if split is not None and split < len(shape) else []
    order += [i for i in range(len(shape)) if i not in order]
    while math.prod(chunk) * itemsize > _CHUNK and any(n > 1 for n in chunk):
        axis = next(i for i in order if chunk[i] > 1)
        over = math.prod(chunk) * itemsize / _CHUNK
        chunk[axis] = max(1, min(chunk[axis] - 1, math.ceil(chunk[axis] / over)))
    if limits:
        chunk = [c if m is None else max(1, min(c, m)) for c, m in zip(chunk, limits)]
    return tuple(chunk)


def _set_chunks(wish, options):
    chunks = options.get("chunks")
    if chunks is False:
        if wish.filters or wish.maxshape and wish.maxshape != wish.shape:
            raise ValueError("Chunked format required for given storage options")
        return
    if chunks is None and not wish.filters and wish.maxshape is None:
        return
    if chunks is None or chunks is True:
        wish.chunks = guess_chunks(wish.shape, dtypes.size_of(dtypes.describe(wish.dtype)), wish.maxshape)
        return
    wish.chunks = lengths_of("chunks", chunks)
    if len(wish.chunks) != len(wish.shape) or any(c is None or c < 1 for c in wish.chunks):
        raise ValueError(f"chunks {wish.chunks} do not fit the shape {wish.shape}")
    limits = wish.maxshape or wish.shape
    if any(m is not None and c > m for c, m in zip(wish.chunks, limits)):
        raise ValueError("Chunk shape must not be greater than data shape in any dimension. "
                         f"{wish.chunks} is not compatible with {wish.shape}")


def _set_fill(wish, options):
    if "fill_time" in options:
        if options["fill_time"] not in _FILL_TIMES:
            raise ValueError(f"fill_time is {options['fill_time']!r}, and none of {', '.join(map(repr, _FILL_TIMES))}")
        wish.fill_time = _FILL_TIMES[options["fill_time"]]
    fill = options.get("fillvalue")
    if fill is None or wish.shape is None:
        return
    if wish.dtype.hasobject:
        if wish.dtype.subdtype or wish.dtype.names or dtypes.check_ref_dtype(wish.dtype):
            raise TypeError(f"fillvalue: elements of type {wish.dtype} cannot have one")
        wish.fill = dtypes.encode(wish.dtype, fill)
        return
    if wish.dtype.names is not None and not isinstance(fill, tuple) and not getattr(
            getattr(fill, "dtype", None), "names", None):
        raise ValueError(f"fillvalue {fill!r} is no element of type {wish.dtype}")
    value = np.zeros((), wish.dtype.base)
    value[()] = fill
    wish.fill = np.full(wish.dtype.shape, value).tobytes() if wish.dtype.subdtype else value.tobytes()


def make_dataset(at, key, wish):
    """Makes it, on every rank alike. Local."""
    return _h5.dataset_create(
        at, key, wish.named._id if wish.named else dtypes.make(wish.dtype), wish.shape, wish.maxshape, chunks=wish.chunks,
        filters=[tuple(f) for f in wish.filters], fill=wish.fill, compact=wish.compact,
        early=not wish.filters, fill_time=wish.fill_time, track_times=wish.track_times,
        track_order=wish.track_order)
