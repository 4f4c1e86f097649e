"""What the ranks of latency.py run: mpi4py's own calls, timed; rank 0 prints the medians in seconds.

SPDX-License-Identifier: MIT
"""

import sys
import time
from statistics import median

from mpi4py import MPI

world = MPI.COMM_WORLD
peer = 1 - world.rank
out, back = bytearray(8), bytearray(8)


def send_buffer():
    world.Send(out, peer)


def receive_buffer():
    world.Recv(back, peer)


def send_object():
    world.send(7, peer)


def receive_object():
    world.recv(source=peer)


def turn(first, second):
    return (first, second) if world.rank == 0 else (second, first)


CALLS = {
    "Send, Recv": turn(send_buffer, receive_buffer),
    "send, recv": turn(send_object, receive_object),
    "Barrier": (world.Barrier,),
    "Allreduce": (lambda: world.Allreduce(out, back, MPI.BOR),),
    "allreduce": (lambda: world.allreduce(7),),
}


def measure(calls, times):
    world.Barrier()
    begin = time.perf_counter()
    for _ in range(times):
        for call in calls:
            call()
    return (time.perf_counter() - begin) / times / len(calls)


def main(blocks, times):
    for name, calls in CALLS.items():
        seconds = median(measure(calls, times) for _ in range(blocks))
        if world.rank == 0:
            print(name, seconds, sep="\t")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
