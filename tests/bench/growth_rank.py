"""The ranks' part of growth.py: every collective on objects, and what it makes each rank do.

SPDX-License-Identifier: MIT

growth_rank.py LIBRARY, with LIBRARY, growth.c compiled, preloaded. Rank 0 prints, as JSON, the means
of a few calls, which come after others that may have set something up.
"""

import ctypes
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


def count(counts, verb, value, op):
    """What a call makes this rank do."""
    for _ in range(WARM):
        verb(value, op)
    world.barrier()
    before = read(counts)
    for _ in range(CALLS):
        verb(value, op)
    after = read(counts)
    world.barrier()
    return {key: [(b - a) / CALLS for a, b in zip(before[key], after[key])] for key in before}


def main():
    library, results = ctypes.CDLL(sys.argv[1]), {}
    library.growth_counts.restype = ctypes.POINTER(Counts)
    counts = library.growth_counts().contents
    for name, verb in VERBS.items():
        for kind, (value, op) in KINDS.items():
            if name != "barrier" or kind == "number":
                results[f"{name} {kind}"] = count(counts, verb, value, op)
    everyone = world.gather(results)
    if world.rank == 0:
        print(json.dumps({key: [rank[key] for rank in everyone] for key in results}))


main()
