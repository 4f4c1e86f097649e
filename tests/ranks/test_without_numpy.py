"""Ranks without NumPy get arrays as memoryviews of their format and shape."""
# SPDX-License-Identifier: MIT

import array
import sys

import mpi


class Nowhere:
    """A finder for which there is no NumPy."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "numpy":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


# The last rank has none, and alone neither.
WITHOUT = mpi.rank == mpi.size - 1
if WITHOUT:
    sys.meta_path.insert(0, Nowhere())

import support          # noqa: E402
import values           # noqa: E402

try:
    import numpy as np
except ImportError:
    np = None


class Arrays(support.Comms):
    """Rank 0 sends to the last rank of the world."""
    over = ("world",)

    def setUp(self):
        self.need(2)
        self.last = self.comm.size - 1
        if not self.comm.allreduce(np is not None, mpi.LOR):
            self.skipTest("NumPy is not installed")

    def got(self, make):
        """What the last rank gets of the array that make makes: received, begun, broadcast, in a letter
        with another; None elsewhere."""
        a = make(np) if self.comm.rank == 0 else None
        if self.comm.rank == 0:
            self.comm.send(a, self.last)
            self.comm.isend(a, self.last).wait()
        alone = [self.comm.recv(0), self.comm.irecv(0).wait()] if WITHOUT else []
        everywhere = [self.comm.bcast(a), self.comm.allgather(a)[0]]
        return alone + everywhere if WITHOUT else []

    def test_there_is_none(self):
        self.assertEqual(WITHOUT, np is None)

    def test_formats(self):
        for kind in "?bBhHiIlLqQfd":
            for count in 3, 5000:
                for got in self.got(lambda np, k=kind, n=count: np.ones(n, k)):
                    self.assertIs(type(got), memoryview)
                    self.assertEqual((got.format, got.shape), (kind, (count,)))
                    self.assertEqual(got.tolist(), [1] * count)

    def test_shapes(self):
        for shape in (), (1,), (2, 3), (2, 3, 4), (60, 50):
            for order in "C", "F":
                def make(np, s=shape, o=order):
                    return np.asarray(np.arange(1.0 * np.prod(s)).reshape(s), order=o)
                for got in self.got(make):
                    self.assertEqual((got.format, got.shape), ("d", shape))
                    flat = got.cast("B").cast("d").tolist()
                    self.assertEqual(flat, [float(i) for i in range(len(flat))])

    def test_empty(self):
        for got in self.got(lambda np: np.zeros((3, 0))):
            self.assertEqual((got.format, got.nbytes), ("d", 0))

    def test_kinds_without_a_format(self):
        """Complex numbers and long doubles come as their bytes."""
        for kind in "FDg":
            for got in self.got(lambda np, k=kind: np.zeros(3, k)):
                self.assertGreaterEqual(got.nbytes, 24)
                self.assertEqual(bytes(got), bytes(got.nbytes))

    def test_kinds_that_need_numpy(self):
        """They cannot be made; the error says so, and the next message is intact."""
        for make in (lambda: np.array(["2001-01-01"], "M8[D]"), lambda: [np.ones(3)],
                     lambda: np.zeros(2, [("a", "i4")]), lambda: np.float64(1),
                     lambda: np.array(["2001-01-01"] * 5000, "M8[D]")):
            if self.comm.rank == 0:
                self.comm.send(make(), self.last)
                self.comm.send("intact", self.last)
            elif WITHOUT:
                with self.assertRaises(ImportError) as caught:
                    self.comm.recv(0)
                self.assertIn("numpy", str(caught.exception))
                self.assertEqual(self.comm.recv(0), "intact")

    def test_into(self):
        for count in 3, 5000:
            a = np.arange(1.0 * count) if self.comm.rank == 0 else None
            if self.comm.rank == 0:
                self.comm.send(a, self.last)
            elif WITHOUT:
                target = array.array("d", bytes(8 * count))
                self.assertIs(self.comm.recv(0, into=target), target)
                self.assertEqual(target.tolist(), [float(i) for i in range(count)])

    def test_the_other_way(self):
        """What has no NumPy here is memory there."""
        mine = memoryview(array.array("d", [1.5] * 3000)).cast("B").cast("d", (30, 100))
        for got in self.comm.allgather(mine):
            self.assertEqual((type(got), got.format, got.shape), (memoryview, "d", (30, 100)))

    def test_reductions(self):
        """Numbers need none; arrays and memory have no common operator."""
        self.assertEqual(self.comm.allreduce(2.5), 2.5 * self.comm.size)
        self.assertEqual(self.comm.allreduce([1]), [1] * self.comm.size)
        value = memoryview(b"x") if WITHOUT else np.ones(3)
        with self.assertRaises(Exception):
            self.comm.allreduce(value, lambda a, b: a + "text")
        self.assertEqual(self.comm.allgather(1), [1] * self.comm.size)


class Values(support.Comms):
    def test_all_but_arrays(self):
        for i, value in enumerate(values.all_values()):
            got = self.comm.sendrecv(value, self.right(), i, self.left(), i)
            self.assertTrue(values.same(got, value), values.show(value))

    def test_verbs_that_need_it(self):
        """axis= without NumPy is an ImportError, on that rank; nobody hangs."""
        if not WITHOUT and np is None:
            self.skipTest("NumPy is not installed")
        try:
            got = self.comm.allgather([1], axis=0)
            self.assertIsNotNone(np)
            self.assertEqual(got.tolist(), [1] * self.comm.size)
        except ImportError as error:
            self.assertIsNone(np)
            self.assertIn("numpy", str(error))
        self.assertEqual(self.comm.allgather(1), [1] * self.comm.size)


class ExactSums(support.Comms):
    """Lists and iterators need no NumPy, and a rank that has none is told of beside those that have."""
    over = ("world",)

    def test_numbers(self):
        from pympi import reductions
        ranks = self.comm.size
        for given in [1.5, -0.5], (1.5, -0.5), iter([1.5, -0.5]):
            self.assertEqual(reductions.sum(given, comm=self.comm), ranks)
        self.assertEqual(reductions.sum([2 ** 70], comm=self.comm), 2 ** 70 * ranks)
        self.assertEqual(reductions.sum([1j, 1], comm=self.comm), (1 + 1j) * ranks)
        self.assertEqual(reductions.mean([1, 2], comm=self.comm), 1.5)
        self.assertEqual(self.comm.allreduce(0.5, reductions.SUM_EXACT), ranks / 2)

    def test_arrays(self):
        from pympi import reductions
        with self.assertRaises((ImportError, mpi.Error)):
            reductions.sum(array.array("d", [1.0]), comm=self.comm)
        self.assertEqual(reductions.sum([1.0], comm=self.comm), self.comm.size)


support.main()
