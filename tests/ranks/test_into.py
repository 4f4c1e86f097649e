"""into=: results that go into memory of the receiver's."""
# SPDX-License-Identifier: MIT

import array

import mpi
import support
import values
from support import numpy_or_skip

REFUSED = (mpi.Error, ValueError, TypeError, OverflowError, BufferError)
MOVES = "recv", "irecv", "sendrecv", "mprobe", "bcast", "ibcast", "scatter"
COUNTS = (0, 1, 20, 480, 500, 2000, 200_000)    # elements: around an envelope, and large


class Into(support.Comms):
    def setUp(self):
        self.np = numpy_or_skip()

    def begun(self, value, into, tag=0):
        """What irecv gives, sent by the left neighbour."""
        send = self.comm.isend(value, self.right(), tag)
        try:
            return self.comm.irecv(self.left(), tag, into=into).wait()
        finally:
            send.wait()

    def blocking(self, value, into, tag=0):
        send = self.comm.isend(value, self.right(), tag)
        try:
            return self.comm.recv(self.left(), tag, into=into)
        finally:
            send.wait()

    def both_ways(self, value, into, tag=0):
        return self.comm.sendrecv(value, self.right(), tag, self.left(), tag, into=into)

    def probed(self, value, into, tag=0):
        send = self.comm.isend(value, self.right(), tag)
        try:
            return self.comm.mprobe(self.left(), tag).recv(into=into)
        finally:
            send.wait()

    def ways(self):
        """The verbs that bring every rank what it gives, into memory."""
        n, me = self.comm.size, self.comm.rank
        return {
            "recv": self.blocking, "irecv": self.begun, "sendrecv": self.both_ways,
            "mprobe": self.probed,
            "bcast": lambda v, into: self.comm.bcast(v if me == n - 1 else None, n - 1, into=into),
            "ibcast": lambda v, into: self.comm.ibcast(v, n - 1, into=into).wait(),
            "scatter": lambda v, into: self.comm.scatter([v] * n, n - 1, into=into),
            "allreduce": lambda v, into: self.comm.allreduce(v, mpi.MAX, into=into),
            "allreduce_by_callable": lambda v, into: self.comm.allreduce(v, lambda a, b: b, into=into),
            "scan": lambda v, into: self.comm.scan(v, mpi.MAX, into=into),
            "reduce_scatter": lambda v, into: self.comm.reduce_scatter([v] * n, mpi.MAX, into=into),
        }

    def intact(self):
        np = self.np
        for value in "intact", np.arange(1000):
            self.assertTrue(values.same(self.blocking(value, None, 55), value, np))
        self.assertTrue((self.comm.allreduce(np.ones(300)) == self.comm.size).all())
        self.assertEqual(self.comm.allgather("intact"), ["intact"] * self.comm.size)

    def filled(self, value, target):
        self.assertTrue((target == value).all())


class Right(Into):
    def test_the_same_object_comes_back(self):
        for name, way in self.ways().items():
            for count in COUNTS:
                with self.subTest(f"{name} {count}"):
                    value = self.np.arange(count) + 0.5
                    target = self.np.zeros(count)
                    self.assertIs(way(value, target), target)
                    self.filled(value, target)

    def test_none_means_nothing(self):
        for name, way in self.ways().items():
            with self.subTest(name):
                value = self.np.arange(7.0)
                self.filled(value, way(value, None))

    def test_kinds(self):
        for name, way in self.ways().items():
            for kind in "?", "i1", "u2", "i8", "f2", "f4", "g", ">f8", "F", "D", "M8[s]":
                if kind == ">f8" and name not in MOVES:
                    continue    # numpy.maximum gives it in the machine's order
                value = self.np.arange(600).reshape(20, 30).astype(kind)
                with self.subTest(f"{name} {kind}"):
                    target = self.np.zeros_like(value)
                    self.assertIs(way(value, target), target)
                    self.filled(value, target)

    def test_another_shape_of_the_same_size(self):
        for name, way in self.ways().items():
            for count in 24, 24_000:
                value = self.np.arange(count).reshape(4, -1)
                for shape in (count,), (-1, 4), (2, 3, -1):
                    with self.subTest(f"{name} {count} {shape}"):
                        target = self.np.zeros(count, int).reshape(shape)
                        self.assertIs(way(value, target), target)
                        self.filled(value.reshape(shape), target)

    def test_orders(self):
        """Every order into every other: the elements go where their indices are."""
        np = self.np
        orders = {"C": np.ascontiguousarray, "F": np.asfortranarray,
                  "strided": lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
                  "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1]}
        for name, way in self.ways().items():
            for shape in (3, 4), (40, 100):
                plain = np.arange(shape[0] * shape[1]).reshape(shape)
                for of, ordered in orders.items():
                    for to, make in orders.items():
                        with self.subTest(f"{name} {of} into {to}"):
                            value, target = ordered(plain), make(np.zeros_like(plain))
                            self.assertEqual(target.sum(), 0)
                            self.assertIs(way(value, target), target)
                            self.filled(plain, target)

    def test_a_fortran_array_into_another_shape(self):
        """As numpy.reshape: by the order of the indices."""
        np = self.np
        value = np.asfortranarray(np.arange(12.0).reshape(3, 4))
        for name, way in self.ways().items():
            for target in np.zeros(12), np.zeros((4, 3)), np.zeros((4, 3), order="F"):
                with self.subTest(name):
                    self.assertIs(way(value, target), target)
                    self.filled(value.reshape(target.shape), target)

    def test_only_the_target_is_written(self):
        np = self.np
        for name, way in self.ways().items():
            around = np.full((10, 10), -1.0)
            target = around[2:6, 3:7]
            way(np.ones((4, 4)), target)
            self.assertEqual((around == 1).sum(), 16, name)
            self.assertEqual((around == -1).sum(), 84, name)

    def test_memories_that_are_no_arrays(self):
        for name in MOVES:
            way = self.ways()[name]
            for size in 8, 80, 8000, 160_000:
                data = bytes(i % 251 for i in range(size))
                for target in (bytearray(size), memoryview(bytearray(size)),
                               array.array("d", bytes(size)), memoryview(bytearray(2 * size))[::2],
                               self.np.zeros(size, "u1"), self.np.zeros(size // 8)):
                    for value in data, bytearray(data), memoryview(data):
                        with self.subTest(f"{name} {size} {type(target).__name__}"):
                            self.assertIs(way(value, target), target)
                            got = memoryview(target)
                            self.assertEqual(got.tobytes(), data)

    def test_arrays_into_other_memory(self):
        for name in "recv", "bcast", "scatter":
            way = self.ways()[name]
            for value in self.np.arange(50.0), self.np.asfortranarray(self.np.arange(50.0).reshape(5, 10)):
                for target in array.array("d", bytes(400)), bytearray(400):
                    with self.subTest(f"{name} {type(target).__name__} {value.shape}"):
                        self.assertIs(way(value, target), target)
                        self.assertEqual(bytes(target), value.tobytes())

    def test_numbers_into_arrays_of_no_dimension(self):
        np = self.np
        for name, way in self.ways().items():
            target = np.zeros(())
            self.assertIs(way(np.array(2.5), target), target)
            self.assertEqual(target[()], 2.5, name)

    def test_overlapping_the_argument(self):
        """The target may lie over what is reduced."""
        np = self.np
        for count in 10, 1000, 100_000:
            for shift in 0, 1, 7:
                memory = np.arange(count + 10.0)
                value, target = memory[:count], memory[shift:count + shift]
                want = np.arange(count + 0.0) * self.comm.size
                self.assertIs(self.comm.allreduce(value, into=target), target)
                self.filled(want, target)

    def test_reduce_on_root_alone(self):
        np = self.np
        for count in 10, 100_000:
            target = np.zeros(count)
            got = self.comm.reduce(np.ones(count), into=target)
            self.assertIs(got, target if self.comm.rank == 0 else None)
            self.filled(float(self.comm.size) if self.comm.rank == 0 else 0.0, target)

    def test_exscan(self):
        np = self.np
        target = np.full(3, -1.0)
        got = self.comm.exscan(np.ones(3), into=target)
        self.assertIs(got, target if self.comm.rank else None)
        self.filled(self.comm.rank or -1.0, target)

    def test_rows(self):
        """A list of objects goes into the rows of an array, or the places of a list."""
        np, n, me = self.np, self.comm.size, self.comm.rank
        for count in 1, 5, 20_000:
            for target in np.zeros((n, count)), np.zeros((count, n)).T, np.zeros((n, count), order="F"):
                self.assertIs(self.comm.allgather(np.full(count, me + 1.0), into=target), target)
                self.filled(np.arange(1, n + 1)[:, None], target)
                target[:] = 0
                got = self.comm.gather(np.full(count, me + 1.0), into=target)
                self.assertIs(got, target if me == 0 else None)
                self.assertIs(self.comm.alltoall([np.full(count, me + 1.0)] * n, into=target), target)
                self.filled(np.arange(1, n + 1)[:, None], target)
        numbers = np.zeros(n, int)
        self.assertIs(self.comm.allgather(me, into=numbers), numbers)
        self.assertEqual(numbers.tolist(), list(range(n)))
        items = [None] * n
        self.assertIs(self.comm.allgather({"r": me}, into=items), items)
        self.assertEqual(items, [{"r": r} for r in range(n)])
        letters = bytearray(n)
        self.assertIs(self.comm.allgather(65 + me, into=letters), letters)
        self.assertEqual(letters, b"ABCD"[:n])
        rows = [np.zeros(3) for _ in range(n)]
        before = list(rows)
        self.comm.allgather(np.full(3, float(me)), into=rows)
        self.assertTrue(all(a is b for a, b in zip(rows, before)))
        self.assertEqual([r[0] for r in rows], list(range(n)))


class Refused(Into):
    """What does not fit is named, by every verb alike, and the next message is intact."""

    def refused(self, name, value, into, kinds, *words):
        with self.assertRaises(kinds, msg=name) as caught:
            self.ways()[name](value, into)
        for word in words:
            self.assertIn(word, str(caught.exception), name)

    def everywhere_refused(self, value, make, kinds, *words):
        for name in self.ways():
            with self.subTest(name):
                self.refused(name, value, make(), kinds, "into", *words)
                self.intact()

    def test_another_type(self):
        np = self.np
        for count in 10, 10_000:
            self.everywhere_refused(np.arange(count + 0.0), lambda: np.zeros(count, "f4"), TypeError,
                                    "float64", "float32")
            self.everywhere_refused(np.arange(count + 0.0), lambda: np.zeros(count, "i8"), TypeError,
                                    "float64", "int64")

    def test_another_size(self):
        np = self.np
        for count in 10, 10_000:
            self.everywhere_refused(np.arange(count + 0.0), lambda: np.zeros(count + 1), ValueError,
                                    str(count), str(count + 1))
            self.everywhere_refused(np.arange(count + 0.0), lambda: np.zeros(count - 1), ValueError,
                                    str(count), str(count - 1))
            self.everywhere_refused(np.arange(count + 0.0), lambda: np.zeros(0), ValueError)

    def test_what_is_no_memory(self):
        for into in 7, "text", {}, (1, 2), object():
            for name in self.ways():
                with self.assertRaises(TypeError) as caught:
                    call = getattr(self.comm, name.split("_by")[0].replace("mprobe", "recv"))
                    if "recv" in name or name == "mprobe":
                        self.comm.recv(0, into=into)
                    else:
                        call([1] * self.comm.size, into=into)
                self.assertIn("into", str(caught.exception))
        self.intact()

    def test_read_only(self):
        """Before anything is sent: on all ranks, or the others would wait."""
        np = self.np
        frozen = np.zeros(5)
        frozen.flags.writeable = False
        for into in frozen, b"12345", memoryview(b"12345"):
            for call in (lambda i=into: self.comm.recv(self.left(), into=i),
                         lambda i=into: self.comm.irecv(self.left(), into=i),
                         lambda i=into: self.comm.sendrecv(1, self.right(), into=i),
                         lambda i=into: self.comm.bcast(1, into=i),
                         lambda i=into: self.comm.scatter([1] * self.comm.size, into=i),
                         lambda i=into: self.comm.gather(1, into=i),
                         lambda i=into: self.comm.allgather(1, into=i),
                         lambda i=into: self.comm.alltoall([1] * self.comm.size, into=i),
                         lambda i=into: self.comm.reduce(1, into=i),
                         lambda i=into: self.comm.allreduce(1, into=i),
                         lambda i=into: self.comm.scan(1, into=i),
                         lambda i=into: self.comm.exscan(1, into=i),
                         lambda i=into: self.comm.reduce_scatter([1] * self.comm.size, into=i)):
                with self.assertRaises(ValueError) as caught:
                    call()
                self.assertIn("into is read-only", str(caught.exception))
        self.intact()

    def test_values_that_are_no_memory(self):
        for value in None, "text", {"a": 1}, 2**70:
            for name in "recv", "irecv", "sendrecv", "mprobe", "ibcast":
                with self.subTest(f"{name} {value!r}"):
                    self.refused(name, value, bytearray(8), TypeError, "into")
        self.intact()

    def test_memory_into_a_list(self):
        for name in "recv", "bcast", "scatter":
            self.refused(name, self.np.zeros(3), [0, 0, 0], REFUSED, "into")
        self.intact()

    def test_bytes_of_another_length(self):
        for name in "recv", "irecv", "mprobe", "bcast":
            for target in bytearray(7), bytearray(9), self.np.zeros(2, "u1"), memoryview(bytearray(0)):
                self.refused(name, b"12345678", target, ValueError, "into", "8")
        self.intact()

    def test_other_elements_in_memory(self):
        for name in "recv", "bcast":
            self.refused(name, self.np.arange(4.0), array.array("q", bytes(32)), TypeError, "into")
        self.intact()

    def test_rows_that_do_not_fit(self):
        np, n = self.np, self.comm.size
        for into, value, kinds in ((np.zeros((n + 1, 3)), np.ones(3), ValueError),
                                   (np.zeros((n, 4)), np.ones(3), ValueError),
                                   (np.zeros((n, 3), "f4"), np.ones(3), TypeError),
                                   ([0] * (n + 1), 1, ValueError),
                                   (np.zeros((n, 3)), "text", REFUSED)):
            with self.assertRaises(kinds):
                self.comm.allgather(value, into=into)
            self.intact()

    def test_one_rank_alone(self):
        """Its memory does not fit: it is told, the others have their results."""
        np = self.np
        for wrong in range(self.comm.size):
            for count in 10, 100_000:
                bad = self.comm.rank == wrong
                for call in (lambda i: self.comm.bcast(np.ones(count), into=i),
                             lambda i: self.comm.allreduce(np.ones(count), mpi.MAX, into=i),
                             lambda i: self.comm.scatter([np.ones(count)] * self.comm.size, into=i),
                             lambda i: self.comm.scan(np.ones(count), mpi.MAX, into=i)):
                    into = np.zeros(count + bad)
                    if bad:
                        with self.assertRaises(ValueError):
                            call(into)
                    else:
                        self.assertIs(call(into), into)
                        self.filled(1, into)
        self.intact()


support.main()
