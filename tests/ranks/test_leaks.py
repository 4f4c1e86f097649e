"""No verb keeps memory: the blocks that Python holds do not grow with the number of calls."""
# SPDX-License-Identifier: MIT
# timeout: 180

import gc
import operator
import sys
import warnings

import mpi
import support

ROUNDS, CALLS, SLACK = 12, 60, 15       # a leak of one block a call is four times the slack


class Leaks(support.Comms):
    def steady(self, call, warns=False):
        """The call, made often by all ranks, leaves as many blocks as it found.

        Python and NumPy fill caches of their own at first, and a letter may still be on its way when
        blocks are counted: a leak is what grows in every round. All ranks make the same calls and fail
        as one.
        """
        least = [sys.maxsize] * self.comm.size
        for _ in range(ROUNDS):
            before = sys.getallocatedblocks()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore" if warns else "default")
                for _ in range(CALLS):
                    call()
            gc.collect()
            grown = self.comm.allgather(sys.getallocatedblocks() - before)
            least = list(map(min, least, grown))
            if max(least) < SLACK:
                return
        self.fail(f"blocks more a rank after {CALLS} calls, and again: at least {least}")

    def around(self, value):
        left = (self.comm.rank - 1) % self.comm.size
        right = (self.comm.rank + 1) % self.comm.size
        if self.comm.size == 1 or self.comm.rank % 2 == 0:
            self.comm.send(value, right)
            return self.comm.recv(left)
        got = self.comm.recv(left)
        self.comm.send(value, right)
        return got

    def values(self):
        yield from (None, 7, "text", b"b" * 9000, bytearray(9000), [1, {"a": (2.5, 1j)}], {1, 2})
        try:
            import numpy as np
        except ImportError:
            return
        yield from (np.arange(10), np.arange(5000.0), {"a": np.ones(9000), "b": np.zeros((3, 0))},
                    np.arange(100)[::3], np.array(["2001-01-01"], "M8[D]"))

    def test_messages(self):
        for value in self.values():
            with self.subTest(repr(value)[:40]):
                self.steady(lambda: self.around(value))

    def test_collectives(self):
        comm, size = self.comm, self.comm.size
        for value in self.values():
            with self.subTest(repr(value)[:40]):
                self.steady(lambda: comm.bcast(value))
                self.steady(lambda: comm.gather(value))
                self.steady(lambda: comm.allgather(value))
                self.steady(lambda: comm.scatter([value] * size))
        self.steady(lambda: comm.allreduce(2.5))
        self.steady(lambda: comm.reduce("a", lambda a, b: a + b))
        self.steady(comm.barrier)

    def test_requests(self):
        comm, right, left = self.comm, self.right(), self.left()

        def once(value):
            receive, send = comm.irecv(left, 1), comm.isend(value, right, 1)
            mpi.wait_any([receive, send])
            mpi.test_some([receive, send])
            mpi.wait_all([receive, send])

        for value in list(self.values())[1::3]:
            with self.subTest(repr(value)[:40]):
                self.steady(lambda value=value: once(value))
                self.steady(lambda value=value: comm.sendrecv(value, right, 1, left, 1))
                self.steady(lambda value=value: comm.iallgather(value).wait())
        self.steady(lambda: comm.irecv(left, 2).cancel())
        self.steady(lambda: mpi.wait_all([comm.iallreduce(1.5), comm.iscan([1]), comm.ibarrier()]))

    def test_requests_that_are_dropped(self):
        self.steady(lambda: self.comm.irecv(self.left(), 2), warns=True)

    def test_probes(self):
        comm, right, left = self.comm, self.right(), self.left()

        def once(value):
            send = comm.isend(value, right, 3)
            comm.probe(left, 3), comm.iprobe(left, 3), comm.iprobe(left, 4)
            message = comm.mprobe(left, 3)
            message.status, repr(message), message.recv()
            send.wait()

        for value in None, b"b" * 9000, [b"b" * 9000, 3.5]:
            self.steady(lambda value=value: once(value))

    def test_messages_that_are_dropped(self):
        def once():
            send = self.comm.isend(b"b" * 9000, self.right(), 3)
            self.comm.mprobe(self.left(), 3)
            send.wait()
        self.steady(once, warns=True)

    def test_reductions(self):
        comm, size = self.comm, self.comm.size
        add = operator.add
        for value in list(self.values())[1::3]:
            if isinstance(value, (set, dict, type(None))):
                continue
            with self.subTest(repr(value)[:40]):
                if getattr(value, "dtype", "f8") != "M8[D]":
                    self.steady(lambda: comm.allreduce(value))
                    self.steady(lambda: comm.reduce(value, add))
                    self.steady(lambda: comm.scan(value))
                    self.steady(lambda: comm.exscan(value, add))
                    self.steady(lambda: comm.reduce_scatter([value] * size))
                self.steady(lambda: comm.allreduce((value, comm.rank), lambda a, b: a))
        self.steady(lambda: comm.allreduce((comm.rank, 1), mpi.MAXLOC))
        self.steady(lambda: comm.allreduce(2**62))

    def test_axis_and_into(self):
        np = support.numpy_or_skip()
        comm = self.comm
        for count in 12, 12_000:
            a = np.arange(count * comm.size).reshape(4, -1)
            target, rows = np.zeros_like(a), np.zeros((comm.size, *a.shape), int)
            self.steady(lambda: comm.allgather(a, axis=1))
            self.steady(lambda: comm.scatter(a, axis=1))
            self.steady(lambda: comm.alltoall(a, axis=1))
            self.steady(lambda: comm.reduce_scatter(a, axis=1))
            self.steady(lambda: comm.allgather(a, into=rows))
            self.steady(lambda: comm.allreduce(a, into=target))
            self.steady(lambda: comm.sendrecv(a, self.right(), 1, self.left(), into=target))
            self.steady(lambda: comm.bcast(a, into=target))

    def test_failures(self):
        def fails(call):
            try:
                call()
            except Exception:
                return
            self.fail("it did not fail")

        unpicklable = lambda: None                              # noqa: E731
        memory = bytearray(3)
        self.steady(lambda: fails(lambda: self.comm.sendrecv(1, self.right(), into=memory)))
        self.steady(lambda: fails(lambda: self.comm.sendrecv(unpicklable, self.right())))
        self.steady(lambda: fails(lambda: self.comm.isend(unpicklable, 0)))
        self.steady(lambda: fails(lambda: self.comm.iallgather(unpicklable).wait()))
        self.steady(lambda: fails(lambda: self.comm.allreduce(unpicklable).x))
        self.steady(lambda: fails(lambda: self.comm.bcast("no memory", into=memory)))
        self.steady(lambda: fails(lambda: self.comm.recv(0, into=b"read-only")))
        self.steady(lambda: fails(lambda: self.comm.scatter([1] * 9)))
        self.steady(lambda: fails(lambda: self.comm.allgather(3, axis=7)))
        self.steady(lambda: fails(lambda: self.comm.send(unpicklable, 0)))
        self.steady(lambda: fails(lambda: self.comm.send(1, -7)))
        self.steady(lambda: fails(lambda: self.comm.allgather(unpicklable)))
        self.steady(lambda: fails(lambda: self.comm.bcast(unpicklable)))

    def test_communicators(self):
        def once():
            part = self.comm.split(self.comm.rank % 2)
            part.barrier()
            part.free()

        self.steady(once)

    def test_more_communicators(self):
        def once():
            with self.comm[::-1] as part, self.comm.cart(2, True) as grid:
                part.barrier()
                grid.neighbor_alltoall(grid.neighbor_allgather("x"))
                grid.coords, grid.neighbors, grid.shift(0), grid.coords_of(0), grid.handle
            mpi.from_handle(self.comm.handle).free()

        self.steady(once)

    def test_refused(self):
        def refused(call):
            try:
                call()
            except (TypeError, ValueError):
                return
            self.fail("it was not refused")

        for call in (lambda: self.comm[[0, 0]], lambda: self.comm[9], lambda: self.comm.cart([-1]),
                     lambda: self.comm.cart(2, [1]), lambda: mpi.from_handle("x"),
                     lambda: self.comm.inter(7, 0, self.comm.rank), self.comm.__reduce__):
            self.steady(lambda call=call: refused(call))


if __name__ == "__main__":
    support.main()
