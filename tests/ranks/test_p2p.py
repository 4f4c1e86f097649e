"""Messages between two ranks: every kind of value, sources and tags, order, bad arguments."""
# SPDX-License-Identifier: MIT
# timeout: 120

import sys
import threading

import mpi
import support
import values
from support import numpy_or_skip

REFUSED = (mpi.Error, ValueError, TypeError, OverflowError)


class Ring(support.Comms):
    """A value goes around: each rank sends it to its right neighbour.

    A send may wait for its receive, so odd ranks receive first, and a rank that is its own
    neighbour sends from a second thread.
    """

    def around(self, obj, tag=0):
        if self.comm.size == 1:
            return self.to_oneself(obj, tag)
        if self.comm.rank % 2:
            got = self.comm.recv(self.left(), tag)
        self.comm.send(obj, self.right(), tag)
        return got if self.comm.rank % 2 else self.comm.recv(self.left(), tag)

    def to_oneself(self, obj, tag):
        failed = []

        def send():
            try:
                self.comm.send(obj, 0, tag)
            except BaseException as e:      # else the receive below would wait for ever
                failed.append(e)
                self.comm.send(None, 0, tag)

        sender = threading.Thread(target=send)
        sender.start()
        got = self.comm.recv(0, tag)
        sender.join()
        if failed:
            raise failed[0]
        return got


class Values(Ring):
    """Each value arrives as it was sent, of the same type."""

    def check(self, cases, np=None):
        for i, value in enumerate(cases):
            with self.subTest(values.show(value)):
                got = self.around(value, i)
                self.assertTrue(values.same(got, value, np), values.show(got))

    def test_numbers(self):
        self.check(values.numbers())

    def test_texts(self):
        self.check(values.texts())

    def test_containers(self):
        self.check(values.containers())

    def test_objects(self):
        self.check(values.objects())

    def test_values_inside_containers(self):
        for v in values.numbers() + values.texts():
            self.check([[v], (v, v), {"k": v}])

    def test_all_at_once(self):
        self.check([values.all_values()])

    def test_exceptions(self):
        for e in (ValueError("a", 1), KeyError("k"), values.Trouble(3, "t"), SystemExit(4),
                  UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why"), mpi.Error("text")):
            with self.subTest(values.show(e)):
                got = self.around(e)
                self.assertIs(type(got), type(e))
                self.assertEqual(got.args, e.args)

    def test_recursive(self):
        a = [1]
        a.append(a)
        d = {}
        d["self"] = d
        got_a, got_d = self.around(a), self.around(d)
        self.assertIs(got_a[1], got_a)
        self.assertIs(got_d["self"], got_d)

    def test_shared_parts_stay_shared(self):
        part = values.Plain(a=1)
        got = self.around([part, part])
        self.assertIs(got[0], got[1])

    def test_shared_list_stays_shared(self):
        part = [1]
        got = self.around({"a": part, "b": part})
        self.assertIs(got["a"], got["b"])

    def test_nesting_deeper_than_recursion_allows(self):
        """Too deep for pickle too: an error on the caller, and nothing half-sent."""
        deep = []
        for _ in range(sys.getrecursionlimit() * 20):
            deep = [deep]
        with self.assertRaises((RecursionError, *REFUSED)):
            self.comm.send(deep, self.right())
        self.assertEqual(self.around("next"), "next")
        while deep:                     # taken apart by hand: its repr would recurse, too
            deep = deep.pop()

    def test_sizes_around_limits(self):
        for n in [0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 255, 256, 257, 1000, 4095, 4096, 4097,
                  8191, 65535, 65536, 65537, 1 << 20, (1 << 22) + 3]:
            with self.subTest(n):
                for value in (b"x" * n, "y" * n, bytearray(n), list(range(min(n, 70_000)))):
                    self.assertEqual(self.around(value), value)

    def test_a_mutable_value_arrives_as_a_copy(self):
        mine = {"a": [1, 2], "b": bytearray(b"x")}
        got = self.around(mine)
        mine["a"].append(3)
        mine["b"][0] = 0
        self.assertEqual(got, {"a": [1, 2], "b": bytearray(b"x")})

    def test_changed_after_send(self):
        """When send returns, the value is the sender's again."""
        for n in (10, 1000, 100_000, 3_000_000):
            mine = bytearray(b"1" * n)
            if self.comm.rank % 2:
                self.assertEqual(self.comm.recv(self.left()), b"1" * n)
            elif self.comm.rank + 1 < self.comm.size:
                self.comm.send(mine, self.right())
                mine[:] = b"2" * n

    def test_changed_after_send_to_oneself(self):
        for n in (1, 10, 100):
            mine = bytearray(b"1" * n)
            self.comm.send(mine, self.comm.rank)
            mine[:] = b"2" * n
            self.assertEqual(self.comm.recv(self.comm.rank), b"1" * n)


class Arrays(Ring):
    """NumPy arrays keep dtype, shape and values; what arrives can be written to."""

    def test_kinds(self):
        np = numpy_or_skip()
        for i, a in enumerate(values.arrays(np)):
            with self.subTest(f"{i} {getattr(a, 'dtype', '')} {getattr(a, 'shape', '')}"):
                got = self.around(a, i)
                self.assertTrue(values.same(got, a, np), values.show(got))

    def test_what_arrives_is_writeable_and_own(self):
        np = numpy_or_skip()
        for n in (0, 3, 100_000):
            a = np.arange(n)
            got = self.around(a)
            got[...] = -1
            self.assertTrue((a == np.arange(n)).all())

    def test_order_of_memory(self):
        np = numpy_or_skip()
        a = np.asfortranarray(np.arange(12.0).reshape(3, 4))
        got = self.around(a)
        self.assertTrue((got == a).all())
        self.assertTrue(got.flags.f_contiguous or got.flags.c_contiguous)

    def test_inside_containers(self):
        np = numpy_or_skip()
        many = {str(i): a for i, a in enumerate(values.arrays(np))}
        got = self.around(many)
        self.assertTrue(values.same(got, many, np))
        nested = [np.arange(5), (np.arange(200_000), {"x": np.float64(2)}), values.Plain(a=1)]
        got = self.around(nested)
        self.assertTrue(values.same(got, nested, np))

    def test_subclasses(self):
        np = numpy_or_skip()
        masked = np.ma.array([1, 2, 3], mask=[0, 1, 0])
        got = self.around(masked)
        self.assertIs(type(got), type(masked))
        self.assertEqual(got.tolist(), [1, None, 3])
        record = np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
        self.assertEqual(self.around(record).a.tolist(), [1])

    def test_types_that_others_brought(self):
        """NumPy's tests bring a dtype whose string does not tell what it is."""
        np = numpy_or_skip()
        try:
            from numpy._core._rational_tests import rational
        except ImportError:
            try:
                from numpy.core._rational_tests import rational
            except ImportError:
                self.skipTest("this NumPy comes without its tests")
        for a in np.array([rational(1, 2), rational(2, 3)]), np.zeros(3, "V5"):
            got = self.around(a)
            self.assertEqual((got.dtype, got.tolist()), (a.dtype, a.tolist()))

    def test_big(self):
        np = numpy_or_skip()
        a = np.random.default_rng(support.SEED).random(3_000_000 if support.FULL else 500_000)
        self.assertTrue((self.around(a) == a).all())

    def test_memoryview(self):
        """A memoryview arrives as something with the same bytes."""
        got = self.around(memoryview(b"abcdef")[::2])
        self.assertEqual(bytes(got), b"ace")


class Matching(Ring):
    """Sources, tags and order."""

    def test_to_oneself(self):
        me = self.comm.rank
        for i in range(50):
            self.comm.send(("own", i), me, i)
        for i in reversed(range(50)):
            self.assertEqual(self.comm.recv(me, i), ("own", i))

    def test_defaults(self):
        """recv() takes anything; send's tag is 0."""
        self.comm.send(1, self.right())
        self.assertEqual(self.comm.recv(), 1)
        self.comm.send(2, self.right())
        self.assertEqual(self.comm.recv(self.left(), 0), 2)

    def test_keywords(self):
        self.comm.send(obj="k", dest=self.right(), tag=4)
        self.assertEqual(self.comm.recv(source=self.left(), tag=4), "k")

    def test_order_within_a_pair(self):
        """Of small and middling messages, in portions that fit in MPI's own buffers."""
        for start in range(0, 300, 10):
            sent = [i if i % 3 else [i] * 20 for i in range(start, start + 10)]
            for value in sent:
                self.comm.send(value, self.right(), 1)
            self.assertEqual([self.comm.recv(self.left(), 1) for _ in sent], sent)

    def test_order_of_small_and_large(self):
        sizes = [1, 200_000, 2, 1_000_000, 3, 40_000, 4]
        if self.comm.rank % 2 == 0 and self.comm.rank + 1 < self.comm.size:
            for n in sizes:
                self.comm.send(b"s" * n, self.comm.rank + 1)
        elif self.comm.rank % 2:
            got = [len(self.comm.recv(self.comm.rank - 1)) for _ in sizes]
            self.assertEqual(got, sizes)

    def test_tags_pick(self):
        for tag in (5, 3, 9):
            self.comm.send(f"tag {tag}", self.right(), tag)
        for tag in (9, 5, 3):
            self.assertEqual(self.comm.recv(self.left(), tag), f"tag {tag}")

    def test_any_tag_takes_the_first(self):
        for tag in (5, 3, 9):
            self.comm.send(tag, self.right(), tag)
        got = [self.comm.recv(self.left(), mpi.ANY_TAG) for _ in range(3)]
        self.assertEqual(got, [5, 3, 9])

    def test_any_source(self):
        if self.comm.rank == 0:
            got = sorted(self.comm.recv(mpi.ANY_SOURCE, 2) for _ in range(self.comm.size - 1))
            self.assertEqual(got, list(range(1, self.comm.size)))
        else:
            self.comm.send(self.comm.rank, 0, 2)

    def test_any_source_keeps_order_within_each(self):
        each = 40
        if self.comm.rank == 0:
            got = [self.comm.recv() for _ in range(each * (self.comm.size - 1))]
            for r in range(1, self.comm.size):
                self.assertEqual([i for s, i in got if s == r], list(range(each)))
        else:
            for i in range(each):
                self.comm.send((self.comm.rank, i), 0, i)

    def test_any_source_leaves_other_tags(self):
        self.comm.send("late", self.comm.rank, 8)
        self.comm.send("now", self.comm.rank, 7)
        self.assertEqual(self.comm.recv(mpi.ANY_SOURCE, 7), "now")
        self.assertEqual(self.comm.recv(mpi.ANY_SOURCE, 8), "late")

    def test_large_tags(self):
        for tag in (0, 1, 32767, 1_000_000):
            self.assertEqual(self.around(tag, tag), tag)

    def test_late_receiver(self):
        """A receiver that comes late finds its messages; the sender of small ones went on."""
        self.comm.send("early", self.right(), 11)
        self.comm.barrier()
        self.assertEqual(self.comm.recv(self.left(), 11), "early")

    def test_late_sender(self):
        """The last rank enters only after a chain of messages has passed the others."""
        if self.comm.rank > 0:
            self.comm.recv(self.comm.rank - 1, 12)
        if self.comm.rank + 1 < self.comm.size:
            self.comm.send(None, self.comm.rank + 1, 12)
        self.comm.barrier()

    def test_many_outstanding(self):
        n = 2000
        for i in range(n):
            self.comm.send(i, self.comm.rank, i)
        self.assertEqual(sum(self.comm.recv(self.comm.rank, i) for i in range(n)), n * (n - 1) // 2)

    def test_exchange_of_large(self):
        """Both sides first receive or first send, by the parity of their rank."""
        self.need(2)
        data = bytes([self.comm.rank]) * 3_000_000
        partner = self.comm.rank ^ 1
        if partner >= self.comm.size:
            return
        if self.comm.rank % 2:
            got = self.comm.recv(partner)
            self.comm.send(data, partner)
        else:
            self.comm.send(data, partner)
            got = self.comm.recv(partner)
        self.assertEqual(got, bytes([partner]) * 3_000_000)


class Unsendable:
    """Fails when pickled."""

    def __reduce__(self):
        raise ValueError("refuses to be pickled")


def _explode():
    raise LookupError("cannot be rebuilt")


class Bomb:
    """Fails when unpickled."""

    def __reduce__(self):
        return _explode, ()


class BadArguments(Ring):
    """What is wrong is said to the caller, by name and value; the next message is intact."""

    def refused(self, call, *words):
        with self.assertRaises(REFUSED) as caught:
            call()
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertEqual(self.around("intact", 3), "intact")

    def test_rank_out_of_range(self):
        size = self.comm.size
        for rank in (size, -7, size + 100, 2**31, 2**70):
            with self.subTest(rank):
                self.refused(lambda: self.comm.send(1, rank), "send", str(rank))
                self.refused(lambda: self.comm.recv(rank), "recv", str(rank))

    def test_send_to_any(self):
        self.refused(lambda: self.comm.send(1, mpi.ANY_SOURCE), "send")

    def test_negative_tag(self):
        self.refused(lambda: self.comm.send(1, 0, -3), "send", "-3")
        self.refused(lambda: self.comm.recv(0, -3), "recv", "-3")

    def test_send_with_any_tag(self):
        self.refused(lambda: self.comm.send(1, 0, mpi.ANY_TAG), "send")

    def test_tag_too_large(self):
        self.refused(lambda: self.comm.send(1, 0, 2**31), "send", str(2**31))
        self.refused(lambda: self.comm.send(1, 0, 2**80), "send")

    def test_rank_of_a_wrong_type(self):
        for rank in (None, "0", 1.0, [0]):
            with self.subTest(repr(rank)):
                with self.assertRaises(TypeError):
                    self.comm.send(1, rank)
        self.assertEqual(self.around(1), 1)

    def test_missing_and_surplus(self):
        for call in (lambda: self.comm.send(), lambda: self.comm.send(1),
                     lambda: self.comm.send(1, 0, 0, 0), lambda: self.comm.recv(0, 0, 0, 0, 0),
                     lambda: self.comm.send(1, 0, colour=3)):
            with self.assertRaises(TypeError):
                call()

    def test_unpicklable(self):
        for value, word in ((threading.Lock(), "lock"), ((i for i in ()), "generator"),
                            (lambda: 0, "lambda"), (sys.stdout, "TextIOWrapper")):
            for wrapped in (value, [1, value], {"k": (value,)}):
                with self.subTest(word):
                    with self.assertRaises(Exception) as caught:
                        self.comm.send(wrapped, self.right())
                    self.assertIn(word, str(caught.exception))
                    self.assertEqual(self.around("intact"), "intact")

    def test_own_pickling_error(self):
        with self.assertRaisesRegex(ValueError, "refuses to be pickled"):
            self.comm.send([1, Unsendable()], self.right())
        self.assertEqual(self.around("intact"), "intact")

    def test_unpickling_error(self):
        """It is raised by recv, which has taken the message; the next one is intact."""
        self.comm.send(Bomb(), self.right())
        with self.assertRaisesRegex(LookupError, "cannot be rebuilt"):
            self.comm.recv(self.left())
        self.assertEqual(self.around("intact"), "intact")

    def test_a_large_unpicklable_part(self):
        np = numpy_or_skip()
        with self.assertRaises(Exception):
            self.comm.send([np.ones(300_000), threading.Lock()], self.right())
        self.assertEqual(self.around("intact"), "intact")

    def test_references_are_given_back(self):
        """Neither success nor failure keeps the value alive."""
        value = values.Plain(a=1)
        before = sys.getrefcount(value)
        for _ in range(100):
            self.around(value)
            with self.assertRaises(REFUSED):
                self.comm.send(value, -9)
        self.assertEqual(sys.getrefcount(value), before)


class Module(support.Comms):
    """The verbs as functions of the module mean the world."""
    over = ("world",)

    def test_send_recv(self):
        mpi.send("m", self.right(), 6)
        self.assertEqual(mpi.recv(self.left(), 6), "m")
        mpi.send("n", self.right())
        self.assertEqual(self.comm.recv(self.left()), "n")


support.main()
