"""What the ranks of io.py run: FOLDER MIB ROUNDS. Rank 0 prints way, case, seconds, in columns.

What NumPy and SciPy do alone they do on rank 0, while the others wait. SPDX-License-Identifier: MIT
"""

import os
import sys
import time

import numpy as np

import mpi
from pympi import io

COLUMNS = 4096


def timed(act, *args):
    """Seconds between two barriers, and what it gives."""
    mpi.barrier()
    start = time.perf_counter()
    value = act(*args)
    mpi.barrier()
    return time.perf_counter() - start, value


def alone(act, *args):
    """On rank 0 only."""
    return act(*args) if mpi.rank == 0 else None


def sync(path):
    """What io.save does behind the last byte."""
    fd = os.open(path, os.O_RDWR)
    os.fsync(fd)
    os.close(fd)


class Arrays:
    """One array of doubles in a .npy file, split by rows or by columns."""

    def __init__(self, folder, mib):
        self.path = f"{folder}/a.npy"
        rows = max(mpi.size, mib * mpi.size * 2**20 // 8 // COLUMNS)
        self.shape = (rows // mpi.size * mpi.size, COLUMNS)
        self.whole = np.arange(np.prod(self.shape), dtype="f8").reshape(self.shape) if mpi.rank == 0 else None
        first = mpi.rank * np.prod(self.shape) // mpi.size
        self.rows = np.arange(first, first + np.prod(self.shape) // mpi.size, dtype="f8").reshape(-1, COLUMNS)
        mine = np.arange(COLUMNS // mpi.size) + mpi.rank * (COLUMNS // mpi.size)
        self.columns = np.arange(self.shape[0])[:, None] * float(COLUMNS) + mine

    def numpy_save(self):
        np.save(self.path, self.whole)
        sync(self.path)

    def posix_save(self):
        """The rows, by one call, behind a header's room."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        self._by_calls(lambda part, at: os.pwrite(fd, part, at), memoryview(self.rows).cast("B"))
        os.fsync(fd)
        os.close(fd)

    def posix_load(self):
        out = np.empty_like(self.rows)
        fd = os.open(self.path, os.O_RDONLY)
        self._by_calls(lambda part, at: os.preadv(fd, [part], at), memoryview(out).cast("B"))
        os.close(fd)
        return out

    def _by_calls(self, call, memory):
        at = 128 + mpi.rank * len(memory)
        for done in range(0, len(memory), 2**30):
            call(memory[done:done + 2**30], at + done)

    def cases(self, number):
        """(way, case, seconds): the ways in another order each time; what is loaded is loaded twice, for the
        first time tells of the memory that the system has to find."""
        for way, save in self._turned(number, ("POSIX", self.posix_save), ("NumPy, alone", lambda: alone(self.numpy_save)),
                                      ("pympi.io", lambda: io.save(self.path, self.rows))):
            yield way, "save, rows", timed(save)[0]
            self.remove()
        io.save(self.path, self.rows)
        for way, load in self._turned(number, ("POSIX", self.posix_load), ("NumPy, alone", lambda: alone(np.load, self.path)),
                                      ("pympi.io", lambda: io.load(self.path))):
            load()
            spent, got = timed(load)
            assert got is None or np.array_equal(got[:1], self.rows[:1])
            yield way, "load, rows", spent
            del got
        self.remove()
        yield "pympi.io", "save, columns", timed(io.save, self.path, self.columns, 1)[0]
        io.load(self.path, 1)
        spent, got = timed(io.load, self.path, 1)
        assert np.array_equal(got, self.columns)
        yield "pympi.io", "load, columns", spent
        self.remove()

    @staticmethod
    def _turned(number, *ways):
        at = number % len(ways)
        return ways[at:] + ways[:at]

    def remove(self):
        mpi.barrier()
        if mpi.rank == 0:
            os.unlink(self.path)
        mpi.barrier()


def tables(folder, rows):
    """A table of text."""
    path = f"{folder}/t.csv"
    if mpi.rank == 0:
        with open(path, "w") as file:
            file.write("a,b,c,d\n")
            file.writelines(f"{i},{i * 0.37:.6f},{i % 97},{i / 3:.12g}\n" for i in range(rows))
    spent, mine = timed(lambda: io.loadtxt(path, delimiter=",", skiprows=1))
    yield "pympi.io", "loadtxt", spent
    spent, whole = timed(alone, lambda: np.loadtxt(path, delimiter=",", skiprows=1))
    yield "NumPy, alone", "loadtxt", spent
    if mpi.rank == 0:
        assert np.array_equal(whole[:len(mine)], mine)
    spent, columns = timed(io.read_csv, path)
    assert np.array_equal(columns["b"], mine[:, 1])
    yield "pympi.io", "read_csv", spent
    yield "NumPy, alone", "read_csv", timed(alone, lambda: np.genfromtxt(
        path, delimiter=",", names=True, dtype=None, encoding="utf-8"))[0]


def classic(folder, mib):
    """A netCDF classic file with records, each of two variables."""
    try:
        from scipy.io import netcdf_file
    except ImportError:
        return
    path, steps = f"{folder}/c.nc", max(2, mib * mpi.size * 2**20 // 2 // (4 * 2**18))
    if mpi.rank == 0:
        with netcdf_file(path, "w", version=2) as file:
            for name, length in ("t", None), ("y", 512), ("x", 512):
                file.createDimension(name, length)
            fields = [file.createVariable(name, "f4", ("t", "y", "x")) for name in "uv"]
            for step in range(steps):
                for place, field in enumerate(fields):
                    field[step] = np.full((512, 512), 2 * step + place, "f4")
    mpi.barrier()
    with io.netcdf(path) as file:
        for axis, name in (0, "records"), (2, "columns"):
            spent, mine = timed(lambda axis=axis: file["v"].read(axis))
            assert mine.ravel()[0] == file["v"][0 if axis else mpi.rank * steps // mpi.size, 0, 0]
            yield "pympi.io", f"netCDF, {name}", spent

    def by_scipy():
        with netcdf_file(path, mmap=False) as file:
            return file.variables["v"][:].astype("=f4")
    yield "SciPy, alone", "netCDF, records", timed(alone, by_scipy)[0]


def main():
    folder, mib, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    arrays = Arrays(folder, mib)
    for number in range(rounds + 1):
        for cases in arrays.cases(number), tables(folder, 2000 * mib), classic(folder, mib):
            for way, case, spent in cases:
                if number:      # the first one warms up
                    mpi.print(way, case, spent, sep="\t")


main()
