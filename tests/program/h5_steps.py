"""A short program that changes files in every way: FOLDER NOTES. h5_steps_seen.py looks at what is left of it."""
# SPDX-License-Identifier: MIT

import sys

import numpy as np

import mpi
from pympi import h5


def note(word, version):
    """What is known to be on the disk, as rank 0 has it."""
    if mpi.rank == 0:
        with open(sys.argv[2], "a") as f:
            f.write(f"{word} {version}\n")


def step(f, version):
    """One version of a file: all of it, or all of the one before, once it was flushed."""
    own = slice(20 * mpi.rank, 20 * mpi.rank + 20)
    f.attrs["version"] = version
    f.save(f"d{version}", np.full(5 + mpi.rank, version))
    if f"g{version - 1}" in f:
        del f[f"g{version - 1}"]
    f.create_group(f"g{version}/deep").attrs["text"] = "x" * (500 * version)
    f["over"][own] = version
    f["packed"][own] = version
    f.flush()


def begin(f):
    f.create_dataset("over", (20 * mpi.size,), "i8")
    f.create_dataset("packed", (20 * mpi.size,), "i8", chunks=(15,), compression=1, fletcher32=True)


def main():
    path = f"{sys.argv[1]}/x.h5"
    with h5.File(path, "w") as f:
        begin(f)
        for version in 1, 2:
            step(f, version)
            note("partial", version)
    note("whole", 2)
    with h5.File(path, "r+") as f:
        for version in 3, 4:
            step(f, version)
            note("whole", version)
    with h5.File(path, "w") as f:
        begin(f)
        f.attrs["from"] = 5
        step(f, 5)
        note("partial", 5)
        f["unflushed"] = np.arange(3000)
    note("whole", 5)
    for version in 1, 2:
        state = {"u": h5.Split(np.full(50 + mpi.rank, version)), "whole": np.arange(version), "version": version}
        h5.checkpoint(f"{sys.argv[1]}/c", state, keep=1)
        note("saved", version)


main()
