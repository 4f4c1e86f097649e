"""What the ranks of reductions.py run; rank 0 prints what was measured, by tabs.

SPDX-License-Identifier: MIT

`speed`: statements in turn over the same arrays. `today WAY`: one sum of all ranks' elements, as users do it.
"""

import ctypes
import math
import resource
import sys
import time

import numpy as np

BLOCK = 100_000


def elements(rank, size, total):
    """The elements of this rank, of very different sizes: the same ones in all on any number of ranks."""
    first, last = total // BLOCK * rank // size, total // BLOCK * (rank + 1) // size
    x = np.empty((last - first, BLOCK))
    for number in range(first, last):
        rng = np.random.default_rng(number)
        x[number - first] = rng.standard_normal(BLOCK) * 10.0 ** rng.uniform(-8, 8, BLOCK)
    return x.reshape(-1)


def statements(library, count):
    """{name: (function, bytes read, elements, share that is done)}; arrays of `count` elements a rank."""
    import mpi
    from pympi import reductions
    rng = np.random.default_rng(mpi.rank)
    x, y = rng.standard_normal(count), rng.standard_normal(count)
    wide = np.ldexp(x, rng.integers(-300, 300, count))
    single = x.astype("f")
    pairs = x[:count // 2] + 1j * y[:count // 2]
    few = x[:count // 10].tolist()
    read = ctypes.CDLL(library).stream_read
    read.argtypes = ctypes.c_void_p, ctypes.c_size_t
    return {
        "read": (lambda: read(x.ctypes.data, count), 8, 1),
        "sum": (lambda: reductions.sum(x), 8, 1),
        "numpy.sum, allreduce": (lambda: mpi.allreduce(float(np.sum(x))), 8, 1),
        "math.fsum": (lambda: math.fsum(few), 8, 10),
        "sum, sizes 1e-90 to 1e90": (lambda: reductions.sum(wide), 8, 1),
        "sum of float32": (lambda: reductions.sum(single), 4, 1),
        "numpy.sum of float32": (lambda: mpi.allreduce(float(np.sum(single))), 4, 1),
        "sum of complex": (lambda: reductions.sum(pairs), 8, 1),
        "numpy.sum of complex": (lambda: mpi.allreduce(complex(np.sum(pairs))), 8, 1),
        "mean": (lambda: reductions.mean(x), 8, 1),
        "norm": (lambda: reductions.norm(x), 8, 1),
        "dot": (lambda: reductions.dot(x, y), 16, 1),
        "numpy.dot, allreduce": (lambda: mpi.allreduce(float(np.dot(x, y))), 16, 1),
        "minmax": (lambda: reductions.minmax(x), 8, 1),
        "numpy.min, numpy.max": (lambda: (np.min(x), np.max(x)), 8, 1),
        "var": (lambda: reductions.var(x), 8, 1),
        "numpy.var": (lambda: np.var(x), 8, 1),
        "skew": (lambda: reductions.skew(x), 8, 1),
        "histogram": (lambda: reductions.histogram(x, 100), 8, 1),
        "numpy.histogram": (lambda: np.histogram(x, 100), 8, 1),
        "median": (lambda: reductions.median(x), 8, 1),
        "numpy.median": (lambda: np.median(x), 8, 1),
        "cumsum": (lambda: reductions.cumsum(x[:count // 100]), 8, 100),
    }


def speed(library, count, rounds):
    """Print each statement's times: the slowest rank's, a round in turn."""
    import mpi
    for repetition in range(rounds + 1):
        if repetition == 0:
            table = statements(library, count)
        for name, (function, size, scale) in table.items():
            mpi.barrier()
            begin = time.perf_counter()
            function()
            spent = mpi.allreduce(time.perf_counter() - begin, mpi.MAX) * scale
            if repetition and mpi.rank == 0:
                print(name, size, spent, sep="\t")


def exactly(total):
    import mpi
    from pympi import reductions
    x = elements(mpi.rank, mpi.size, total)
    return mpi.rank, mpi.barrier, lambda: reductions.sum(x)


def by_gather(total):
    """What users do: all to rank 0, and NumPy there."""
    from mpi4py import MPI
    world = MPI.COMM_WORLD
    x = elements(world.rank, world.size, total)

    def run():
        parts = world.gather(x)
        return float(np.sum(np.concatenate(parts))) if world.rank == 0 else 0.0
    return world.rank, world.Barrier, run


def by_partial_sums(total):
    """What users do when that does not fit: the sums of the ranks, added up by MPI."""
    from mpi4py import MPI
    world = MPI.COMM_WORLD
    x = elements(world.rank, world.size, total)

    def run():
        own, whole = np.array([np.sum(x)]), np.zeros(1)
        world.Allreduce(own, whole)
        return float(whole[0])
    return world.rank, world.Barrier, run


WAYS = {"exact": exactly, "gather": by_gather, "partial": by_partial_sums}


def today(way, total):
    """Print the best of five times, the peak memory of rank 0 beyond its elements, and the sum."""
    rank, barrier, run = WAYS[way](total)
    before, times = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []
    for _ in range(5):
        barrier()
        begin = time.perf_counter()
        value = run()
        times.append(time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if rank == 0:
        print(min(times), peak / 1024, float(value).hex(), sep="\t")


if __name__ == "__main__":
    if sys.argv[1] == "speed":
        speed(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        today(sys.argv[2], int(sys.argv[3]))
