"""What the ranks of h5.py run: LIBRARY FOLDER MIB ROUNDS. Rank 0 prints way, case, seconds, in columns.

SPDX-License-Identifier: MIT
"""

import ctypes
import os
import sys
import time

import h5py
import numpy as np
from mpi4py import MPI

import mpi
from pympi import h5

COLUMNS = 4096


def timed(act):
    """Seconds between two barriers."""
    mpi.barrier()
    start = time.perf_counter()
    act()
    mpi.barrier()
    return time.perf_counter() - start


class Case:
    """A split of one array of doubles: this rank's part, and where it lies."""

    def __init__(self, axis, mib):
        rows = max(mpi.size, mib * 2**20 * mpi.size // 8 // COLUMNS)
        self.axis, self.shape = axis, (rows, COLUMNS)
        length = self.shape[axis]
        start, stop = mpi.rank * length // mpi.size, (mpi.rank + 1) * length // mpi.size
        self.index = (slice(start, stop), slice(None)) if axis == 0 else (slice(None), slice(start, stop))
        self.starts = (start, 0) if axis == 0 else (0, start)
        self.counts = (stop - start, COLUMNS) if axis == 0 else (rows, stop - start)
        self.data = np.full(self.counts, mpi.rank + 0.5)
        self.into = np.empty_like(self.data)


def by_pympi(case, path, write):
    with h5.File(path, "w" if write else "r") as f:
        if write:
            d = f.create_dataset("d", case.shape, "f8")
            return timed(lambda: d.write(case.data, split=case.axis))
        out = []
        spent = timed(lambda: out.append(f["d"].read(case.axis)))
        case.into[...] = out[0]
        return spent


def by_h5py(case, path, write):
    with h5py.File(path, "w" if write else "r", driver="mpio", comm=MPI.COMM_WORLD) as f:
        if write:
            d = f.create_dataset("d", case.shape, "f8")
            return timed(lambda: d.__setitem__(case.index, case.data))
        out = []
        spent = timed(lambda: out.append(f["d"][case.index]))
        case.into[...] = out[0]
        return spent


def by_c(library, case, path, write):
    call = library.bench_h5
    call.restype = ctypes.c_double
    three = [(ctypes.c_uint64 * 2)(*pair) for pair in (case.shape, case.starts, case.counts)]
    data = case.data if write else case.into
    return call(path.encode(), ctypes.c_void_p(mpi.world.handle), int(write), *three,
                data.ctypes.data_as(ctypes.c_void_p))


def by_posix(case, path, write):
    """Plain calls: one for a block of rows; one for each row of a block of columns."""
    if write and mpi.rank == 0:
        with open(path, "wb"):
            pass
    mpi.barrier()
    fd = os.open(path, os.O_RDWR)
    try:
        return timed(lambda: move(fd, case, write))
    finally:
        os.close(fd)


def move(fd, case, write):
    array = memoryview(case.data if write else case.into).cast("B")
    call = os.pwrite if write else lambda fd, part, at: os.preadv(fd, [part], at)
    if case.axis == 0:
        at, done = case.starts[0] * COLUMNS * 8, 0
        while done < len(array):
            done += call(fd, array[done:done + 2**30], at + done)
        return
    width = case.counts[1] * 8
    for row in range(case.shape[0]):
        call(fd, array[row * width:(row + 1) * width], (row * COLUMNS + case.starts[1]) * 8)


def main():
    library, folder, mib, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    c = ctypes.CDLL(library)
    ways = {"pympi.h5": by_pympi, "C HDF5": lambda *a: by_c(c, *a), "h5py, mpio": by_h5py, "POSIX": by_posix}
    for axis in 0, 1:
        case = Case(axis, mib)
        for turn in range(rounds + 1):
            for way in list(ways)[::1 if turn % 2 else -1]:
                path = f"{folder}/{axis}.h5"
                for write in True, False:
                    case.into.fill(0)
                    spent = ways[way](case, path, write)
                    if not write and not np.array_equal(case.into, case.data):
                        raise AssertionError(f"{way} does not read what it wrote")
                    if turn:    # the first one warms up
                        mpi.print(way, f"{'write' if write else 'read'}, {('rows', 'columns')[axis]}", spent, sep="\t")
                mpi.barrier()
                if mpi.rank == 0:
                    os.unlink(path)
                mpi.barrier()
    mpi.print("memory", "beside the data", max(c.most for c in h5_counts()) / 2**20, sep="\t")


def h5_counts():
    from pympi._h5 import report
    return report._kept


main()
