"""Looks at what h5_steps.py left when it was killed: FOLDER NOTES, and so on. The ranks are as many as one likes."""
# SPDX-License-Identifier: MIT

import glob
import os
import sys
import traceback
import warnings

import numpy as np

import mpi
from pympi import h5


def known(notes):
    """The last version of each kind that was known to be on the disk."""
    found = {"partial": 0, "whole": 0, "saved": 0}
    if os.path.exists(notes):
        with open(notes) as f:
            found.update((word, int(version)) for word, version in map(str.split, f))
    return found


def version_of(path):
    """The version that a file holds, all of it; overwritten elements alone may be of the next."""
    with h5.File(path) as f:
        version = int(f.attrs["version"])
        first = int(f.attrs.get("from", 1))
        want = {"over", "packed", f"g{version}", *(f"d{v}" for v in range(first, version + 1))}
        assert set(f) - {"unflushed"} == want, (sorted(f), sorted(want))
        for v in range(first, version + 1):
            assert (f[f"d{v}"][...] == v).all(), (v, f[f"d{v}"][...])
        assert f[f"g{version}/deep"].attrs["text"] == "x" * (500 * version)
        assert (f["packed"][...] == version).all(), f["packed"][...]
        assert np.isin(f["over"][...], (version, version + 1)).all(), f["over"][...]
    return version


def check_files(folder, least):
    path = f"{folder}/x.h5"
    version = 0
    if least["whole"] or os.path.exists(path):
        version = version_of(path)
        assert version >= max(2, least["whole"]), (version, least)
    if least["partial"] > version:
        assert version_of(path + ".partial") >= least["partial"]


def check_checkpoint(folder, least):
    path = f"{folder}/c"
    if not least["saved"] and not [n for n in glob.glob(f"{path}.*") if n.rpartition(".")[2].isdigit()]:
        return
    state = h5.restore(path)
    version = state["version"]
    assert version >= least["saved"], (version, least)
    assert (state["u"] == version).all() and len(state["whole"]) == version
    assert mpi.allreduce(len(state["u"])) == 101


def main():
    warnings.simplefilter("error")      # restore says what it finds damaged, and nothing is
    warnings.filterwarnings("ignore", message=".*not finished")
    for folder, notes in zip(sys.argv[1::2], sys.argv[2::2]):
        error = ""
        try:
            if mpi.rank == 0:
                check_files(folder, known(notes))
        except Exception:
            error = traceback.format_exc()
        try:
            check_checkpoint(folder, mpi.bcast(known(notes)))
        except Exception:
            error += traceback.format_exc()
        errors = [e for e in mpi.gather(error) or () if e]
        if errors:
            print(f"{folder}: {errors[0]}")
    mpi.print("all were looked at")


main()
