"""Rank 1 fails while the others wait: failing.py FAILURE WAITING. For tests/together/run."""
# SPDX-License-Identifier: MIT

import atexit
import ctypes
import os
import signal
import sys
import threading
import time

import mpi
from mpi4py import MPI

LONG = 1000     # seconds: longer than any test
others = MPI.COMM_WORLD


def spin():
    while True:
        pass


def at_the_end():
    time.sleep(LONG)


def start_thread():
    threading.Thread(target=time.sleep, args=[LONG]).start()


def in_c():
    ctypes.PyDLL(None).sleep(LONG)      # PyDLL keeps the GIL


FAILURES = {
    "raise": lambda: 1 / 0,
    "thread": lambda: start_thread() or 1 / 0,
    "exit": lambda: sys.exit(3),
    "exit+thread": lambda: start_thread() or sys.exit(3),
    "os.abort": os.abort,
    "SIGSEGV": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
}
WAITS = {
    "recv": lambda: mpi.recv(source=1),
    "barrier": mpi.barrier,
    "allreduce": lambda: mpi.allreduce(1),
    "mpi4py recv": lambda: others.recv(source=1),
    "mpi4py Recv": lambda: others.Recv(bytearray(8), source=1),
    "mpi4py Barrier": others.Barrier,
    "spin": spin,
    "sleep": lambda: time.sleep(LONG),
    "C with the GIL": in_c,
    "atexit": lambda: atexit.register(at_the_end),
}


def main(failure, waiting):
    if mpi.rank != 1:
        WAITS[waiting]()
        return
    time.sleep(0.3)     # the others are where they are to be; being late would only be milder
    with open(os.environ["PYMPI_TOGETHER_TIME"], "w", encoding="ascii") as f:
        f.write(repr(time.time()))
    FAILURES[failure]()


if __name__ == "__main__":
    mpi.barrier()
    main(*sys.argv[1:])
