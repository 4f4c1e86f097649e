"""The ranks' part of messages.py and check.py: blocks of C's loop and of Python's, in alternation.

SPDX-License-Identifier: MIT

messages_rank.py pympi|mpi4py LIBRARY BLOCKS CASES, on two ranks; LIBRARY is pingpong.c compiled,
CASES a tuple in cases.py. Both loops run in the same processes, on the same cores, arrays and MPI, so
that what disturbs one disturbs the other. Rank 0 prints way, case and seconds of every block: of one
way of a message, half of a round trip, or of one collective.
"""

import ctypes
import sys
import time

import cases


def address(value, size):
    """Return where an array lies, or memory of so many bytes for any other value."""
    if hasattr(value, "__array_interface__"):
        return value.ctypes.data_as(ctypes.c_void_p)
    memory = ctypes.create_string_buffer(size)
    ctypes.memset(memory, 0, size)  # pages that were never written are all one
    return memory


def communicators(library):
    """Return {way: communicator} of a library."""
    if library == "pympi":
        import mpi
        return {"pympi": mpi.world}
    from mpi4py import MPI
    from mpi4py.util import pkl5
    return {"mpi4py": MPI.COMM_WORLD, "pkl5": pkl5.Intracomm(MPI.COMM_WORLD)}


def loops_of(c, library, comms, case):
    """Return {way: function of a number} for a case: the library's, and C's on the same memory."""
    loops, value = {}, case.value()
    target = getattr(value, "copy", lambda: None)()
    for way, comm in comms.items():
        statements = case.pympi if way == "pympi" else case.mpi4py
        if way != "pkl5" or isinstance(value, dict) and case.size > 8:
            loops[way] = cases.make_loop(statements, comm=comm, value=value, target=target,
                                         peer=1 - comm.rank)
    memory = address(value, case.size), address(target, case.size)
    loops["C"] = lambda times: getattr(c, f"bench_{case.loop}")(*memory, case.size, times)
    return loops


def timed(loop, times):
    """The seconds of so many, after a few that bring code and data into the caches."""
    loop(1 + times // 10)
    begin = time.perf_counter()
    loop(times)
    return time.perf_counter() - begin


def alternate(loops, barrier, times, blocks):
    """Return {way: seconds of each block}, in both orders in turn; the first block warms up."""
    taken = {way: [] for way in loops}
    for block in range(-1, blocks):
        for way in sorted(loops, reverse=bool(block % 2)):
            barrier()
            seconds = timed(loops[way], times)
            if block >= 0:
                taken[way].append(seconds)
    return taken


def measure(c, library, comms, case, blocks):
    """Print every block of a case."""
    times = cases.times_of(case.size)
    loops = loops_of(c, library, comms, case)
    parts = times * (2 if case.loop == "message" else 1)
    for way, taken in alternate(loops, c.bench_barrier, times, blocks).items():
        if next(iter(comms.values())).rank == 0:
            for seconds in taken:
                print(f"{way}\t{case.name}\t{seconds / parts:.9f}")


def main(library, path, blocks, names):
    c, comms = ctypes.CDLL(path), communicators(library)
    for case in getattr(cases, names):
        measure(c, library, comms, case, int(blocks))


main(*sys.argv[1:])
