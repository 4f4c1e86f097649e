"""The ranks' part of growth.py: every collective on objects, and on files, and what it makes each rank do.

SPDX-License-Identifier: MIT

growth_rank.py LIBRARY FOLDER, with LIBRARY, growth.c compiled, preloaded. Rank 0 prints, as JSON, the means
of a few calls, which come after others that may have set something up.
"""

import ctypes
import itertools
import json
import sys

import mpi
import numpy as np

WARM, CALLS = 20, 4
world = mpi.world


def either(a, b):
    """An operator that MPI does not know, on any object; it is associative."""
    return max(a, b, key=str)


class Counts(ctypes.Structure):
    """growth.c's."""

    RANKS_MOST = 1024
    _fields_ = [("sends", ctypes.c_ulonglong), ("natives", ctypes.c_ulonglong),
                ("inside", ctypes.c_ulonglong), ("messages", ctypes.c_ulonglong * RANKS_MOST),
                ("bytes", ctypes.c_ulonglong * RANKS_MOST)]


# Values and what reduces them.
KINDS = {"number": (7, mpi.SUM), "object": ({"a": 1, "b": [1, 2, {3}]}, either),
         "array": (np.ones(1 << 13), mpi.SUM)}
VERBS = {
    "barrier": lambda value, op: world.barrier(),
    "bcast": lambda value, op: world.bcast(value),
    "scatter": lambda value, op: world.scatter([value] * world.size),
    "gather": lambda value, op: world.gather(value),
    "allgather": lambda value, op: world.allgather(value),
    "alltoall": lambda value, op: world.alltoall([value] * world.size),
    "reduce": lambda value, op: world.reduce(value, op),
    "allreduce": lambda value, op: world.allreduce(value, op),
    "scan": lambda value, op: world.scan(value, op),
    "exscan": lambda value, op: world.exscan(value, op),
    "reduce_scatter": lambda value, op: world.reduce_scatter([value] * world.size, op),
}


def read(counts):
    """What this rank did so far."""
    return {"called": [counts.sends, counts.natives, counts.inside],
            "messages": counts.messages[:world.size], "bytes": counts.bytes[:world.size]}


def count(counts, call, *args):
    """What a call makes this rank do."""
    for _ in range(WARM):
        call(*args)
    world.barrier()
    before = read(counts)
    for _ in range(CALLS):
        call(*args)
    after = read(counts)
    world.barrier()
    return {key: [(b - a) / CALLS for a, b in zip(before[key], after[key])] for key in before}


def count_file(counts, path):
    """The same of the calls that change a file: 8 rows or columns of every rank's."""
    from pympi import h5
    names, rows, columns = itertools.count(), np.ones((8, 64)), np.ones((64, 8))
    with h5.File(path, "w") as f:
        whole = f.create_dataset("rows", (8 * world.size, 64))
        turned = f.create_dataset("columns", (64, 8 * world.size))
        packed = f.create_dataset("packed", whole.shape, chunks=(8, 64), compression=1)
        calls = {"h5.create rows": lambda: f.create_dataset(f"d{next(names)}", whole.shape),
                 "h5.write rows": lambda: whole.write(rows, split=0),
                 "h5.write columns": lambda: turned.write(columns, split=1),
                 "h5.write packed": lambda: packed.write(rows, split=0),
                 "h5.read rows": lambda: whole.read(split=0),
                 "h5.read columns": lambda: turned.read(split=1),
                 "h5.flush rows": f.flush}
        return {name: count(counts, call) for name, call in calls.items()}


def main():
    library, results = ctypes.CDLL(sys.argv[1]), {}
    library.growth_counts.restype = ctypes.POINTER(Counts)
    counts = library.growth_counts().contents
    for name, verb in VERBS.items():
        for kind, (value, op) in KINDS.items():
            if name != "barrier" or kind == "number":
                results[f"{name} {kind}"] = count(counts, verb, value, op)
    results |= count_file(counts, f"{sys.argv[2]}/growth.h5")
    everyone = world.gather(results)
    if world.rank == 0:
        print(json.dumps({key: [rank[key] for rank in everyone] for key in results}))


main()
