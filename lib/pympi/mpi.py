"""Communicators, messages and collectives: one set of verbs for any object.

``world`` is all ranks of the job; its verbs are also functions of this module: ``mpi.bcast(x)`` is
``mpi.world.bcast(x)``. In scripts ``import mpi`` gives this same module, unless the script has an
``mpi.py`` of its own. SPDX-License-Identifier: MIT
"""
import builtins as _builtins

from _pympi_mpi import (
    ANY_SOURCE, ANY_TAG, BAND, BOR, BXOR, LAND, LOR, LXOR, MAX, MIN, PROC_NULL, PROD, SUM, Comm, Error,
    Operator, abort, allgather, allreduce, app, barrier, bcast, dup, gather, host, rank, recv, reduce,
    scatter, send, size, split, world)

__all__ = [
    "ANY_SOURCE", "ANY_TAG", "BAND", "BOR", "BXOR", "LAND", "LOR", "LXOR", "MAX", "MIN", "PROC_NULL",
    "PROD", "SUM", "Comm", "Error", "Operator", "abort", "allgather", "allreduce", "app", "barrier",
    "bcast", "dup", "gather", "host", "print", "rank", "recv", "reduce", "scatter", "send", "size",
    "split", "world"]


def print(*values, sep=" ", end="\n", file=None, flush=False, ordered=False):
    """Prints once for all ranks; with ordered=True, what every rank has to say, in rank order.

    Local, and without effect but on rank 0; with ordered=True collective over world: rank 0 collects
    the texts, one message a rank, and prints them. sep, end, file and flush are those of the built-in
    print; file counts on rank 0.
    """
    if not ordered:
        if rank == 0:
            _builtins.print(*values, sep=sep, end=end, file=file, flush=flush)
        return
    sep = " " if sep is None else sep
    end = "\n" if end is None else end
    try:
        text = sep.join(map(str, values)) + end
    except BaseException:
        gather("")  # the others need not wait for what this rank cannot say
        raise
    texts = gather(text)
    if rank == 0:
        _builtins.print("".join(texts), end="", file=file, flush=flush)
