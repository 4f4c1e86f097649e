"""What messages.py and check.py measure: statements, the C that each is held against, targets.

SPDX-License-Identifier: MIT

The statements are Python as a program has it; they see comm, value, peer, and target, which is memory
like value's. A message has two, the way out and the way back; a collective has one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class Case(NamedTuple):
    """One row of the tables."""

    name: str
    loop: str                  # C's loop: message or allreduce
    size: int                  # and its bytes
    most: float | None         # the target: pympi's time over C's
    value: Callable[[], Any]
    pympi: tuple[str, ...]
    mpi4py: tuple[str, ...]

    def upper(self):
        """Whether mpi4py's verb for it is one of those on buffers, in upper case."""
        return "comm.Send" in self.mpi4py[0] or "comm.Allreduce" in self.mpi4py[0]


MIB = 1 << 20
OBJECT = ("comm.send(value, peer)", "comm.recv(peer)")
INTO = ("comm.send(value, peer)", "comm.recv(peer, into=target)")
LOWER = ("comm.send(value, peer)", "comm.recv(source=peer)")
UPPER = ("comm.Send(value, peer)", "comm.Recv(target, peer)")
REDUCE = ("comm.allreduce(value)",)
REDUCE_INTO = ("comm.allreduce(value, into=target)",)
REDUCE_UPPER = ("comm.Allreduce(value, target)",)


def array(size):
    """A maker of an array of so many bytes."""
    def make():
        import numpy
        return numpy.ones(size // 8)
    return make


def dict_with_array():
    return {"step": 7, "field": array(8 * MIB)()}


CASES = (
    Case("send(7)", "message", 8, 2.0, lambda: 7, OBJECT, LOWER),
    Case('send("abc")', "message", 8, 2.0, lambda: "abc", OBJECT, LOWER),
    Case('send({"a": 1, "b": [1, 2, 3]})', "message", 8, 4.0, lambda: {"a": 1, "b": [1, 2, 3]},
         OBJECT, LOWER),
    Case("array 8 B, into=", "message", 8, 1.8, array(8), INTO, UPPER),
    Case("array 8 B, fresh", "message", 8, 3.0, array(8), OBJECT, LOWER),
    Case("array 1 MiB, into=", "message", MIB, 1.03, array(MIB), INTO, UPPER),
    Case("array 1 MiB, fresh", "message", MIB, None, array(MIB), OBJECT, LOWER),
    Case("array 8 MiB, into=", "message", 8 * MIB, 1.03, array(8 * MIB), INTO, UPPER),
    Case("array 8 MiB, fresh", "message", 8 * MIB, 1.5, array(8 * MIB), OBJECT, LOWER),
    Case("dict with 8 MiB array", "message", 8 * MIB, 1.6, dict_with_array, OBJECT, LOWER),
    Case("allreduce(1.0)", "allreduce", 8, 2.5, lambda: 1.0, REDUCE, REDUCE),
    Case("allreduce(array 8 B)", "allreduce", 8, 2.5, array(8), REDUCE, REDUCE),
    Case("allreduce(array 8 B, into=)", "allreduce", 8, 2.5, array(8), REDUCE_INTO, REDUCE_UPPER),
    Case("allreduce(array 8 MiB)", "allreduce", 8 * MIB, 1.05, array(8 * MIB), REDUCE, REDUCE),
    Case("allreduce(array 8 MiB, into=)", "allreduce", 8 * MIB, 1.05, array(8 * MIB), REDUCE_INTO,
         REDUCE_UPPER),
)

# What --check is measured on. The C beside is a measure of the machine: a message or a reduction.
CHECKED = (
    *(case for case in CASES if case.name in ("send(7)", "allreduce(1.0)")),
    Case("barrier()", "allreduce", 8, None, lambda: None, ("comm.barrier()",), ()),
    Case("bcast(7)", "allreduce", 8, None, lambda: 7, ("comm.bcast(value)",), ()),
    Case("allgather(7)", "allreduce", 8, None, lambda: 7, ("comm.allgather(value)",), ()),
)


def times_of(size):
    """How often a block has it: as pingpong.c, so that a block takes some milliseconds."""
    return 1000 if size < 1 << 16 else 20 if size < 1 << 22 else 4


def make_loop(statements, **names):
    """Return a function of a number: it runs the statements so often, as timeit does."""
    order = statements if names["comm"].rank == 0 else statements[::-1]
    lines = [f"def make({', '.join(names)}):",
             "    def loop(times):",
             "        for _ in repeat(None, times):",
             *(f"            {statement}" for statement in order),
             "    return loop"]
    scope = {}
    exec("from itertools import repeat\n" + "\n".join(lines), scope)
    return scope["make"](**names)
