"""What the ranks of h5.py run beside transfers: WAY FOLDER MIB ROUNDS; WAY is pympi or h5py.

Chunks of doubles that compress to a half, and many small things. Rank 0 prints case, seconds, in columns.
SPDX-License-Identifier: MIT
"""

import contextlib
import os
import sys
import time

import numpy as np

import mpi

SETS, TEXT = 300, "a text of some length"


def opened(way, path, mode):
    """The file, over all ranks."""
    if way == "pympi":
        from pympi import h5
        return h5.File(path, mode)
    import h5py
    if mpi.size == 1:
        return h5py.File(path, mode)
    from mpi4py import MPI
    return h5py.File(path, mode, driver="mpio", comm=MPI.COMM_WORLD)


def timed(act):
    """Seconds between two barriers."""
    mpi.barrier()
    start = time.perf_counter()
    act()
    mpi.barrier()
    return time.perf_counter() - start


def chunks(way, path, mib):
    """A block of rows a rank, in chunks of 256 KiB."""
    rows = mib * 2**20 // 8 // 1024
    total = rows // mpi.size * mpi.size
    own = slice(total // mpi.size * mpi.rank, total // mpi.size * (mpi.rank + 1))
    part = np.random.default_rng(mpi.rank).integers(0, 2**24, (total // mpi.size, 1024)).astype("f8")
    with opened(way, path, "w") as f:
        d = f.create_dataset("d", (total, 1024), "f8", chunks=(32, 1024), compression="gzip", compression_opts=1)

        def write():
            with d.collective if mpi.size > 1 else contextlib.nullcontext():
                d[own] = part
        yield "gzip, write", timed(write)
    with opened(way, path, "r") as f:
        out = []
        yield "gzip, read", timed(lambda: out.append(f["d"][own]))
        assert np.array_equal(out[0], part)


def small(way, path):
    """Datasets and attributes, made, looked at, and a file with many opened."""
    def make():
        for i in range(SETS):
            f.create_dataset(f"group/{i}", (10,), "f8")

    def mark():
        for i in range(SETS):
            attrs = f[f"group/{i}"].attrs
            attrs["number"], attrs["text"] = i, TEXT

    def fill():
        for i in range(SETS):
            f[f"group/{i}"][mpi.rank:mpi.rank + 1] = np.ones(1)

    def look():
        for name, d in f["group"].items():
            assert d.shape == (10,) and d.attrs["text"] == TEXT and d.attrs["number"] == int(name)

    def read():
        for i in range(SETS):
            assert f[f"group/{i}"][0] == 1
    with opened(way, path, "w") as f:
        yield f"{SETS} datasets made", timed(make)
        yield f"{2 * SETS} attributes made", timed(mark)
        yield f"{SETS} elements written", timed(fill)
        start = time.perf_counter()
    yield "closed", time.perf_counter() - start
    start = time.perf_counter()
    with opened(way, path, "r") as f:
        yield "opened", time.perf_counter() - start
        yield f"{SETS} datasets and attributes looked at", timed(look)
        yield f"{SETS} elements read", timed(read)


def main():
    way, folder, mib, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    path = f"{folder}/{way}.h5"
    for _ in range(rounds):
        for cases in chunks(way, path, mib), small(way, path):
            for case, spent in cases:
                mpi.print(case, spent, sep="\t")
            mpi.barrier()
            if mpi.rank == 0:
                os.unlink(path)
            mpi.barrier()


main()
