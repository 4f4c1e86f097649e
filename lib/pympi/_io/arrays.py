"""Arrays in files: NumPy's .npy, and raw bytes.

SPDX-License-Identifier: MIT
"""
import ast
import math
import os
import struct
from operator import index

import numpy as np

from pympi import mpi
from pympi._agree import Attempt, meet
from pympi._io import slabs
from pympi._io.files import Opened, Replaced, read_into
from pympi._shares import Shares, axis_of


def load(path, split=0, comm=mpi.world, *, halo=0, counts=None, cyclic=None, owners=None):
    """load(path, split=0, comm=world, *, halo=0, counts=None, cyclic=None, owners=None)

    Returns this rank's share of the array in a .npy file, along the axis split; with split=None all of it.
    Collective over comm. Each byte of the file is read once, by one rank (with a halo or split=None, by
    those that get it).

    The share is the block that numpy.array_split gives this rank. halo: so many indices more on both
    sides, or (before, behind), as far as there are any. counts: blocks of these lengths, one a rank;
    cyclic: blocks of so many indices in turn; owners: for each index the rank that gets it. Beyond its
    share a rank needs 24 MiB at most.

    Raises what numpy.load raises, on every rank; ValueError for arrays of objects, which are pickles; and
    io.Disagreement where ranks give different arguments.
    """
    return _read("load", path, _npy_header, split, comm, halo, counts, cyclic, owners)


def fromfile(path, dtype=float, shape=-1, offset=0, split=0, comm=mpi.world, *, order="C", halo=0,
             counts=None, cyclic=None, owners=None):
    """fromfile(path, dtype=float, shape=-1, offset=0, split=0, comm=world, *, order="C", halo=0, …)

    Returns this rank's share of the raw elements in a file, from the byte offset on. Collective over comm.

    shape: that of the whole array, of which one length may be -1: as long as the file reaches. order="F":
    the first index runs fastest in the file. The other arguments are those of load().

    Raises ValueError where the file does not hold such an array, and what load() raises.
    """
    def header(fd):
        return _raw_header(fd, dtype, shape, offset, order)

    def values():
        return (("dtype", str(np.dtype(dtype))), ("shape", _listed(shape)), ("offset", index(offset)),
                ("order", order))
    return _read("fromfile", path, header, split, comm, halo, counts, cyclic, owners, values)


def save(path, local, split=0, comm=mpi.world, *, cyclic=None, owners=None):
    """save(path, local, split=0, comm=world, *, cyclic=None, owners=None)

    Writes all ranks' arrays into one .npy file, in rank order along the axis split; with split=None the
    array, which is the same on all ranks, once. Collective over comm.

    The arrays may differ in length along split, and be empty. cyclic, owners: how the array was dealt
    out, as in load(). The file is written beside the path and takes its name when all of it is on the disk:
    the name always leads to a whole array, the old or the new.

    Raises io.Disagreement where types or other lengths differ, TypeError for arrays of objects, and
    OSError, on every rank.
    """
    _write("save", path, local, split, comm, cyclic, owners, _npy_head)


def tofile(path, local, split=0, comm=mpi.world, *, cyclic=None, owners=None):
    """tofile(path, local, split=0, comm=world, *, cyclic=None, owners=None)

    Writes all ranks' arrays into one file of raw elements, row-major, in rank order along the axis split.
    Collective over comm. Arguments, exceptions and how the file takes its name are those of save().
    """
    _write("tofile", path, local, split, comm, cyclic, owners, lambda shape, dtype: b"")


def _npy_header(fd):
    """Shape, dtype, order and the first byte of the elements. Rank 0's."""
    with os.fdopen(os.dup(fd), "rb") as file:
        major, minor = np.lib.format.read_magic(file)
        read_header = (np.lib.format.read_array_header_1_0 if major == 1
                       else np.lib.format.read_array_header_2_0 if (major, minor) == (2, 0)
                       else _read_header_3)
        shape, fortran, dtype = read_header(file)
        start = file.tell()
    if dtype.hasobject:
        raise ValueError(f"an array of type {dtype} is a pickle: numpy.load(…, allow_pickle=True) reads it")
    need, there = start + math.prod(shape) * dtype.itemsize, os.fstat(fd).st_size
    if there < need:
        raise EOFError(f"the file has {there} bytes, and its header tells of {need}")
    return shape, dtype, "F" if fortran else "C", start


def _read_header_3(file):
    """Version 3 is 2 in UTF-8."""
    size, = struct.unpack("<I", file.read(4))
    about = ast.literal_eval(file.read(size).decode())
    return about["shape"], about["fortran_order"], np.lib.format.descr_to_dtype(about["descr"])


def _npy_head(shape, dtype):
    """A header of the first version that can hold it; the elements behind it begin at a multiple of 64."""
    descr = np.lib.format.dtype_to_descr(dtype)
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    narrow, latin = len(text) < 65000, text.isascii()
    version, width = (1, 2) if narrow and latin else (2, 4) if latin else (3, 4)
    data = text.encode()
    padding = -(6 + 2 + width + len(data) + 1) % 64
    size = len(data) + padding + 1
    return (b"\x93NUMPY" + bytes((version, 0)) + size.to_bytes(width, "little") + data + b" " * padding
            + b"\n")


def _raw_header(fd, dtype, shape, offset, order):
    """The same of a file without one."""
    dtype, shape, offset = np.dtype(dtype), list(_listed(shape)), index(offset)
    if dtype.hasobject or not dtype.itemsize:
        raise TypeError(f"elements of type {dtype} have no bytes in a file")
    if order not in ("C", "F"):
        raise ValueError(f"order is {order!r}, and neither 'C' nor 'F'")
    there = os.fstat(fd).st_size - offset
    if offset < 0 or there < 0:
        raise ValueError(f"offset {offset} is not within the file's {there + offset} bytes")
    if -1 in shape:
        rest = -math.prod(shape) * dtype.itemsize
        if shape.count(-1) > 1 or rest <= 0 or there % rest:
            raise ValueError(f"{there} bytes are no array of shape {tuple(shape)} and type {dtype}")
        shape[shape.index(-1)] = there // rest
    need = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or need > there:
        raise ValueError(f"an array of shape {tuple(shape)} and type {dtype} takes {need} bytes, and from "
                         f"{offset} on the file has {there}")
    return tuple(shape), dtype, order, offset


def _listed(shape):
    return tuple(map(index, shape)) if isinstance(shape, (tuple, list)) else (index(shape),)


def _read(call, path, header, split, comm, halo, counts, cyclic, owners, more=tuple):
    attempt, about, shares, values = Attempt(), None, None, ()
    with attempt:
        path = os.fspath(path)
        values = (("path", path), ("split", split), *more())
        if comm.rank == 0:
            with Opened(path) as fd:
                about = _without_dtype(header(fd))
    meet(comm, call, attempt, values)
    shape, descr, order, start = comm.bcast(about)
    dtype = np.lib.format.descr_to_dtype(descr)
    with attempt:
        axis = None if split is None else axis_of(split, len(shape))
        length = 1 if split is None else shape[axis]
        shares = Shares(length, comm.size, counts, cyclic, owners, halo)
    meet(comm, call, attempt, shares.words() if shares else ())
    return _read_share(comm, call, path, shape, dtype, order, start, axis, shares)


def _without_dtype(about):
    """What is known of an array, its type as .npy has it: pickled ones of dates come back changed."""
    shape, dtype, *rest = about
    return shape, np.lib.format.dtype_to_descr(dtype), *rest


def _read_share(comm, call, path, shape, dtype, order, start, axis, shares):
    """This rank's share of an array in a file of which all is known; with axis None all of it."""
    if order == "F":
        shape, axis = shape[::-1], None if axis is None else len(shape) - 1 - axis
    if axis is None:
        mine = _read_whole(comm, call, path, shape, dtype, start)
    else:
        mine = read_layout(comm, call, path, slabs.Layout(path, shape, dtype, start, axis), shares)
        mine = mine.reshape(*shape[:axis], mine.shape[1], *shape[axis + 1:])
    return mine.T if order == "F" else mine


def read_layout(comm, call, path, layout, shares):
    """Open a file and read this rank's share: an array (outer, its indices, inner). Collective over comm."""
    attempt, fd = Attempt(), None
    with attempt:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        meet(comm, call, attempt)
        return slabs.read(comm, call, fd, layout, shares)
    finally:
        if fd is not None:
            os.close(fd)


def _read_whole(comm, call, path, shape, dtype, start):
    attempt, whole = Attempt(), None
    with attempt:
        whole = np.empty(shape, dtype)
        with Opened(path) as fd:
            read_into(fd, slabs.as_bytes(whole), start, path)
    meet(comm, call, attempt)
    return whole


def _write(call, path, local, split, comm, cyclic, owners, head):
    attempt, axis, rest, kind = Attempt(), None, None, None
    with attempt:
        path = os.fspath(path)
        local = np.asarray(local)
        if local.dtype.hasobject or not local.dtype.itemsize:
            raise TypeError(f"an array of type {local.dtype} has no bytes for a file")
        axis = None if split is None else axis_of(split, local.ndim)
        rest = local.shape if split is None else local.shape[:axis] + local.shape[axis + 1:]
        kind = repr(np.lib.format.dtype_to_descr(local.dtype))
    meet(comm, call, attempt, (("path", path), ("split", split), ("type", kind),
                               ("shape" if split is None else f"shape beside axis {split}", rest)))
    if axis is None:
        layout, shares, mine, shape = _whole_to_write(comm, path, local)
    else:
        layout, shares, mine, shape = _share_to_write(comm, call, path, local, axis, cyclic, owners)
    _write_parts(comm, call, layout, shares, mine, head(shape, local.dtype))


def _whole_to_write(comm, path, local):
    """An array that all ranks have: each writes a part."""
    shares = Shares(local.size, comm.size)
    layout = slabs.Layout(path, (local.size,), local.dtype, 0, 0)
    mine = local.reshape(1, -1, 1)[:, slice(*shares.range(comm.rank))]
    return layout, shares, mine, local.shape


def _share_to_write(comm, call, path, local, axis, cyclic, owners):
    attempt, shares = Attempt(), None
    lengths = comm.allgather(local.shape[axis])
    with attempt:
        counts = lengths if cyclic is None and owners is None else None
        shares = Shares(sum(lengths), comm.size, counts, cyclic, owners)
        if shares.count(comm.rank) != local.shape[axis]:
            raise ValueError(f"the array's length {local.shape[axis]} along axis {axis} is not the "
                             f"{shares.count(comm.rank)} that this rank has of {sum(lengths)}")
    meet(comm, call, attempt, shares.words() if shares else ())
    shape = local.shape[:axis] + (sum(lengths),) + local.shape[axis + 1:]
    layout = slabs.Layout(path, shape, local.dtype, 0, axis)
    return layout, shares, local.reshape(layout.outer, local.shape[axis], layout.inner), shape


def _write_parts(comm, call, layout, shares, mine, head):
    layout.offset = len(head)
    size = len(head) + layout.outer * layout.length * layout.step
    file, attempt = Replaced(comm, call, layout.name, size, head), Attempt()
    try:
        slabs.write(comm, file.fd, layout, shares, mine, attempt)
        file.finish(attempt)
    except BaseException:
        file.abandon()
        raise
