"""What the ranks of h5.py run: LIBRARY FOLDER MIB ROUNDS. Rank 0 prints way, case, seconds, in columns.

SPDX-License-Identifier: MIT
"""

import ctypes
import os
import random
import sys
import time

import h5py
import numpy as np
from mpi4py import MPI

import mpi
from pympi import h5

COLUMNS = 4096
AGAIN = 3       # times in a row


class Split:
    """A split of one array of doubles: this rank's part, and where it lies."""

    def __init__(self, axis, mib):
        rows = max(mpi.size, mib * 2**20 * mpi.size // 8 // COLUMNS)
        self.name, self.axis, self.shape = ("rows", "columns")[axis], axis, (rows, COLUMNS)
        length = self.shape[axis]
        start, stop = mpi.rank * length // mpi.size, (mpi.rank + 1) * length // mpi.size
        self.index = (slice(start, stop), slice(None)) if axis == 0 else (slice(None), slice(start, stop))
        self.starts = (start, 0) if axis == 0 else (0, start)
        self.counts = (stop - start, COLUMNS) if axis == 0 else (rows, stop - start)
        self.data = np.full(self.counts, mpi.rank + 0.5)
        self.into = np.ones_like(self.data)


class Way:
    def free(self, array):
        """Gives back what read_new has made, where that does not go by itself."""


class Pympi(Way):
    """pympi.h5."""

    def open(self, split, path, writes):
        self.file = h5.File(path, "w" if writes else "r")
        self.data = self.file.create_dataset("d", split.shape, "f8") if writes else self.file["d"]

    def write(self, split):
        self.data.write(split.data, split=split.axis)

    def read(self, split):
        self.data.read(split.axis, into=split.into)

    def read_new(self, split):
        return self.data.read(split.axis)

    def close(self, to_disk):
        self.file.close()


class H5py(Way):
    """h5py over MPI-IO."""

    def open(self, split, path, writes):
        self.path = path
        self.file = h5py.File(path, "w" if writes else "r", driver="mpio", comm=MPI.COMM_WORLD)
        self.data = self.file.create_dataset("d", split.shape, "f8") if writes else self.file["d"]

    def write(self, split):
        self.data[split.index] = split.data

    def read(self, split):
        self.data.read_direct(split.into, split.index)

    def read_new(self, split):
        return self.data[split.index]

    def close(self, to_disk):
        self.file.close()
        sync(self.path, to_disk)


class C(Way):
    """HDF5 over MPI-IO, called by C."""

    def __init__(self, path, collective):
        self.library, self.collective = ctypes.CDLL(path), collective
        self.library.bench_open.restype = ctypes.c_void_p
        self.libc = ctypes.CDLL(None)
        self.libc.malloc.restype = ctypes.c_void_p

    def open(self, split, path, writes):
        self.path = path
        self.file = ctypes.c_void_p(self.library.bench_open(
            path.encode(), ctypes.c_void_p(mpi.world.handle), int(writes), longs(split.shape)))

    def _move(self, split, writes, memory):
        code = self.library.bench_move(self.file, writes, self.collective, longs(split.starts),
                                       longs(split.counts), ctypes.c_void_p(memory))
        if code < 0:
            raise OSError("C HDF5 fails")

    def write(self, split):
        self._move(split, 1, split.data.ctypes.data)

    def read(self, split):
        self._move(split, 0, split.into.ctypes.data)

    def read_new(self, split):
        memory = self.libc.malloc(ctypes.c_size_t(split.into.nbytes))
        self._move(split, 0, memory)
        return np.ctypeslib.as_array(ctypes.cast(memory, ctypes.POINTER(ctypes.c_double)), split.counts)

    def free(self, array):
        self.libc.free(ctypes.c_void_p(array.ctypes.data))

    def close(self, to_disk):
        self.library.bench_close(self.file)
        sync(self.path, to_disk)


class Posix(Way):
    """The system's calls: one for a block of rows, one for each row of a block of columns."""

    def open(self, split, path, writes):
        if writes and mpi.rank == 0:
            with open(path, "wb"):
                pass
        mpi.barrier()
        self.path, self.fd = path, os.open(path, os.O_RDWR)

    def _move(self, split, call, array):
        memory, at = memoryview(array).cast("B"), (split.starts[0] * COLUMNS + split.starts[1]) * 8
        width, step = split.counts[1] * 8, COLUMNS * 8
        if width == step:
            width = step = 2**30
        for done in range(0, len(memory), width):
            call(self.fd, memory[done:done + width], at + done // width * step)

    def write(self, split):
        self._move(split, os.pwrite, split.data)

    def read(self, split):
        self._move(split, lambda fd, part, at: os.preadv(fd, [part], at), split.into)

    def read_new(self, split):
        new = np.empty_like(split.into)
        self._move(split, lambda fd, part, at: os.preadv(fd, [part], at), new)
        return new

    def close(self, to_disk):
        os.close(self.fd)
        sync(self.path, to_disk)


def longs(numbers):
    return (ctypes.c_uint64 * len(numbers))(*numbers)


def sync(path, to_disk):
    """What pympi.h5 does when a file that it wrote is closed."""
    mpi.barrier()
    if to_disk and mpi.rank == 0:
        fd = os.open(path, os.O_RDWR)
        os.fsync(fd)
        os.close(fd)


def timed(act, *args):
    """Seconds between two barriers, and what it gives."""
    mpi.barrier()
    start = time.perf_counter()
    value = act(*args)
    mpi.barrier()
    return time.perf_counter() - start, value


def turn(way, split, path):
    """(case, seconds) of one file, written and read.

    Memory that was not used for a while a virtual machine has to ask its host for, which would be told of
    whoever writes next: so as much as the file takes is used before, and what is read into new memory first
    takes some and gives it back.
    """
    np.ones((2, *split.counts))
    opening, _ = timed(way.open, split, path, True)
    writing, _ = timed(way.write, split)
    yield "write", writing
    for _ in range(AGAIN):
        yield "write again", timed(way.write, split)[0]
    closing, _ = timed(way.close, True)
    yield "create, write, close, on disk", opening + writing + closing
    way.open(split, path, False)
    split.into.fill(0)
    for _ in range(AGAIN):
        yield "read", timed(way.read, split)[0]
    way.free(way.read_new(split))
    for _ in range(AGAIN):
        spent, array = timed(way.read_new, split)
        yield "read, new memory", spent
        if not (np.array_equal(split.into, split.data) and np.array_equal(array, split.data)):
            raise AssertionError(f"{way.__doc__} does not read what it wrote")
        way.free(array)
        del array
    way.close(False)


def main():
    library, folder, mib, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    ways = {"pympi.h5": Pympi(), "C, independent": C(library, 0), "C, collective": C(library, 1),
            "h5py, mpio": H5py(), "POSIX": Posix()}
    for axis in map(int, sys.argv[5:] or "01"):
        split = Split(axis, mib)
        for number in range(rounds + 1):
            for name in random.Random(number).sample([*ways], len(ways)):
                path = f"{folder}/{axis}.h5"
                for case, spent in turn(ways[name], split, path):
                    if number:    # the first one warms up
                        mpi.print(name, f"{split.name}: {case}", spent, sep="\t")
                mpi.barrier()
                if mpi.rank == 0:
                    os.unlink(path)
                mpi.barrier()
        memory(split, f"{folder}/{axis}.h5")


def memory(split, path):
    """The memory that pympi.h5 uses beside the data, as the kernel counts it; the most on any rank. And its calls."""
    way = Pympi()
    for writes in True, False:
        way.open(split, path, writes)
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")     # the peak is what there is
        before = peak()
        way.write(split) if writes else way.read(split)
        most = mpi.allreduce(peak() - before, mpi.MAX)
        case = f"{split.name}: {'write' if writes else 'read'}"
        mpi.print("memory", case, most, sep="\t")
        if writes:
            mpi.print("calls", case, way.file._state.store.counts[3], sep="\t")
        way.close(False)


def peak():
    """This process's highest memory so far, in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) << 10


main()
