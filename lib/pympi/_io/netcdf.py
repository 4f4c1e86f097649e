"""netCDF files, read in parallel.

SPDX-License-Identifier: MIT
"""
import os
from operator import index

import numpy as np

from pympi import mpi
from pympi._agree import Attempt, meet
from pympi._io import netcdf_header, slabs
from pympi._io.arrays import read_layout
from pympi._io.files import Opened, read, read_into
from pympi._shares import Shares, axis_of

NEAR = 64 << 10     # records that lie this near to each other are read with what is between them


def netcdf(path, comm=mpi.world):
    """netcdf(path, comm=world)

    Returns a netCDF file that is open for reading: a NetCDF for the classic formats (CDF-1, -2 and -5), an
    h5.File for netCDF-4, which is HDF5. Collective over comm.

    Raises ValueError for a file that is none, OSError, and io.Disagreement, on every rank.
    """
    attempt, header, is_hdf5 = Attempt(), None, False
    with attempt:
        path = os.fspath(path)
        if comm.rank == 0:
            with open(path, "rb") as file:
                is_hdf5 = file.read(8) == b"\x89HDF\r\n\x1a\n"
                file.seek(0)
                header = None if is_hdf5 else netcdf_header.parse(file, os.fstat(file.fileno()).st_size)
    meet(comm, "netcdf", attempt, (("path", path),))
    is_hdf5, header = comm.bcast((is_hdf5, header))
    if is_hdf5:
        from pympi import h5
        return h5.File(path, comm=comm)
    return NetCDF(path, comm, header)


class NetCDF:
    """A netCDF classic file: its dimensions, its attributes, its variables by their names.

    Made by io.netcdf(). Local, but for Variable.read() and mine().
    """

    def __init__(self, path, comm, header):
        self.path, self.comm, self._header = path, comm, header
        self.version, self.attrs = header.version, header.attrs
        self.dimensions, self.unlimited = header.dimensions, header.unlimited
        self.variables = {name: Variable(self, about) for name, about in header.variables.items()}

    def __getitem__(self, name):
        return self.variables[name]

    def __iter__(self):
        return iter(self.variables)

    def __len__(self):
        return len(self.variables)

    def __contains__(self, name):
        return name in self.variables

    def keys(self):
        """The variables' names."""
        return self.variables.keys()

    def items(self):
        """The variables' names and the variables."""
        return self.variables.items()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Nothing is open between reads: with h5.File's name, for code that reads either."""

    def __repr__(self):
        return f"<NetCDF {self.path!r}: {', '.join(self.variables)}>"


class Variable:
    """A variable of a netCDF classic file: name, dimensions, shape, dtype, attrs.

    v[…] reads by itself, as NumPy slices; read() and mine() give each rank its share. Numbers are as they are in
    the file, in the machine's byte order: no scale, no offset and no missing values are applied.
    """

    def __init__(self, file, about):
        self._file, self._about = file, about
        self.name, self.dimensions, self.attrs = about.name, about.dimensions, about.attrs
        self.shape, self.ndim = about.shape, len(about.shape)
        self.dtype = about.dtype.newbyteorder("=")
        self.size = int(np.prod(about.shape, dtype=np.int64))

    def __len__(self):
        if not self.shape:
            raise TypeError(f"variable {self.name} has no dimensions, and so no length")
        return self.shape[0]

    def __repr__(self):
        return f"<Variable {self.name!r}: shape {self.shape}, type {self.dtype}>"

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[...], dtype)

    def __getitem__(self, key):
        """Local. Reads the rows of the first axis that the key reaches, and takes the rest from them."""
        key = key if isinstance(key, tuple) else (key,)
        with Opened(self._file.path) as fd:
            if not self.shape or not key or not isinstance(key[0], (int, np.integer, slice)):
                return _native(self._rows(fd, 0, self.shape[0] if self.shape else 1))[key]
            first, last, key0 = _reach(key[0], self.shape[0], self.name)
            return _native(self._rows(fd, first, last))[(key0, *key[1:])]

    def mine(self):
        """This rank's block of the first axis. Collective over the file's communicator."""
        return self.read()

    def read(self, split=0, *, halo=0, counts=None, cyclic=None, owners=None):
        """read(split=0, *, halo=0, counts=None, cyclic=None, owners=None)

        Returns this rank's share along the axis split; with split=None all of it. Collective over the
        file's communicator. Arguments and exceptions are those of io.load().
        """
        comm, call = self._file.comm, f"read of {self.name}"
        attempt, axis, shares = Attempt(), None, None
        with attempt:
            axis = None if split is None else axis_of(split, self.ndim)
            length = 1 if axis is None else self.shape[axis]
            shares = Shares(length, comm.size, counts, cyclic, owners, halo)
        meet(comm, call, attempt, (
            ("the file", self._file.path), ("split", split), *(shares.words() if shares else ())))
        if axis is None or (axis == 0 and self._about.is_record):
            mine = self._read_records(comm, call, axis, shares)
        else:
            mine = read_layout(comm, call, self._file.path, self._layout(axis), shares)
            mine = mine.reshape(*self.shape[:axis], mine.shape[1], *self.shape[axis + 1:])
        return _native(mine)

    def _layout(self, axis):
        about, record_size = self._about, self._file._header.record_size
        layout = slabs.Layout(self._file.path, self.shape, about.dtype, about.begin, axis)
        if about.is_record:
            layout.group(layout.outer // max(self.shape[0], 1), record_size)
        return layout

    def _read_records(self, comm, call, axis, shares):
        """This rank's records, or everything: nobody needs the others for it."""
        attempt, mine = Attempt(), None
        with attempt:
            with Opened(self._file.path) as fd:
                if axis is None:
                    mine = self._rows(fd, 0, self.shape[0] if self.shape else 1)
                elif shares.in_blocks:
                    mine = self._rows(fd, *shares.range(comm.rank))
                else:
                    wanted = shares.within(comm.rank, 0, len(self))[0]
                    mine = np.empty((len(wanted), *self.shape[1:]), self._about.dtype)
                    for place, one in enumerate(wanted):
                        mine[place] = self._rows(fd, one, one + 1)[0]
        meet(comm, call, attempt)
        return mine

    def _rows(self, fd, first, last):
        """Indices first..last-1 of the first axis, in the file's byte order."""
        about, name = self._about, self._file.path
        rows = np.empty((last - first, *self.shape[1:]) if self.shape else (), about.dtype)
        own = rows.nbytes // max(last - first, 1)
        step = self._file._header.record_size if about.is_record else own
        start = about.begin + first * step
        if step == own:
            read_into(fd, slabs.as_bytes(rows), start, name)
        elif step - own <= NEAR:
            few = max(1, slabs.BOX // step)
            for at in range(0, last - first, few):
                some = rows[at:at + few]
                memory = read(fd, (len(some) - 1) * step + own, start + at * step, name)
                some[...] = np.ndarray(some.shape, about.dtype, memory, 0, (step, *some.strides[1:]))
        else:
            for at in range(last - first):
                read_into(fd, slabs.as_bytes(rows[at:at + 1]), start + at * step, name)
        return rows


def _reach(key, length, name):
    """The rows first..last-1 that an index or a slice reaches, and the same key among those."""
    if isinstance(key, slice):
        chosen = range(*key.indices(length))
        if not chosen:
            return 0, 0, slice(0)
        first, last = min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1]) + 1
        behind = chosen[-1] - first + (1 if chosen.step > 0 else -1)
        return first, last, slice(chosen[0] - first, behind if behind >= 0 else None, chosen.step)
    place = index(key)
    if not -length <= place < length:
        raise IndexError(f"index {place} of variable {name}, whose first axis has length {length}")
    place %= length
    return place, place + 1, 0


def _native(array):
    """The array in the machine's byte order: the same memory."""
    if array.dtype.isnative:
        return array
    return array.byteswap(inplace=True).view(array.dtype.newbyteorder("="))
