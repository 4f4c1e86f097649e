"""The ranks' part of messages.py: round trips by pympi's verbs, or by mpi4py's.

SPDX-License-Identifier: MIT

messages_rank.py pympi|mpi4py BLOCKS, on two ranks. Rank 0 prints way, case and seconds of every
block of round trips: half of the mean round trip of the block.
"""

import sys
import time

import numpy as np

CASES = {
    "int": 42,
    "str": "a string of fifty characters, more or less, as ids",
    "dict": {"step": 7, "time": 0.25, "name": "flow"},
    "array 8 B": np.zeros(1),
    "array 1 MiB": np.zeros(1 << 17),
    "array 8 MiB": np.zeros(1 << 20),
}


def objects(comm):
    """Return a round trip of any object by comm's send and recv."""
    send, recv, rank = comm.send, comm.recv, comm.rank

    def trip(value):
        if rank == 0:
            send(value, 1)
            return recv(source=1)
        value = recv(source=0)
        send(value, 0)
        return value
    return trip


def buffers(comm):
    """Return a round trip of an array into the same memory by comm's Send and Recv."""
    send, recv, rank = comm.Send, comm.Recv, comm.rank

    def trip(array):
        if rank == 0:
            send(array, 1)
            recv(array, 1)
        else:
            recv(array, 0)
            send(array, 0)
        return array
    return trip


def ways(library):
    """Return the communicator and (name, round trip) of each way of the library."""
    if library == "pympi":
        import mpi
        return mpi.world, [("pympi", objects(mpi.world))]
    from mpi4py import MPI
    comm = MPI.COMM_WORLD
    return comm, [("mpi4py send", objects(comm)), ("mpi4py Send", buffers(comm))]


def trips_of(value):
    """How many round trips a block has: as pingpong.c."""
    size = getattr(value, "nbytes", 8)
    return 2000 if size < 1 << 16 else 50 if size < 1 << 22 else 8


def measure(comm, name, case, trip, blocks):
    """Print the time of every block; the first one warms up."""
    value, trips = CASES[case], trips_of(CASES[case])
    for block in range(-1, blocks):
        comm.barrier()
        begin = time.perf_counter()
        for _ in range(trips):
            trip(value)
        taken = time.perf_counter() - begin
        if comm.rank == 0 and block >= 0:
            print(f"{name}\t{case}\t{taken / trips / 2:.9f}")


def main():
    comm, all_ways = ways(sys.argv[1])
    for case, value in CASES.items():
        for name, trip in all_ways:
            if name != "mpi4py Send" or isinstance(value, np.ndarray):
                measure(comm, name, case, trip, int(sys.argv[2]))


main()
