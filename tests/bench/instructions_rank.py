"""The ranks' part of instructions.py: messages that are sent, and that are received after they came.

SPDX-License-Identifier: MIT

instructions_rank.py pympi|mpi4py LIBRARY TIMES, on two ranks, of which rank 0 runs under callgrind;
LIBRARY is instructions.c compiled. Rank 0 sends, sleeps while rank 1 answers, and receives: so nothing
spins in what is counted. Each call is counted alone; `empty` is what the marks themselves execute.
"""

import ctypes
import sys
import time

import cases

NAMES = ("send(7)", "array 8 B, into=", "array 8 B, fresh")


def communicator(library):
    """Return the library's communicator of all ranks."""
    if library == "pympi":
        import mpi
        return mpi.world
    from mpi4py import MPI
    return MPI.COMM_WORLD


def marked(c, name, statement, **names):
    """Return a function that runs the statement between marks, the second of which has the name."""
    text = (f"def make(begin, end, name, {', '.join(names)}):\n"
            f"    def run():\n        begin()\n        {statement}\n        end(name)\n"
            f"    return run")
    scope = {}
    exec(text, scope)
    return scope["make"](c.count_begin, c.count_end, name.encode(), **names)


def pairs(c, library, comm):
    """Yield the two halves of each message: C's, and the library's for each case."""
    memory, peer = ctypes.create_string_buffer(8), 1 - comm.rank
    yield (lambda: c.count_c_send(memory, 8, peer, b"C/send"),
           lambda: c.count_c_recv(memory, 8, peer, b"C/recv"))
    for case in (case for case in cases.CASES if case.name in NAMES):
        statements = case.pympi if library == "pympi" else case.mpi4py
        value = case.value()
        names = {"comm": comm, "peer": peer, "value": value,
                 "target": getattr(value, "copy", lambda: None)()}
        yield (marked(c, f"{case.name}/send", statements[0], **names),
               marked(c, f"{case.name}/recv", statements[1], **names))


def exchange(rank, send, recv, times):
    """Rank 1 has answered long before rank 0 wakes up."""
    for _ in range(times):
        if rank == 0:
            send()
            time.sleep(.02)
            recv()
        else:
            recv()
            send()


def main(library, path, times):
    c, comm = ctypes.CDLL(path), communicator(library)
    c.count_start()
    empty = marked(c, "empty/", "pass", comm=comm)
    for _ in range(int(times)):
        empty()
    for send, recv in pairs(c, library, comm):
        exchange(comm.rank, send, recv, int(times))


main(*sys.argv[1:])
