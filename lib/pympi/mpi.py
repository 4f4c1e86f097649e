"""Communicators, messages and collectives: one set of verbs for any object.

``world`` is all ranks of the job; its verbs are also functions of this module: ``mpi.bcast(x)`` is
``mpi.world.bcast(x)``. ``world.node`` is the ranks that share this one's memory, ``app`` those of this
program, ``parent`` the job that started this one by ``spawn``, or None; ``version``, ``library``,
``thread_level`` and ``host`` tell of MPI and of where this rank is. In scripts ``import mpi`` gives this same module, unless the script has an
``mpi.py`` of its own. SPDX-License-Identifier: MIT
"""
import builtins as _builtins

from _pympi_mpi import (
    ANY_SOURCE, ANY_TAG, BAND, BOR, BXOR, LAND, LOR, LXOR, MAX, MAXLOC, MIN, MINLOC, PROC_NULL, PROD,
    SUM, UNDEFINED, Cart, CollectiveMismatch, Comm, DeadlockError, Error, Inter, Message, Operator,
    PeerError, Request, Status, abort, allgather, allreduce, alltoall, app, barrier, bcast, cart, dup, exscan,
    from_handle, from_mpi4py, gather, host, iallgather, iallreduce, ialltoall, ibarrier, ibcast,
    iexscan, igather, improbe, iprobe, irecv, ireduce, ireduce_scatter, iscan, iscatter, isend, library,
    mprobe, parent, probe, rank, recv, reduce, reduce_scatter, scan, scatter, send, sendrecv, size,
    spawn, split, ssend, test_all, test_any, test_some, thread_level, version, wait_all, wait_any,
    wait_some, world, wtime)

__all__ = [
    "ANY_SOURCE", "ANY_TAG", "BAND", "BOR", "BXOR", "LAND", "LOR", "LXOR", "MAX", "MAXLOC", "MIN",
    "MINLOC", "PROC_NULL", "PROD", "SUM", "UNDEFINED", "Cart", "CollectiveMismatch", "Comm",
    "DeadlockError", "Error", "Inter", "Message", "Operator", "PeerError", "Request", "Status", "abort",
    "allgather", "allreduce", "alltoall", "app", "barrier", "bcast", "cart", "dup", "exscan", "from_handle",
    "from_mpi4py", "gather", "host", "iallgather", "iallreduce", "ialltoall", "ibarrier", "ibcast",
    "iexscan", "igather", "improbe", "iprobe", "irecv", "ireduce", "ireduce_scatter", "iscan",
    "iscatter", "isend", "library", "mprobe", "parent", "print", "probe", "rank", "recv", "reduce",
    "reduce_scatter", "scan", "scatter", "send", "sendrecv", "size", "spawn", "split", "ssend",
    "test_all", "test_any", "test_some", "thread_level", "version", "wait_all", "wait_any", "wait_some",
    "world", "wtime"]


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


async def _finish(request):
    """What `await request` runs: looks again and again, at first at once, then each millisecond."""
    import asyncio
    pause = 0.0
    while True:
        done, value = request.test()
        if done:
            return value
        await asyncio.sleep(pause)
        pause = min(0.001, pause + 0.00002)
