"""Datasets.

SPDX-License-Identifier: MIT
"""
import collections
import itertools
import math

import numpy as np

import _pympi_h5 as _h5

from pympi._agree import hashed
from pympi._h5 import dtypes, making, selections, shares, transfers, views
from pympi._h5.attributes import Empty, typed
from pympi._h5.objects import Base

_SLAB = 64 << 20        # bytes between two looks at ^C
_NAMES = {1: "gzip", 4: "szip", 32000: "lzf"}


_About = collections.namedtuple("_About", "layout chunks filters fill place external fill_time track_times")


class _Way:
    """`with d.collective:` and `with d.independent:`."""

    def __init__(self, dataset, independent):
        self._dataset, self._independent = dataset, independent

    def __enter__(self):
        self._before = self._dataset._independent
        self._dataset._independent = self._independent
        return self

    def __exit__(self, *_):
        self._dataset._independent = self._before


class Dataset(Base):
    """A dataset: an array in a file.

    Reading is local: d[...], shape, attrs; but for read() and mine(), by which all ranks get their shares. Writing is
    collective over the file's comm, each rank with a selection and elements of its own; one with nothing to
    write passes an empty slice.
    """

    def __init__(self, state, id, name=None):
        super().__init__(state, id, name)
        self._independent = False
        self._type = _h5.type_of(id)
        self._description = _h5.type_describe(self._type)
        self._dtype = self._holes = None

    # ---- what it is like ----

    @property
    def dtype(self):
        if self._dtype is None:
            self._dtype = dtypes.dtype_of(self._description)
        return self._dtype

    @property
    def shape(self):
        self._state.need_open("shape")
        return _h5.space_about(self._id)[0]

    @shape.setter
    def shape(self, shape):
        self.resize(shape)

    @property
    def maxshape(self):
        return _h5.space_about(self._id)[1]

    @property
    def ndim(self):
        return len(self.shape or ())

    @property
    def size(self):
        return None if self.shape is None else math.prod(self.shape)

    @property
    def nbytes(self):
        return 0 if self.size is None else self.size * self.dtype.itemsize

    def _about(self):
        return _About(*_h5.dataset_about(self._id, self._type))

    @property
    def chunks(self):
        return self._about().chunks

    @property
    def _filters(self):
        return {code: values for code, _, values, _ in self._about().filters}

    @property
    def compression(self):
        return next((_NAMES[code] for code in self._filters if code in _NAMES), None)

    @property
    def compression_opts(self):
        filters = self._filters
        if 4 in filters:
            mask, pixels = filters[4][:2]
            return ("ec" if mask & 4 else "nn", pixels)
        return filters[1][0] if 1 in filters else None

    @property
    def shuffle(self):
        return 2 in self._filters

    @property
    def fletcher32(self):
        return 3 in self._filters

    @property
    def scaleoffset(self):
        values = self._filters.get(6)
        return None if values is None else values[1]

    @property
    def fillvalue(self):
        fill = self._about().fill
        if self.dtype.hasobject:
            empty = b"" if dtypes.check_string_dtype(self.dtype) else None
            return empty if fill is None else dtypes.decode(self.dtype, fill)
        base = self.dtype.base
        if fill is None:
            return np.zeros((), base)[()]
        native = dtypes.dtype_of(self._description)
        return np.frombuffer(fill, native.base)[0]

    @property
    def track_times(self):
        """Whether the time of the last change is kept."""
        return self._about().track_times

    @property
    def is_virtual(self):
        return self._about().layout == "virtual"

    @property
    def external(self):
        return self._about().external or None

    def __len__(self):
        if not self.shape:
            raise TypeError("Attempt to take len() of scalar dataset")
        return self.shape[0]

    def len(self):
        return len(self)

    def __iter__(self):
        if not self.shape:
            raise TypeError("Can't iterate over a scalar dataset")
        for i in range(self.shape[0]):
            yield self[i]

    def __repr__(self):
        if not self:
            return "<Closed HDF5 dataset>"
        name = self.name
        shown = f'"{name.rpartition("/")[2] or "/"}"' if name else "(anonymous)"
        return f'<HDF5 dataset {shown}: shape {self.shape}, type "{self.dtype.str}">'

    # ---- reading: local ----

    def __getitem__(self, args, new_dtype=None):
        args = args if isinstance(args, tuple) else (args,)
        self._state.need_open("read")
        names = tuple(a for a in args if isinstance(a, str))
        args = tuple(a for a in args if not isinstance(a, str))
        shape = self.shape
        if shape is None:
            self._chosen(names, new_dtype)
            if not (_is_whole(args) or len(args) == 1 and args[0] is Ellipsis):
                raise ValueError("Empty datasets cannot be sliced")
            return Empty(self.dtype)
        dtype = self._chosen(names, new_dtype)
        if _is_whole(args):
            args = ()
        if shape == () and args and not (len(args) == 1 and args[0] is Ellipsis):
            raise ValueError("Illegal slicing argument for scalar dataspace")
        chosen = selections.select(shape, args)
        array = self._get(chosen, dtype)
        if len(names) == 1:
            array = array[names[0]]
        whole = not any(a is Ellipsis for a in args)
        return array[()] if array.shape == () and whole else array

    def _chosen(self, names, new_dtype):
        """The type of what is read."""
        dtype = self.dtype
        if names:
            if dtype.names is None or any(n not in dtype.names for n in names):
                raise ValueError(f"Field {names[0]!r} does not appear in this type.")
            dtype = np.dtype([(n, dtype.fields[n][0]) for n in names])
        plain = new_dtype is None or new_dtype == object and dtype.hasobject
        return dtype if plain else np.dtype(new_dtype)

    def _get(self, chosen, dtype):
        """The chosen elements, as an array of the selection's shape."""
        state, type_id = self._state, dtypes.make(dtype)
        size = chosen.count * dtype.itemsize
        with state.counts.timed_read(size):
            inner = dtype.subdtype[1] if dtype.subdtype else ()
            if size <= _SLAB or not self._is_plain(chosen, dtype):
                what = None if self._is_all(chosen) else chosen.what
                out = dtypes.get(self._id, type_id, dtype, chosen.full, what, self._empty)
            else:
                out = self._empty(chosen.full, dtype)
                transfers.get_in_slabs(self._id, type_id, chosen, out, _SLAB, state.counts, self._empty)
        return out.reshape(chosen.shape + inner)

    @property
    def _empty(self):
        """What makes an array to read into: where HDF5 has no element and no fill value it leaves what there is."""
        if self._holes is None:
            self._holes = self._about().fill_time == making.NEVER
        return np.zeros if self._holes else np.empty

    def _is_all(self, chosen):
        return chosen.axes == ()

    def read(self, split=0, *, halo=0, counts=None, cyclic=None, owners=None, into=None, comm=None):
        """read(split=0, *, halo=0, counts=None, cyclic=None, owners=None, into=None, comm=None)

        This rank's share along the axis split; with split=None all of it. Collective over comm, which is the one
        that the file was opened with (d[...] is local).

        The share is the block that numpy.array_split gives this rank. halo: so many indices more on both sides, or
        (before, behind), as far as there are any. counts: blocks of these lengths, one a rank; cyclic: blocks
        of so many indices in turn; owners: for each index the rank that gets it. into: an array for the result.

        Raises h5.Disagreement where ranks give different arguments, ValueError and TypeError for such as do not
        fit, OSError, on every rank.
        """
        how = {"halo": halo, "counts": counts, "cyclic": cyclic, "owners": owners}
        return shares.read(self, split, into, comm, how)

    def mine(self, split=0, *, halo=0, counts=None, cyclic=None, owners=None, into=None, comm=None):
        """mine(split=0, *, …): read(split, …) by its other name.

        Collective over the communicator that the file was opened with.
        """
        how = {"halo": halo, "counts": counts, "cyclic": cyclic, "owners": owners}
        return shares.read(self, split, into, comm, how)

    def _read_into(self, chosen, into):
        if self._is_plain(chosen, into.dtype) and into.flags.writeable:
            with self._state.counts.timed_read(into.nbytes):
                if self._empty is np.zeros:
                    into[...] = np.zeros((), into.dtype)
                transfers.get_in_slabs(self._id, dtypes.make(into.dtype), chosen, into, _SLAB,
                                       self._state.counts, self._empty)
        else:
            into[...] = self._get(chosen, into.dtype)
        return into

    @staticmethod
    def _is_plain(chosen, dtype):
        """Whether elements can be read part by part into an array's memory."""
        return bool(chosen.axes) and not (dtype.hasobject or dtype.subdtype)

    def read_direct(self, dest, source_sel=None, dest_sel=None):
        """read_direct(dest, source_sel=None, dest_sel=None): reads into an array. Local.

        Raises TypeError where the selected elements do not fit, or the dataset is empty.
        """
        if self.shape is None:
            raise TypeError("Empty datasets have no numpy representation")
        place = () if dest_sel is None else dest_sel
        target = dest[place]
        args = () if source_sel is None else source_sel if isinstance(source_sel, tuple) else (source_sel,)
        if self.shape and not any(isinstance(a, str) for a in args) and np.may_share_memory(target, dest):
            chosen = selections.select(self.shape, args)
            if target.flags.c_contiguous and target.size == chosen.count:
                self._read_into(chosen, target.reshape(chosen.full))
                return
        value = np.asarray(self.__getitem__(args, new_dtype=dest.dtype))
        same = value.size == target.size    # as many elements, in their order
        dest[place] = value.reshape(target.shape) if same else _broadcast(value, target.shape)

    def iter_chunks(self, sel=None):
        """iter_chunks(sel=None): the chunks in turn, or what of each is in a slice for each axis. Local.

        They come as tuples of slices. Raises TypeError where there are none, ValueError for slices with steps.
        """
        if self.chunks is None:
            raise TypeError("Chunked dataset required")
        chosen = selections.select(self.shape, () if sel is None else sel if isinstance(sel, tuple) else (sel,))
        if chosen.axes is None or not all(isinstance(a, range) and a.step == 1 for a in chosen.axes):
            raise ValueError(f"iter_chunks: {sel!r} has something else than slices without steps")
        ways = [[slice(max(own.start, at), min(own.stop, at + chunk), 1)
                 for at in range(own.start // chunk * chunk, own.stop, chunk)]
                for own, chunk in zip(chosen.axes, self.chunks)]
        return itertools.product(*ways)

    __array__ = views.as_array

    def astype(self, dtype):
        """astype(dtype): reads as another type: d.astype("f4")[...]. Local."""
        return views.Cast(self, np.dtype(dtype))

    def asstr(self, encoding=None, errors="strict"):
        """asstr(encoding=None, errors="strict"): reads texts as str: d.asstr()[...]. Local."""
        info = dtypes.check_string_dtype(self.dtype)
        if info is None:
            raise TypeError("dset.asstr() can only be used on datasets with an HDF5 string datatype")
        return views.Texts(self, encoding or info.encoding, errors)

    def fields(self, names):
        """fields(names): reads some fields of a compound: d.fields("x")[...]. Local."""
        return views.Fields(self, names)

    # ---- writing: collective ----

    @property
    def collective(self):
        """`with d.collective:` as in h5py; writes are collective anyway."""
        return _Way(self, False)

    @property
    def independent(self):
        """`with d.independent:` writes are this rank's alone: no other takes part, and none hears of a failure.

        Only elements that have their place in the file can be written so: not of compressed datasets.
        """
        return _Way(self, True)

    def __setitem__(self, args, value):
        if self._independent:
            transfers.put_alone(self, *self._given(args, value))
            return
        with self._state.prepared("write"):
            chosen, array = self._given(args, value)
        transfers.put_together(self, chosen, array)

    def _given(self, args, value):
        """What one rank wants to write, and where: a selection and an array of its shape."""
        self._state.need_write("write")
        args = args if isinstance(args, tuple) else (args,)
        names = tuple(a for a in args if isinstance(a, str))
        args = tuple(a for a in args if not isinstance(a, str))
        shape = self.shape
        if shape is None:
            raise TypeError("write: an empty dataset takes no elements")
        if _is_whole(args):
            args = ()
        chosen = selections.select(shape, args)
        dtype = self.dtype
        if names:
            return chosen, self._with_fields(names, chosen, value)
        if dtype.names is not None and not isinstance(value, (np.ndarray, np.void)):
            value = np.array(value, dtype)
        array = self._element(value) if chosen.shape == () else self._typed(value, dtype)
        inner = dtype.subdtype[1] if dtype.subdtype else ()
        return chosen, _broadcast(array, chosen.shape + inner).reshape(chosen.full + inner)

    def _with_fields(self, names, chosen, value):
        """The chosen elements as they are, but for some fields."""
        array = self._get(chosen, self._chosen((), None)).reshape(chosen.full)
        self._chosen(names, None)
        value = np.asarray(value)
        for name in names:
            part = value[name] if value.dtype.names and name in value.dtype.names else value
            inner = array[name].shape[array.ndim:]
            array[name] = _broadcast(np.asarray(part), chosen.shape + inner).reshape(chosen.full + inner)
        return array

    def _element(self, value):
        """One element, which may be a sequence."""
        base = (self.dtype.metadata or {}).get("vlen")
        if base in (None, str, bytes):
            return self._typed(value, self.dtype)
        array = np.empty((), self.dtype)
        array[()] = np.asarray(value, base)
        return array

    def _typed(self, value, dtype):
        if dtype.hasobject:
            return typed(value, dtype)
        if not hasattr(value, "dtype") and dtype.base.kind in "biufc":
            value = np.asarray(value, dtype.base)   # Python's integers need not fit NumPy's default
        array = np.asarray(value)
        if array.dtype.kind == "U" or array.dtype.kind == "O" and dtype.kind == "S":
            array = np.char.encode(array.astype("U"), "utf-8")
        if array.dtype.names is not None and dtype.names is not None or array.dtype.kind == "V":
            return array.astype(dtype, copy=False)
        base = dtype.base
        if dtypes.is_special(dtype):
            return array.astype(base)
        if array.dtype.kind not in "biufcSV" or array.dtype.kind != base.kind or array.dtype.hasobject:
            return array.astype(base)
        return array

    def put_alike(self, array):
        """Writes all elements, which all ranks have. Collective."""
        chosen = selections.select(self.shape, ())
        inner = self.dtype.subdtype[1] if self.dtype.subdtype else ()
        array = self._typed(array, self.dtype).reshape(chosen.full + inner)
        transfers.put_alike(self, chosen, array)

    def write_direct(self, source, source_sel=None, dest_sel=None):
        """write_direct(source, source_sel=None, dest_sel=None): writes from an array.

        Collective over the file's comm.
        """
        with self._state.prepared("write"):
            part = np.asarray(source)[() if source_sel is None else source_sel]
        self[() if dest_sel is None else dest_sel] = part

    def write(self, local, split=0, *, halo=0, counts=None, cyclic=None, owners=None):
        """write(local, split=0, *, halo=0, counts=None, cyclic=None, owners=None)

        Writes the ranks' parts behind each other along the axis split. Collective over the file's comm.

        The parts' shapes are exchanged and have to fill the dataset. With one of the other arguments local is what
        read() gives with the same; a halo's elements are left out. Raises ValueError, on all ranks, where they
        do not fit.
        """
        how = {"halo": halo, "counts": counts, "cyclic": cyclic, "owners": owners}
        shares.write(self, local, split, how)

    def resize(self, size, axis=None):
        """resize(size, axis=None): gives it another shape, or another length along one axis.

        Collective over the file's comm. Raises TypeError for datasets without chunks.
        """
        state = self._state
        with state.prepared("resize"):
            state.need_write("resize")
            shape = self._resized(size, axis)
            shrinks = any(n < o for n, o in zip(shape, self.shape))

        def act():
            state.freed = state.freed or shrinks
            _h5.dataset_resize(self._id, shape)
        state.change("resize", (("of", self.name), ("shape", shape)), act, fills=not shrinks, last=shrinks)

    def _resized(self, size, axis):
        if self.chunks is None:
            raise TypeError("Only chunked datasets can be resized")
        if axis is not None:
            if not 0 <= axis < self.ndim:
                raise ValueError(f"Invalid axis {axis} (0 to {self.ndim - 1} allowed)")
            size = self.shape[:axis] + (size,) + self.shape[axis + 1:]
        shape = making.lengths_of("the new shape", size)
        if len(shape) != self.ndim or None in shape:
            raise TypeError(f"New shape length must equal {self.ndim}: {shape}")
        if any(m is not None and n > m for n, m in zip(shape, self.maxshape)):
            raise ValueError(f"resize: {shape} is beyond maxshape {self.maxshape}")
        return shape

    def flush(self):
        """flush(): as File.flush(). Collective over the file's comm."""
        self._state.flush()

    def fingerprint(self):
        """A number for all its elements as they are. Local."""
        return hashed(self[...].tobytes())


def _is_whole(args):
    """Whether an index is an empty tuple, or holds nothing else. (Arrays are not compared.)"""
    return not args or len(args) == 1 and isinstance(args[0], tuple) and not args[0]


def _broadcast(array, shape):
    """The array in this shape. Raises TypeError where it does not fit."""
    if array.shape == shape:
        return array
    if array.size == 0 and 0 in shape:
        return array.reshape(shape)
    more = array.ndim - len(shape)
    plain = array.reshape(array.shape[more:]) if more > 0 and set(array.shape[:more]) == {1} else array
    try:
        return np.broadcast_to(plain, shape)
    except ValueError:
        raise TypeError(f"Can't broadcast {array.shape} -> {shape}") from None
