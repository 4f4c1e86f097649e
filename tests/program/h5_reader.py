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


def check_files(path, place):
    whole, flushed = noted(path + ".whole"), noted(path + ".flushed")
    if whole:
        with h5.File(path) as f:
            check_rows(f, 0, whole=True)
            assert int(f.attrs["generation"]) >= whole[0]
    partial = path + ".partial"
    if flushed and os.path.exists(partial):
        with h5.File(partial) as f:
            if int(f.attrs.get("generation", 0)) == flushed[0]:
                check_rows(f, flushed[1])
            else:       # the last that was flushed is whole by now
                assert whole and whole[0] >= flushed[0] or not f.attrs.get("rows")
    flushed = noted(place + ".flushed")
    if flushed:
        with h5.File(place) as f:
            assert int(f.attrs["generation"]) >= flushed[0]
            here = f["here"][...]
            assert (here == here[0]).all() and here[0] >= flushed[0]


main()
