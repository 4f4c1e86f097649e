"""Lets one rank fail in the midst of a program: `fail.here()` in ours, `fail.py FUNCTION -m …` for others.

    PYMPI_REAL_FAIL=1 PROGRAM fail.py FUNCTION MODULE ARGUMENT…

runs a module as -m does; rank 1 raises when it has called FUNCTION for the first time.
"""
# SPDX-License-Identifier: MIT

import os
import runpy
import sys


class Midway(Exception):
    """What the failing rank raises."""


def here(rank):
    """Raise on rank 1 if that is asked for."""
    if rank == 1 and "PYMPI_REAL_FAIL" in os.environ:
        raise Midway(f"rank {rank} fails in the midst")


def _at(function):
    """Raise on rank 1 when a Python function of this name is called."""
    def look(frame, event, _):
        if event == "call" and frame.f_code.co_name == function:
            sys.setprofile(None)
            from mpi4py import MPI
            here(MPI.COMM_WORLD.rank)
    sys.setprofile(look)


if __name__ == "__main__":
    function, module = sys.argv[1:3]
    sys.argv = sys.argv[2:]
    # The class that is raised is the one of this name, not that of __main__.
    sys.modules["fail"] = sys.modules["__main__"]
    _at(function)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
