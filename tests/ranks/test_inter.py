"""Intercommunicators between two halves: messages, merging, what is refused, mpi4py's."""
# SPDX-License-Identifier: MIT
# ranks: 2 3 4

import mpi
import support


class Inter(support.Comms):
    over = ("world",)

    def setUp(self):
        """Even and odd ranks face each other; the leaders are the last of each."""
        self.odd = self.comm.rank % 2
        self.here = self.comm.split(self.odd)
        self.there = [r for r in range(self.comm.size) if r % 2 != self.odd]
        self.inter = self.here.inter(self.comm, self.there[-1], self.here.size - 1, tag=5)

    def tearDown(self):
        if "freed" not in repr(self.inter):
            self.inter.free()
        self.here.free()

    def test_sizes(self):
        inter = self.inter
        self.assertIs(type(inter), mpi.Inter)
        self.assertIsInstance(inter, mpi.Comm)
        self.assertEqual((inter.rank, inter.size, inter.remote_size, inter.is_inter),
                         (self.here.rank, self.here.size, len(self.there), True))
        self.assertIn(f"{len(self.there)} remote", repr(inter))

    def test_every_rank_to_every_remote_one(self):
        for size in (0, 10, 5_000, 300_000):
            for there, rank in enumerate(self.there):
                if self.odd:
                    self.assertEqual(self.inter.recv(there, 3), (rank, bytes(size)))
                else:
                    self.inter.send((self.comm.rank, bytes(size)), there, 3)

    def test_back_and_forth(self):
        peer = self.here.rank
        if peer < len(self.there):
            for value in ("text", [1, {"a": 2}], None, b"x" * 200_000):
                if self.odd:
                    self.inter.send(value, peer)
                    self.assertEqual(self.inter.recv(peer), value)
                else:
                    self.inter.send(self.inter.recv(peer), peer)

    def test_arrays(self):
        np = support.numpy_or_skip()
        if self.here.rank == 0:
            if self.odd:
                self.inter.send(np.arange(50_000.0).reshape(100, 500), 0)
            else:
                self.assertTrue((self.inter.recv(0) == np.arange(5e4).reshape(100, 500)).all())

    def test_messages_do_not_cross(self):
        if self.here.rank == 0:
            self.inter.send("inter", 0, 9)
            self.comm.send("world", self.there[0], 9)
            self.assertEqual(self.comm.recv(tag=9), "world")
            self.assertEqual(self.inter.recv(tag=9), "inter")

    def test_merge(self):
        evens, odds = range(0, self.comm.size, 2), range(1, self.comm.size, 2)
        for high in (True, False):
            merged = self.inter.merge(self.odd == high)
            want = [*evens, *odds] if high else [*odds, *evens]
            self.assertIs(type(merged), mpi.Comm)
            self.assertEqual(merged.allgather(self.comm.rank), want)
            self.assertEqual(merged.bcast(bytes(200_000)), bytes(200_000))
            merged.free()

    def test_collectives_are_refused(self):
        for call in (lambda c: c.bcast(1), lambda c: c.barrier(), lambda c: c.allreduce(1),
                     lambda c: c.gather(1), lambda c: c.split(0), lambda c: c[::2],
                     lambda c: c.cart(1), lambda c: c.spawn(), lambda c: c.inter(mpi.world, 0)):
            with self.assertRaisesRegex(mpi.Error, r"merge\(\)"):
                call(self.inter)

    def test_wrong_ranks(self):
        with self.assertRaisesRegex(ValueError, f"dest {len(self.there)} is not a remote rank"):
            self.inter.send(1, len(self.there))
        with self.assertRaisesRegex(ValueError, "source -9 is not a remote rank"):
            self.inter.recv(-9)

    def test_dup(self):
        copy = self.inter.dup()
        self.assertEqual((type(copy), copy.remote_size), (mpi.Inter, self.inter.remote_size))
        self.assertNotEqual(copy, self.inter)
        if self.here.rank == 0:
            copy.send("copy", 0)
            self.inter.send("first", 0)
            self.assertEqual((self.inter.recv(0), copy.recv(0)), ("first", "copy"))
        copy.free()

    def test_free(self):
        with self.inter:
            pass
        for call in (lambda: self.inter.send(1, 0), self.inter.recv, self.inter.merge):
            with self.assertRaisesRegex(mpi.Error, "freed"):
                call()

    def test_handle_and_mpi4py(self):
        same = mpi.from_handle(self.inter.handle)
        self.assertEqual((type(same), same), (mpi.Inter, self.inter))
        same.free()
        self.assertEqual(self.inter.remote_size, len(self.there))
        try:
            from mpi4py import MPI
        except ImportError:
            self.skipTest("mpi4py is not installed")
        theirs = self.inter.to_mpi4py()
        self.assertIs(type(theirs), MPI.Intercomm)
        self.assertEqual(theirs.remote_size, len(self.there))
        self.assertEqual(mpi.from_mpi4py(theirs), self.inter)


class Refused(support.Comms):
    def test_wrong_arguments(self):
        comm, rank, size = self.comm, self.comm.rank, self.comm.size
        alone = comm.split(rank)
        for args, error, text in (((7, 0), TypeError, "peer must be a communicator, not 7"),
                                  ((comm, size), ValueError, f"remote_leader {size} is not a rank"),
                                  ((comm, "x"), TypeError, "remote_leader"),
                                  ((comm, rank), ValueError, f"remote_leader {rank} is this side's"),
                                  ((comm, 0, 1), ValueError, "leader 1 is not a rank"),
                                  ((comm, 0, 0, -1), ValueError, "tag -1 is not"),
                                  ((comm, 0, 0, 2**40), ValueError, "tag")):
            with self.subTest(args), self.assertRaisesRegex(error, f"inter: {text}"):
                alone.inter(*args)
        self.assertEqual(comm.allreduce(1), size)


support.main()
