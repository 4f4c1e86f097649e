"""Looks at what h5_writer.py has left: everything that was flushed is there, and every name is whole."""
# SPDX-License-Identifier: MIT

import os
import sys
import warnings

import numpy as np

import mpi
from pympi import h5


def noted(name):
    """What the writer knew to be on the disk."""
    try:
        with open(name) as f:
            return [int(word) for word in f.read().split()]
    except FileNotFoundError:
        return None


def check_rows(f, least, whole=False):
    """The rows that are said to be there are."""
    rows, generation = int(f.attrs["rows"]), int(f.attrs["generation"])
    assert rows >= least and (not whole or rows == len(f["plain"])), (rows, least)
    width = f["plain"].shape[1] // 64
    want = np.tile(np.arange(64), width) + 1000 * np.arange(rows)[:, None] + generation
    for name in "plain", "packed":
        assert (f[name][:rows] == want).all(), name
    assert len(f["steps"]) >= rows
    for row in range(rows):
        assert f[f"steps/{row}"].attrs["text"] == "x" * (50 * row), row


def main():
    warnings.simplefilter("ignore")
    folder = sys.argv[1]
    path, place = f"{folder}/x.h5", f"{folder}/place.h5"
    if mpi.rank == 0:
        check_files(path, place)
    saved = noted(f"{folder}/c.saved")
    if saved:
        state = h5.restore(f"{folder}/c")
        assert state["generation"] >= saved[0], state
        total = mpi.allreduce(len(state["u"]))
        assert total >= 50 and (state["u"] == state["generation"]).all()
    mpi.print("everything is there")


def check_partial(path, generation, rows):
    """Whether what was flushed last is there; the next file, of which nothing was flushed, may not open."""
    try:
        with h5.File(path) as f:
            if int(f.attrs.get("generation", 0)) != generation:
                return False
            check_rows(f, rows)
            return True
    except OSError:
        return False


def check_files(path, place):
    whole, flushed = noted(path + ".whole"), noted(path + ".flushed")
    if whole:
        with h5.File(path) as f:
            check_rows(f, 0, whole=True)
            assert int(f.attrs["generation"]) >= whole[0]
    if flushed and not check_partial(path + ".partial", *flushed):      # then it has its name by now
        with h5.File(path) as f:
            assert int(f.attrs["generation"]) >= flushed[0]
    flushed = noted(place + ".flushed")
    if flushed:     # the first is that of a new file, which gets its name in the end
        with h5.File(place if os.path.exists(place) else place + ".partial") as f:
            assert int(f.attrs["generation"]) >= flushed[0]
            here = f["here"][...]
            assert (here == here[0]).all() and here[0] >= flushed[0]


main()
