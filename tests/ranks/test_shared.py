"""irecv where others may send too: on a communicator that was handed out, which probes."""
# SPDX-License-Identifier: MIT

import mpi
import support


class Order(support.Comms):
    """Receives match in the order of their calls, whichever is waited for first."""

    def setUp(self):
        self.shared = self.comm.dup()
        self.assertIsInstance(self.shared.handle, int)

    def tearDown(self):
        self.shared.free()

    def begin(self, *tags):
        return [self.shared.irecv(self.left(), tag) for tag in tags]

    def send(self, *pairs):
        return [self.shared.isend(value, self.right(), tag) for value, tag in pairs]

    def test_the_last_waits_first(self):
        received = self.begin(*[5] * 6)
        sent = self.send(*[(i, 5) for i in range(6)])
        self.assertEqual([r.wait() for r in reversed(received)], [5, 4, 3, 2, 1, 0])
        mpi.wait_all(sent)

    def test_any_tag_before_and_behind(self):
        received = self.begin(5, mpi.ANY_TAG, 5, mpi.ANY_TAG)
        sent = self.send(("a", 7), ("b", 5), ("c", 5), ("d", 5))
        self.assertEqual([r.wait() for r in reversed(received)], ["d", "c", "a", "b"])
        mpi.wait_all(sent)

    def test_recv_comes_behind(self):
        received, = self.begin(mpi.ANY_TAG)
        sent = self.send(("first", 1), ("second", 2))
        self.assertEqual(self.shared.recv(self.left()), "second")
        self.assertEqual(received.wait(), "first")
        mpi.wait_all(sent)

    def test_probes_come_behind(self):
        received, = self.begin(mpi.ANY_TAG)
        sent = self.send(("first", 1), ("second", 2))
        self.assertEqual(self.shared.probe(self.left()).tag, 2)
        self.assertEqual(self.shared.mprobe(self.left()).recv(), "second")
        self.assertIsNone(self.shared.iprobe(self.left()))
        self.assertEqual(received.wait(), "first")
        mpi.wait_all(sent)

    def test_cancelled_leaves_the_rest(self):
        first, second, third = self.begin(5, 5, 5)
        second.cancel()
        sent = self.send((1, 5), (2, 5))
        self.assertEqual((third.wait(), first.wait()), (2, 1))
        mpi.wait_all(sent)

    def test_what_was_found_is_not_cancelled(self):
        first, second = self.begin(5, 5)
        sent = self.send((1, 5), (2, 5))
        self.assertEqual(second.wait(), 2)
        first.cancel()
        self.assertEqual(first.wait(), 1)
        mpi.wait_all(sent)

    def test_large_ones(self):
        received = self.begin(5, 5)
        sent = self.send((b"x" * 300_000, 5), ([b"y" * 9000, b"z" * 9000], 5))
        self.assertEqual(received[1].wait(), [b"y" * 9000, b"z" * 9000])
        self.assertEqual(received[0].wait(), b"x" * 300_000)
        mpi.wait_all(sent)


class Foreign(support.Comms):
    """A message that is no letter is refused, whatever its size, and nothing around it is harmed."""

    def setUp(self):
        self.np = support.numpy_or_skip()
        try:
            import mpi4py.MPI
        except ImportError:
            self.skipTest("mpi4py is not installed")
        self.theirs = self.comm.to_mpi4py()

    def test_irecv(self):
        for count in 0, 1, 4000, 4001, 5000, 100_000, 3_000_000:
            with self.subTest(count):
                received = self.comm.irecv(self.left(), 5)
                sent = self.theirs.Isend(self.np.ones(count, "u1"), self.right(), 5)
                with self.assertRaisesRegex(mpi.Error, "pympi did not send"):
                    received.wait()
                sent.Wait()
        mine = self.comm.isend("intact", self.right(), 5)
        self.assertEqual(self.comm.irecv(self.left(), 5).wait(), "intact")
        mine.wait()


support.main()
