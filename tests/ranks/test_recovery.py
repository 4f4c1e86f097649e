"""Statements of a session that break: waits end with PeerError, and nothing reaches the next statement."""
# SPDX-License-Identifier: MIT
# env: PYMPI_CHECK=1
# timeout: 300

import gc
import os
import random
import time
import unittest
import warnings

import _pympi_session as session
import mpi
import support

try:
    import numpy as np
except ImportError as missing:
    raise unittest.SkipTest(str(missing)) from None
try:
    from mpi4py import MPI
except ImportError:
    MPI = None

RANK, SIZE = mpi.rank, mpi.size
RIGHT, LEFT = (RANK + 1) % SIZE, (RANK - 1) % SIZE
SMALL, LARGE = np.ones(3), np.ones(1 << 17)

session.start()


class Failure(Exception):
    """What the failing rank raises."""


class Statements(support.Comms):
    """All ranks run statements; the numbers go on from test to test."""
    over = ("world",)
    number = 0
    half, copy, ring = mpi.split(RANK * 2 // SIZE), mpi.dup(), mpi.cart([SIZE], True)
    kept = []       # requests

    def run_statement(self, body):
        """(the ranks that failed, this rank's exception or None)."""
        Statements.number += 1
        session.begin(Statements.number)
        error = None
        try:
            self.assertEqual(session.running(), Statements.number)
            body()
        except BaseException as e:
            error = e.with_traceback(None)
        failed = session.meet(error is not None)
        self.assertEqual(session.running(), 0)
        return failed, error

    def good(self, body):
        failed, error = self.run_statement(body)
        self.assertIsNone(error)
        self.assertEqual(failed, [])

    def breaks(self, wait, bad=SIZE - 1, before=None):
        """One rank fails, the others wait for it."""
        def body():
            if before:
                before()
            if RANK == bad:
                raise Failure
            wait()
        failed, error = self.run_statement(body)
        self.assertIn(bad, failed)
        if RANK == bad:
            self.assertIsInstance(error, Failure)
        elif error is not None:
            self.assertIsInstance(error, mpi.PeerError)
            self.assertIn(f"rank {bad} failed in this statement", str(error))
        return error

    def all_works(self):
        def body():
            self.assertIsNone(mpi.iprobe())
            self.assertIsNone(self.copy.iprobe())
            mpi.barrier()
            for comm in (mpi.world, self.half, self.copy, self.ring, mpi.world.node):
                ranks = comm.size
                right, left = (comm.rank + 1) % ranks, (comm.rank - 1) % ranks
                self.assertEqual(comm.allgather(comm.rank), list(range(ranks)))
                self.assertEqual(comm.allreduce(1), ranks)
                self.assertEqual(comm.allreduce(LARGE)[-1], ranks)
                self.assertEqual(comm.allreduce("a"), "a" * ranks)
                self.assertEqual(comm.bcast(comm.rank, ranks - 1), ranks - 1)
                self.assertEqual(comm.sendrecv(comm.rank, right, 0, left, 0), left)
            self.assertEqual(mpi.world[::-1].rank, SIZE - 1 - RANK)
            self.assertEqual(self.ring.neighbor_allgather(RANK), [LEFT, RIGHT])
            mpi.dup().free()
            if MPI:
                self.foreign_works()
        self.good(body)

    def foreign_works(self):
        world, sum_ = MPI.COMM_WORLD, np.empty_like(LARGE)
        self.assertFalse(world.iprobe())
        self.assertEqual(world.allreduce(1), SIZE)
        world.Allreduce(LARGE, sum_)
        self.assertEqual(sum_[-1], SIZE)
        self.assertEqual(world.sendrecv(RANK, RIGHT, source=LEFT), LEFT)
        self.assertEqual(world.allgather(RANK), list(range(SIZE)))


class Failures(Statements):
    def waits(self):
        bad = SIZE - 1
        return {
            "recv": lambda: mpi.recv(bad), "any": mpi.recv, "irecv": lambda: mpi.irecv(bad).wait(),
            "probe": lambda: mpi.probe(bad), "ssend": lambda: mpi.ssend(1, bad),
            "send": lambda: mpi.send(LARGE, bad), "isend": lambda: mpi.isend(LARGE, bad).wait(),
            "raw": lambda: mpi.recv(bad, into=LARGE.copy(), raw=True),
            "wait_all": lambda: mpi.wait_all([mpi.irecv(bad), mpi.isend(LARGE, bad)]),
            "barrier": mpi.barrier, "bcast": lambda: mpi.bcast(1, bad),
            "gather": lambda: mpi.gather(RANK), "scatter": lambda: mpi.scatter([0] * SIZE, bad),
            "allgather": lambda: mpi.allgather(RANK), "alltoall": lambda: mpi.alltoall([LARGE] * SIZE),
            "number": lambda: mpi.allreduce(1), "array": lambda: mpi.allreduce(SMALL),
            "large": lambda: mpi.allreduce(LARGE), "object": lambda: mpi.allreduce("a"),
            "reduce": lambda: mpi.reduce(LARGE), "scan": lambda: mpi.scan(1),
            "reduce_scatter": lambda: mpi.reduce_scatter([LARGE] * SIZE),
            "ibarrier": lambda: mpi.ibarrier().wait(), "split": lambda: mpi.split(0),
            "dup": mpi.dup, "slice": lambda: mpi.world[::-1], "cart": lambda: mpi.cart([SIZE]),
            "neighbors": lambda: self.ring.neighbor_alltoall([LARGE, LARGE]),
            "half": lambda: self.half.allreduce(LARGE), "copy": lambda: self.copy.allgather(LARGE),
        }

    def foreign_waits(self):
        world, bad = MPI.COMM_WORLD, SIZE - 1
        many, sum_ = np.ones(1 << 20), np.empty(1 << 20)
        return {
            "recv": lambda: world.recv(source=bad), "Recv": lambda: world.Recv(sum_, bad),
            "Ssend": lambda: world.Ssend(many, bad), "Send": lambda: world.Send(many, bad),
            "Probe": lambda: world.Probe(bad), "Barrier": world.Barrier,
            "Bcast": lambda: world.Bcast(many, bad), "Allreduce": lambda: world.Allreduce(many, sum_),
            "small": lambda: world.Allreduce(SMALL, np.empty(3)),
            "allreduce": lambda: world.allreduce(1), "gather": lambda: world.gather(1),
            "scan": lambda: world.scan(1), "sendrecv": lambda: world.sendrecv(many, RIGHT, source=LEFT),
            "Split": lambda: world.Split(0), "alltoall": lambda: world.alltoall([RANK] * SIZE),
        }

    def test_every_wait(self):
        for name, wait in self.waits().items():
            with self.subTest(name):
                error = self.breaks(wait)
                if SIZE == 2 and RANK == 0 and name != "half":
                    self.assertIsInstance(error, mpi.PeerError)
        self.all_works()

    @unittest.skipUnless(MPI, "mpi4py is not installed")
    def test_every_foreign_wait(self):
        for name, wait in self.foreign_waits().items():
            with self.subTest(name):
                error = self.breaks(wait)
                if SIZE == 2 and RANK == 0:
                    self.assertIsInstance(error, mpi.PeerError)
        self.all_works()

    def test_messages_that_nobody_receives(self):
        def send():
            mpi.send("lost", RIGHT)
            self.copy.send(SMALL, RIGHT, 3)
            self.kept.append(mpi.isend(LARGE, RIGHT, 4))
            self.kept.append(mpi.isend([LARGE, "a", LARGE], LEFT, 5))
        self.breaks(mpi.barrier, before=send)
        self.all_works()
        self.kept.clear()

    def test_what_was_sent_before_the_failure(self):
        def body():
            if RANK == 0:
                for rank in range(1, SIZE):
                    mpi.send("last", rank)
                raise Failure
            self.assertEqual(mpi.recv(0), "last")
        failed, _ = self.run_statement(body)
        self.assertEqual(failed, [0])
        self.all_works()

    def test_all_fail(self):
        def body():
            mpi.send("lost", RIGHT)
            raise Failure
        failed, error = self.run_statement(body)
        self.assertEqual(failed, list(range(SIZE)))
        self.assertIsInstance(error, Failure)
        self.all_works()

    def test_quickly(self):
        self.good(mpi.barrier)
        begun = time.monotonic()
        self.breaks(mpi.barrier)
        self.assertLess(time.monotonic() - begun, 5)

    def test_ranks_that_do_not_run_it(self):
        Statements.number += 1
        failed, error = [], None
        if RANK == 0:
            session.begin(Statements.number)
        failed = session.meet(RANK == 0)
        self.assertEqual(failed, [0])
        self.all_works()

    def test_numbers(self):
        with self.assertRaisesRegex(ValueError, "does not come behind"):
            session.begin(max(Statements.number, 0))


class Survivors(Statements):
    """What was begun in a good statement goes on behind a broken one."""

    def test_messages(self):
        self.good(lambda: (mpi.send("good", RIGHT, 5), self.kept.append(mpi.isend(LARGE, RIGHT, 6))))
        self.breaks(mpi.barrier, before=lambda: mpi.send("bad", RIGHT, 5))

        def receive():
            self.assertEqual(mpi.probe(LEFT, 5).source, LEFT)
            self.assertEqual(mpi.recv(LEFT, 5), "good")
            self.assertIsNone(mpi.iprobe(LEFT, 5))
            into = np.zeros_like(LARGE)
            mpi.mprobe(LEFT, 6).recv(into=into)
            self.assertTrue((into == LARGE).all())
            self.kept.pop().wait()
            self.assertIsNone(mpi.iprobe())
        self.good(receive)
        self.all_works()

    def test_messages_among_held_ones(self):
        self.good(lambda: [mpi.send(i, RIGHT, 5 + i % 2) for i in range(10)])
        for _ in range(3):
            self.breaks(mpi.barrier)
        self.good(lambda: [mpi.send(i, RIGHT, 5 + i % 2) for i in range(10, 20)])

        def receive():
            self.assertEqual([mpi.recv(LEFT, 6) for _ in range(10)], list(range(1, 20, 2)))
            self.assertEqual([mpi.irecv(LEFT).wait() for _ in range(10)], list(range(0, 20, 2)))
        self.good(receive)

    def test_requests(self):
        self.good(lambda: self.kept.extend(
            [mpi.irecv(LEFT, 7), mpi.iallreduce(RANK), self.copy.ibarrier()]))
        self.breaks(mpi.barrier)
        self.good(lambda: mpi.send("late", RIGHT, 7))
        self.good(lambda: self.assertEqual(mpi.wait_all(self.kept),
                                           ["late", SIZE * (SIZE - 1) // 2, None]))
        self.kept.clear()

    def test_requests_of_the_broken_one(self):
        def begin():
            self.kept.extend([mpi.irecv(LEFT, 99), mpi.isend(LARGE, RIGHT, 98), mpi.irecv(LEFT, 99)])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.breaks(mpi.barrier, before=begin)
            for request in self.kept[::2]:
                with self.assertRaisesRegex(mpi.Error, "in which this was begun was broken"):
                    request.wait()
            self.kept.clear()
            gc.collect()
        self.all_works()


class Deadlocks(Statements):
    def test_a_rank_in_the_meeting(self):
        self.need(2)
        failed, error = self.run_statement(lambda: mpi.recv(0) if RANK == 1 else None)
        self.assertEqual(failed, [1])
        if RANK == 1:
            self.assertIsInstance(error, mpi.DeadlockError)
            self.assertIn("rank 0: done with the statement", str(error))
        self.good(lambda: mpi.recv(0) if RANK == 1 else mpi.send(1, 1) if RANK == 0 else None)
        self.all_works()


class Random(Statements):
    """Sequences of calls, broken anywhere."""

    def calls(self):
        out = np.empty_like(LARGE)
        calls = [
            lambda: mpi.bcast(LARGE), lambda: self.copy.bcast(3, SIZE - 1), lambda: mpi.gather(LARGE),
            lambda: self.ring.allgather(RANK), lambda: mpi.allreduce(1), lambda: mpi.allreduce(LARGE),
            lambda: mpi.reduce(LARGE, root=SIZE - 1), lambda: self.half.allreduce(LARGE), mpi.barrier,
            lambda: mpi.scan(RANK), lambda: mpi.world[::-1], lambda: mpi.split(RANK % 2),
            lambda: self.ring.neighbor_allgather(RANK),
            lambda: mpi.sendrecv(LARGE, RIGHT, 1, LEFT, 1), lambda: mpi.send(("x", RANK), RIGHT, 5),
            lambda: self.kept.append(mpi.isend(LARGE, RIGHT, 3)),
            lambda: self.kept.append(mpi.irecv(LEFT, 4)), lambda: self.kept.append(mpi.iallreduce(1)),
        ]
        if MPI:
            world = MPI.COMM_WORLD
            calls += [
                world.Barrier, lambda: world.Bcast(out, 0), lambda: world.Allreduce(LARGE, out),
                lambda: world.allreduce(1), lambda: world.gather(LARGE), lambda: world.send(RANK, RIGHT),
                lambda: world.sendrecv(LARGE, RIGHT, 2, source=LEFT, recvtag=2),
                lambda: world.Split(RANK % 2).Free(),
            ]
        return calls

    def test_anywhere(self):
        calls, dice = self.calls(), random.Random(support.SEED)
        for _ in range(250 if support.FULL else 100):
            chosen = [dice.choice(calls) for _ in range(dice.randint(1, 6))]
            bad = {dice.randrange(SIZE): dice.randint(0, len(chosen)) for _ in range(dice.choice([1, 1, 2]))}

            def body():
                for i, call in enumerate(chosen):
                    if bad.get(RANK) == i:
                        raise Failure
                    call()
                if RANK in bad:
                    raise Failure
            failed, error = self.run_statement(body)
            self.assertLessEqual(set(bad), set(failed))
            self.assertIsInstance(error, (Failure, mpi.PeerError, type(None)))
            self.kept.clear()
        self.all_works()

    def test_no_growth(self):
        def lose():
            mpi.isend(LARGE, RIGHT), mpi.send("lost", RIGHT), mpi.irecv(LEFT, 99)

        def size():
            with open("/proc/self/statm") as f:
                return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE"), len(os.listdir("/proc/self/fd"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(20):
                self.breaks(mpi.barrier, before=lose)
            memory, files = size()
            for _ in range(200 if support.FULL else 50):
                self.breaks(mpi.barrier, before=lose)
        later, more_files = size()
        if not support.SANITIZED:
            self.assertLess(later - memory, 4 << 20)
        self.assertEqual(more_files, files)
        self.all_works()


support.main()
