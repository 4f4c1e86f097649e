"""Writes files and checkpoints, flushing, until one rank is killed: FOLDER RANK SECONDS."""
# SPDX-License-Identifier: MIT

import os
import subprocess
import sys
import warnings

import numpy as np

import mpi
from pympi import h5

ROWS = 40


def note(name, text):
    """What is known to be on the disk, as rank 0 has it."""
    if mpi.rank == 0:
        with open(name + ".new", "w") as f:
            f.write(text)
        os.rename(name + ".new", name)


def write(path, generation):
    """One file: rows one by one, flushed, some of them compressed."""
    with h5.File(path, "w") as f:
        f.attrs["generation"] = generation
        plain = f.create_dataset("plain", (ROWS, 64 * mpi.size), "i8")
        packed = f.create_dataset("packed", (ROWS, 64 * mpi.size), "i8", chunks=(1, 64), compression=1)
        own = slice(64 * mpi.rank, 64 * mpi.rank + 64)
        for row in range(ROWS):
            plain[row, own] = packed[row, own] = np.arange(64) + 1000 * row + generation
            f.attrs["rows"] = row + 1
            f.create_group(f"steps/{row}").attrs["text"] = "x" * (50 * row)
            f.flush()
            note(path + ".flushed", f"{generation} {row + 1}")
    note(path + ".whole", str(generation))


def change(path, generation):
    """One file in place: groups come and go."""
    with h5.File(path, "a") as f:
        if "here" in f:
            del f["here"]
        f["here"] = np.full(1000, generation)
        f.attrs["generation"] = generation
        f.flush()
        note(path + ".flushed", str(generation))


def main():
    warnings.simplefilter("ignore")
    folder = sys.argv[1]
    if mpi.rank == int(sys.argv[2]):    # by another process: it may be anywhere, also in C
        subprocess.Popen(["sh", "-c", f"sleep {sys.argv[3]}; kill -KILL {os.getpid()}"])
    generation = 0
    while True:
        generation += 1
        state = {"u": h5.Split(np.full(50 + mpi.rank, generation)), "generation": generation}
        h5.checkpoint(f"{folder}/c", state)
        note(f"{folder}/c.saved", str(generation))
        change(f"{folder}/place.h5", generation)
        write(f"{folder}/x.h5", generation)


main()
