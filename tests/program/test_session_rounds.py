"""A session goes through many statements of all kinds and is what it was: it answers, and has not grown."""
# SPDX-License-Identifier: MIT
# timeout: 900

import os
import random
import time

import support
from front import Front, frames

ROUNDS = 200 if support.FULL else 40
RANKS = 3
START = """
import gc, os, time
import numpy as np
halves = mpi.world.split(mpi.rank % 2)
ring = mpi.world.cart([mpi.size], [True])
try:
    from mpi4py import MPI
except ImportError:
    MPI = None
def resident():
    gc.collect()
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096
def descriptors():
    return len(os.listdir("/proc/self/fd"))
"""
# Everything works as it did: each kind of communicator, and nothing waits to be received.
CHECK = ("mpi.allreduce(1), halves.allgather(halves.rank) == list(range(halves.size)), "
         "ring.sendrecv(mpi.rank, ring.shift(0)[1], source=ring.shift(0)[0]) == ring.shift(0)[0], "
         "float(mpi.allreduce(np.ones(100_000))[7]), mpi.iprobe(), "
         "MPI and MPI.COMM_WORLD.allreduce(1), MPI and MPI.COMM_WORLD.Iprobe()")
FOREIGN = [
    "if mpi.rank == {r}: 1/0\nMPI and MPI.COMM_WORLD.recv(source={r})",
    "if mpi.rank == {r}: 1/0\nMPI and MPI.COMM_WORLD.Barrier()",
    "if mpi.rank == {r}: 1/0\nMPI and MPI.COMM_WORLD.Recv(np.ones(9), source={r})",
    "if mpi.rank == {r}: 1/0\nMPI and MPI.COMM_WORLD.bcast('x', {r})",
    "if mpi.rank == {r}: 1/0\nMPI and MPI.COMM_WORLD.allreduce(2)",
    "if mpi.rank == {r}: MPI and MPI.COMM_WORLD.send('lost', {n}); 1/0\nmpi.barrier()",
]
BROKEN = [
    "if mpi.rank == {r}: raise KeyError({r})\nmpi.recv({r})",
    "if mpi.rank == {r}: mpi.send('lost', {n}); raise KeyError({r})\nmpi.barrier()",
    "if mpi.rank == {r}: 1/0\nmpi.allreduce(mpi.rank)",
    "if mpi.rank == {r}: 1/0\nmpi.allreduce(np.ones(200_000))",
    "if mpi.rank == {r}: 1/0\nmpi.bcast(np.ones(50_000), {r})",
    "if mpi.rank == {r}: 1/0\nmpi.allgather([1, {{2}}])",
    "if mpi.rank == {r}: mpi.isend(b'x' * 100_000, {n}); 1/0\nmpi.scan(1)",
    "if mpi.rank == {r}: 1/0\nmpi.world.split(0)",
    "if mpi.rank == {r}: 1/0\nhalves.barrier(); ring.allgather(1)",
    "pending = mpi.irecv({r}, 77)\nif mpi.rank == {r}: 1/0\npending.wait()",
]
ALIKE = ["1/0", "undefined", "x = = 1", "raise SystemError('all')"]
DEAD = ["mpi.recv((mpi.rank + 1) % mpi.size)", "@{r} mpi.recv({n})",
        "mpi.barrier() if mpi.rank != {r} else None"]
SLOW = ["time.sleep(30)", "while True: pass", "mpi.recv({r}, 99) if mpi.rank != {r} else time.sleep(30)",
        "for i in range(10**9): mpi.allreduce(i)", "@{r} time.sleep(30)",
        "MPI and MPI.COMM_WORLD.recv(source=(mpi.rank + 1) % mpi.size)"]
GOOD = ["mpi.rank", "sum(mpi.allgather(1))", "@{r} mpi.rank ** 2", "%time mpi.barrier()",
        "print('x' * 1_000_000)", "print((str(mpi.rank) + '\\n') * 50_000)", "!echo hello"]


class Rounds(support.Case):
    def setUp(self):
        super().setUp()
        self.random = random.Random(int(os.environ.get("PYMPI_TEST_SEED", "1")))
        self.kinds = [self.good, self.broken, self.broken, self.foreign, self.alike, self.dead,
                      self.slow]

    def pick(self, sources):
        rank = self.random.randrange(RANKS)
        return self.random.choice(sources).format(r=rank, n=(rank + 1) % RANKS)

    def good(self, front):
        source = self.pick(GOOD)
        self.assertEqual(front.run(source).errors, [], source)

    def broken(self, front):
        source = self.pick(BROKEN)
        self.assertTrue(front.run(source).failed, source)

    def foreign(self, front):
        source = self.pick(FOREIGN)
        self.assertTrue(front.run(source).failed, source)

    def alike(self, front):
        done = front.run(self.pick(ALIKE))
        self.assertEqual((len(done.errors), done.failed), (1, f"0-{RANKS - 1}"))

    def dead(self, front):
        source = self.pick(DEAD)
        texts = [text for _, text in front.run(source).tracebacks]
        self.assertTrue(any("DeadlockError" in text for text in texts), (source, texts))

    def slow(self, front):
        source = self.pick(SLOW)
        front.begin(source)
        time.sleep(self.random.random() * .6)
        began = time.monotonic()
        front.send(frames.INTERRUPT)
        texts = [text for _, text in front.end().tracebacks]
        self.assertLess(time.monotonic() - began, 2 * support.SLOW, source)
        self.assertTrue(any("KeyboardInterrupt" in t or "DeadlockError" in t for t in texts),
                        (source, texts))

    def growth(self, front):
        """(resident bytes, open descriptors) of each rank."""
        done = front.run("resident(), descriptors()")
        return [eval(text) for _, text in done.results]

    def test_rounds(self):
        with Front(RANKS) as front:
            self.assertEqual(front.run(START).errors, [])
            was = front.run(CHECK).results
            self.assertEqual(len(was), 1, was)
            middle = None
            for number in range(ROUNDS):
                kind = self.random.choice(self.kinds)
                kind(front)
                now = front.run(CHECK)
                self.assertEqual((now.errors, now.results), ([], was), (number, kind.__name__))
                if number == ROUNDS // 2:
                    middle = self.growth(front)
            for (bytes_was, open_was), (bytes_is, open_is) in zip(middle, self.growth(front)):
                if not support.SANITIZED:
                    self.assertLess(bytes_is - bytes_was, 20 << 20)
                self.assertLessEqual(open_is, open_was)

