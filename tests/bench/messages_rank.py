"""The ranks' part of messages.py and check.py: blocks of C's loop and of Python's, in alternation.

SPDX-License-Identifier: MIT

messages_rank.py pympi|mpi4py LIBRARY BLOCKS CASES, on two ranks; LIBRARY is pingpong.c compiled, CASES a
tuple in cases.py. Both loops run in the same processes, on the same cores and the same MPI, so that what
disturbs one disturbs the other. Rank 0 prints way, case and seconds of every block: of one way of a
message, half of a round trip, or of one collective.
"""

import ctypes
import sys
import time

import cases


def load(path):
    """Return C's loops."""
    library = ctypes.CDLL(path)
    for name in ("bench_message", "bench_allreduce"):
        getattr(library, name).restype = ctypes.c_double
    return library


def communicators(library):
    """Return {way: communicator} of a library."""
    if library == "pympi":
        import mpi
        return {"pympi": mpi.world}
    from mpi4py import MPI
    from mpi4py.util import pkl5
    return {"mpi4py": MPI.COMM_WORLD, "pkl5": pkl5.Intracomm(MPI.COMM_WORLD)}


def able(comm, statements):
    """Whether comm has these verbs and keywords."""
    for statement in statements:
        verb = getattr(comm, statement.split("(")[0].removeprefix("comm."), None)
        if verb is None or "into=" in statement and "into" not in verb.__text_signature__:
            return False
    return True


def timed(loop):
    """Return a function of a number: the seconds of so many, as C's loops have it."""
    def run(times):
        begin = time.perf_counter()
        loop(times)
        return time.perf_counter() - begin
    return run


def python_sides(library, comms, case):
    """Return {way: seconds of so many} of what the library has for the case."""
    sides, value = {}, case.value()
    target = value.copy() if "target" in "".join(case.pympi) else None
    for way, comm in comms.items():
        statements = case.pympi if way == "pympi" else case.mpi4py
        wanted = way != "pkl5" or isinstance(value, dict) and case.size > 8
        if wanted and able(comm, statements):
            sides[way] = timed(cases.make_loop(statements, comm=comm, value=value, target=target,
                                               peer=1 - comm.rank))
    return sides


def alternate(sides, barrier, times, blocks):
    """Return {way: seconds of each block}, in both orders in turn; the first block warms up."""
    taken = {way: [] for way in sides}
    for block in range(-1, blocks):
        for way in sorted(sides, reverse=bool(block % 2)):
            barrier()
            seconds = sides[way](times)
            if block >= 0:
                taken[way].append(seconds)
    return taken


def measure(c, library, comms, case, blocks):
    """Print every block of a case."""
    times = cases.times_of(case.size)
    c_loop = getattr(c, f"bench_{case.loop}")
    sides = python_sides(library, comms, case)
    if not sides:
        return
    sides["C"] = lambda times: c_loop(case.size, times)
    parts = times * (2 if case.loop == "message" else 1)
    for way, taken in alternate(sides, c.bench_barrier, times, blocks).items():
        if next(iter(comms.values())).rank == 0:
            for seconds in taken:
                print(f"{way}\t{case.name}\t{seconds / parts:.9f}")


def main(library, path, blocks, names):
    c, comms = load(path), communicators(library)
    for case in getattr(cases, names):
        measure(c, library, comms, case, int(blocks))


main(*sys.argv[1:])
