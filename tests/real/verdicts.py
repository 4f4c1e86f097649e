"""A plugin of pytest's: rank 0 prints every test's verdicts, gathered from all ranks.

The others print nothing: mpirun would mix them into rank 0's lines.
"""
# SPDX-License-Identifier: MIT

import os

from mpi4py import MPI

import fail

found = []
rank = MPI.COMM_WORLD.rank
if rank > 0:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        found.append(f"verdict {report.nodeid.rpartition('/')[2]} {report.outcome}")


def pytest_sessionfinish():
    fail.here(rank)
    print()
    for number, lines in enumerate(MPI.COMM_WORLD.gather(sorted(found)) or ()):
        for line in lines:
            print(f"{line} on rank {number}")
