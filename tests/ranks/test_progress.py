"""What goes on beside a wait: progress, asyncio, interrupts, threads."""
# SPDX-License-Identifier: MIT
# timeout: 120

import asyncio
import functools
import operator
import signal
import threading

import mpi
import support
import values
from pending import Bomb, Requests
from support import numpy_or_skip


class Progress(Requests):
    def begin_all(self):
        """One of each, and what they should give here."""
        size, me = self.comm.size, self.comm.rank
        big = b"b" * 50_000
        add = operator.concat
        return [
            (self.comm.ibarrier(), None),
            (self.comm.ibcast(big if me == size - 1 else None, size - 1), big),
            (self.comm.iscatter([(r, big) for r in range(size)] if me == 0 else None), (me, big)),
            (self.comm.igather((me, big)), [(r, big) for r in range(size)] if me == 0 else None),
            (self.comm.iallgather([me]), [[r] for r in range(size)]),
            (self.comm.iallgather((me, big)), [(r, big) for r in range(size)]),
            (self.comm.ialltoall([(me, r) for r in range(size)]), [(r, me) for r in range(size)]),
            (self.comm.ireduce([me], add, size - 1), list(range(size)) if me == size - 1 else None),
            (self.comm.iallreduce([me], add), list(range(size))),
            (self.comm.iscan([me], add), list(range(me + 1))),
            (self.comm.iexscan([me], add), list(range(me)) if me else None),
            (self.comm.ireduce_scatter([[(me, r)] for r in range(size)], add),
             [(r, me) for r in range(size)]),
        ]

    def test_others_complete_while_one_is_blocked(self):
        """Each rank in turn waits for a message that comes when all others have their results."""
        for blocked in range(self.comm.size):
            begun = self.begin_all()
            if self.comm.rank == blocked:
                for rank in range(self.comm.size):
                    if rank != blocked:
                        self.comm.recv(rank, 5)
            for request, want in begun:
                self.assertEqual(request.wait(), want)
            if self.comm.rank != blocked:
                self.comm.send(None, blocked, 5)
            self.comm.barrier()

    def test_others_complete_while_one_is_in_a_collective(self):
        other = self.comm.dup()
        for blocked in range(self.comm.size):
            begun = self.begin_all()
            if self.comm.rank == blocked:
                other.barrier()
            for request, want in begun:
                self.assertEqual(request.wait(), want)
            if self.comm.rank != blocked:
                other.barrier()
        other.free()

    def test_others_complete_while_one_is_in_mpi4py(self):
        try:
            from mpi4py import MPI  # noqa: F401
        except ImportError:
            self.skipTest("mpi4py is not installed")
        other = self.comm.to_mpi4py().Dup()
        for blocked in range(self.comm.size):
            begun = self.begin_all()
            if self.comm.rank == blocked:
                for _ in range(self.comm.size - 1):
                    other.recv()
            for request, want in begun:
                self.assertEqual(request.wait(), want)
            if self.comm.rank != blocked:
                other.send(None, blocked)
        other.Free()

    def test_finished_in_any_order(self):
        """Each rank ends them in an order of its own."""
        me = self.comm.rank
        for turn in range(6):
            begun = self.begin_all()
            order = sorted(range(len(begun)), key=lambda i: (i * 7 + me * 5 + turn) % len(begun))
            for i in order:
                request, want = begun[i]
                self.assertEqual(request.wait(), want)

    def test_beside_the_blocking_ones(self):
        begun = self.begin_all()
        self.assertEqual(self.comm.allreduce([self.comm.rank]), list(range(self.comm.size)))
        self.assertEqual(self.comm.allreduce(1), self.comm.size)
        self.comm.barrier()
        again = self.begin_all()
        self.assertEqual(self.around("message"), "message")
        for request, want in reversed(begun + again):
            self.assertEqual(request.wait(), want)

    def test_an_operator_that_waits_itself(self):
        """It runs within another wait, and sends and receives."""
        def op(a, b):
            self.comm.send(a, self.comm.rank, 12)
            return self.comm.recv(self.comm.rank, 12) + b
        requests = [self.comm.iallreduce([self.comm.rank], op) for _ in range(5)]
        self.comm.barrier()
        self.assertEqual(mpi.wait_all(requests), [list(range(self.comm.size))] * 5)

    def test_sends_of_which_nobody_waits(self):
        """A large send goes on within another wait of its sender."""
        self.need(2)
        send = self.comm.isend([b"x" * 1_000_000, values.Plain(a=1)], self.right(), 1)
        self.assertEqual(len(self.comm.recv(self.left(), 1)), 2)
        self.comm.barrier()
        self.assertIsNone(send.wait())


class Async(Requests):
    def test_await(self):
        async def main():
            receive, send = self.begin_around("awaited", 1)
            return await receive, await send
        self.assertEqual(asyncio.run(main()), ("awaited", None))

    def test_gather(self):
        """Coroutines run while messages are on their way."""
        async def counts():
            n = 0
            for _ in range(20):
                await asyncio.sleep(0)
                n += 1
            return n

        async def message(tag, size):
            receive, send = self.begin_around(b"m" * size, tag)
            got = await receive
            await send
            return len(got)

        async def main():
            sizes = [0, 10, 5000, 300_000]
            collective = self.comm.iallreduce([1])
            got = await asyncio.gather(counts(), *map(message, range(4), sizes), collective)
            self.assertEqual(got, [20, *sizes, [1] * self.comm.size])
        asyncio.run(main())

    def test_others_run_meanwhile(self):
        """The message is sent by a coroutine that runs while another waits."""
        async def later():
            for _ in range(5):
                await asyncio.sleep(0.001)
            return await self.comm.isend("late", self.right(), 2)

        async def main():
            return await asyncio.gather(self.comm.irecv(self.left(), 2), later())
        self.assertEqual(asyncio.run(main()), ["late", None])

    def test_exceptions(self):
        async def main():
            receive, send = self.begin_around(Bomb(), 1)
            await send
            with self.assertRaises(LookupError):
                await receive
        asyncio.run(main())

    def test_timeout(self):
        """wait_for gives up; the request is still there."""
        async def main():
            receive = self.comm.irecv(self.left(), 3)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(receive, 0.02)
            self.comm.barrier()
            send = self.comm.isend("after all", self.right(), 3)
            self.assertEqual(await receive, "after all")
            await send
        asyncio.run(main())

    def test_done_twice(self):
        async def main():
            receive, send = self.begin_around([1], 1)
            first = await receive
            self.assertIs(await receive, first)
            await send
        asyncio.run(main())


class Alarm(Exception):
    pass


class Interrupted(Requests):
    def alarmed(self, call, seconds=0.05):
        def alarm(*_):
            raise Alarm
        before = signal.signal(signal.SIGALRM, alarm)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            self.assertRaises(Alarm, call)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def test_wait_then_wait_again(self):
        receive = self.comm.irecv(self.left(), 1)
        self.alarmed(receive.wait)
        self.alarmed(lambda: mpi.wait_all([receive]))
        self.alarmed(lambda: mpi.wait_any([receive]))
        self.alarmed(lambda: mpi.wait_some([receive, receive]))
        self.assertFalse(receive.done)
        self.comm.barrier()
        send = self.comm.isend("again", self.right(), 1)
        self.assertEqual(receive.wait(), "again")
        send.wait()

    def test_a_collective(self):
        """Each rank in turn is interrupted while the last one is not there yet."""
        self.need(2)
        for late in range(self.comm.size):
            if self.comm.rank == late:
                for rank in range(self.comm.size):
                    if rank != late:
                        self.comm.recv(rank, 8)
                request = self.comm.iallgather(self.comm.rank)
            else:
                request = self.comm.iallgather(self.comm.rank)
                self.alarmed(request.wait)
                self.comm.send(None, late, 8)
            self.assertEqual(request.wait(), list(range(self.comm.size)))

    def test_recv_leaves_its_message_to_the_next(self):
        for tag in 1, mpi.ANY_TAG:
            self.alarmed(lambda tag=tag: self.comm.recv(self.left(), tag))
            self.comm.barrier()
            self.intact()

    def test_recv_in_the_midst_of_a_message(self):
        """Bytes and parts are behind the envelope; the sender moves nothing meanwhile, and is let go."""
        self.need(2)
        np = numpy_or_skip()
        value = [values.Plain(i=i) for i in range(200_000)] + [np.ones(4_000_000)]
        if self.comm.rank == 0:
            send = self.comm.isend(value, 1, 1)
            self.alarmed(signal.pause, 0.4)
            send.wait()
        elif self.comm.rank == 1:
            self.comm.probe(0, 1)
            try:
                self.alarmed(lambda: self.comm.recv(0, 1), 0.01)
            except AssertionError:
                pass        # it came all the same
        self.comm.barrier()
        self.intact()


class Threads(Requests):
    def run_all(self, *calls):
        failed = []

        def run(call):
            try:
                call()
            except BaseException as e:
                failed.append(e)

        threads = [threading.Thread(target=run, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    def setUp(self):
        if mpi.thread_level != "multiple":
            self.skipTest(f"MPI gives threads {mpi.thread_level}")

    def test_each_its_tag(self):
        sizes = [0, 10, 5000, 100_000]

        def talk(tag):
            for i in range(10):
                for size in sizes:
                    value = (tag, i, b"t" * size)
                    self.assertEqual(self.around(value, tag), value)
        self.run_all(*(functools.partial(talk, tag) for tag in range(1, 5)))

    def test_all_from_one_tag(self):
        """Each message is received once, whoever receives it."""
        got, each, threads = [], 15, 4

        def receive():
            for _ in range(each):
                got.append(self.comm.recv(self.left(), 6))

        def send():
            for i in range(each * threads):
                self.comm.isend((i, b"x" * (i * 300)), self.right(), 6).wait()
        self.run_all(send, *[receive] * threads)
        self.assertEqual(sorted(i for i, _ in got), list(range(each * threads)))
        self.assertTrue(all(len(x) == i * 300 for i, x in got))

    def test_probes(self):
        """mprobe gives a message to one thread only."""
        got, each = [], 20

        def receive():
            for _ in range(each):
                got.append(self.comm.mprobe(self.left(), 6).recv())

        def send():
            for i in range(3 * each):
                self.comm.isend(b"x" * (i * 300), self.right(), 6).wait()
        self.run_all(send, *[receive] * 3)
        self.assertEqual(sorted(map(len, got)), [i * 300 for i in range(3 * each)])

    def test_one_request_in_two_threads(self):
        """One waits for it, the other looks; a second wait is refused."""
        receive = self.comm.irecv(self.left(), 1)
        got = []
        waiter = threading.Thread(target=lambda: got.append(receive.wait()))
        waiter.start()
        refused = 0
        while not refused:
            try:
                Interrupted.alarmed(self, receive.wait, 0.01)
            except mpi.Error:
                refused = 1
        for wait in receive.wait, lambda: mpi.wait_any([receive]), lambda: mpi.wait_all([receive]):
            self.assertFalse(receive.done)
            with self.assertRaisesRegex(mpi.Error, "another thread"):
                Interrupted.alarmed(self, wait, 1)
        self.comm.barrier()
        send = self.comm.isend("both", self.right(), 1)
        waiter.join()
        self.assertEqual((got, receive.wait()), (["both"], "both"))
        send.wait()

    def test_collectives_on_communicators_of_their_own(self):
        comms = [self.comm.dup() for _ in range(3)]

        def work(comm):
            for i in range(30):
                self.assertEqual(comm.iallgather(i).wait(), [i] * comm.size)
                self.assertEqual(comm.allreduce(i), i * comm.size)
                self.assertEqual(comm.allreduce([i]), [i] * comm.size)
        self.run_all(*(functools.partial(work, comm) for comm in comms))
        for comm in comms:
            comm.free()


support.main()
