"""The collective verbs, from barrier to allreduce: values, roots, operators, errors."""
# SPDX-License-Identifier: MIT
# timeout: 120

import functools
import math
import operator
import signal

import mpi
import support
import values
from support import numpy_or_skip

REFUSED = (mpi.Error, ValueError, TypeError, OverflowError)


class Barrier(support.Comms):
    def test_gives_none(self):
        self.assertIsNone(self.comm.barrier())

    def test_many(self):
        for _ in range(200):
            self.comm.barrier()

    def test_nobody_passes_before_the_last_came(self):
        """Rank by rank comes late: what it sent before is there after the barrier."""
        for late in range(self.comm.size):
            if self.comm.rank == late:
                for r in range(self.comm.size):
                    self.comm.send(late, r, 17)
            self.comm.barrier()
            self.assertEqual(self.comm.recv(late, 17), late)


class Bcast(support.Comms):
    def check(self, cases, np=None):
        for i, value in enumerate(cases):
            root = i % self.comm.size
            with self.subTest(values.show(value)):
                got = self.comm.bcast(value if self.comm.rank == root else None, root)
                self.assertTrue(values.same(got, value, np), values.show(got))

    def test_values(self):
        self.check(values.all_values())

    def test_arrays(self):
        np = numpy_or_skip()
        self.check(values.arrays(np), np)

    def test_arrays_in_containers(self):
        np = numpy_or_skip()
        self.check([values.arrays(np), {"a": np.arange(100_000), "b": [np.zeros((0, 2))]}], np)

    def test_root_is_zero_unless_said(self):
        self.assertEqual(self.comm.bcast(self.comm.rank), 0)
        self.assertEqual(self.comm.bcast(obj=self.comm.rank, root=self.comm.size - 1),
                         self.comm.size - 1)

    def test_what_others_pass_does_not_matter(self):
        mine = "root's" if self.comm.rank == 0 else object()
        self.assertEqual(self.comm.bcast(mine), "root's")

    def test_without_a_value_off_root(self):
        got = self.comm.bcast(5) if self.comm.rank == 0 else self.comm.bcast(None)
        self.assertEqual(got, 5)

    def test_ranks_own_copies(self):
        got = self.comm.bcast([0])
        got.append(self.comm.rank)
        self.assertEqual(self.everywhere(got), [[0, r] for r in range(self.comm.size)])

    def test_sizes(self):
        for n in (0, 1, 100, 255, 256, 1000, 4096, 65_536, 1_000_003):
            root = n % self.comm.size
            value = b"b" * n if self.comm.rank == root else None
            self.assertEqual(self.comm.bcast(value, root), b"b" * n)

    def test_many_in_a_row_do_not_mix(self):
        got = [self.comm.bcast(i if self.comm.rank == i % self.comm.size else -1,
                               i % self.comm.size) for i in range(300)]
        self.assertEqual(got, list(range(300)))

    def test_not_mixed_with_messages(self):
        """A collective does not take a waiting message, nor recv a part of a collective."""
        self.comm.send("message", self.right(), 0)
        self.assertEqual(self.comm.bcast("all"), "all")
        self.assertEqual(self.comm.allgather(1), [1] * self.comm.size)
        self.assertEqual(self.comm.recv(), "message")


class Scatter(support.Comms):
    def test_one_item_each(self):
        for root in range(self.comm.size):
            items = [(root, r) for r in range(self.comm.size)]
            got = self.comm.scatter(items if self.comm.rank == root else None, root)
            self.assertEqual(got, (root, self.comm.rank))

    def test_items_of_many_kinds(self):
        np = numpy_or_skip()
        kinds = [None, "text", 2**80, np.arange(100_000), {"a": [1]}, b"x" * 300_000]
        for shift in range(len(kinds)):
            items = [kinds[(r + shift) % len(kinds)] for r in range(self.comm.size)]
            got = self.comm.scatter(items if self.comm.rank == 0 else None)
            self.assertTrue(values.same(got, items[self.comm.rank], np))

    def test_from_any_iterable_of_right_length(self):
        n = self.comm.size
        for items in (list(range(n)), tuple(range(n)), range(n)):
            self.assertEqual(self.comm.scatter(items), self.comm.rank)

    def test_rows_of_an_array(self):
        np = numpy_or_skip()
        a = np.arange(self.comm.size * 3.0).reshape(self.comm.size, 3)
        got = self.comm.scatter(a if self.comm.rank == 0 else None)
        self.assertEqual(list(got), list(a[self.comm.rank]))

    def test_wrong_length_on_one_rank(self):
        """What a wrong length does to a job is tested from outside."""
        self.need(1)
        if self.comm.size > 1:
            self.skipTest("on a communicator of one rank only")
        for items in ([], [1, 2], (1, 2, 3)):
            with self.assertRaises(REFUSED) as caught:
                self.comm.scatter(items)
            self.assertIn(str(len(items)), str(caught.exception))
        with self.assertRaises(REFUSED):
            self.comm.scatter(None)
        self.assertEqual(self.comm.scatter([5]), 5)


class Gather(support.Comms):
    def test_gather(self):
        for root in range(self.comm.size):
            got = self.comm.gather(("from", self.comm.rank), root)
            self.assertEqual(got, [("from", r) for r in range(self.comm.size)]
                             if self.comm.rank == root else None)

    def test_root_is_zero_unless_said(self):
        got = self.comm.gather(self.comm.rank)
        self.assertEqual(got is None, self.comm.rank != 0)

    def test_allgather(self):
        self.assertEqual(self.comm.allgather(self.comm.rank), list(range(self.comm.size)))

    def test_unequal_kinds_and_sizes(self):
        np = numpy_or_skip()
        kinds = [np.arange(200_000), None, "x" * 100_000, {"k": np.ones(3)}, [], 2**70]
        mine = [kinds[(r + 1) % len(kinds)] for r in range(self.comm.size)]
        got = self.comm.allgather(mine[self.comm.rank])
        self.assertTrue(values.same(got, mine, np))
        got = self.comm.gather(mine[self.comm.rank])
        self.assertTrue(got is None or values.same(got, mine, np))

    def test_values(self):
        for value in values.all_values():
            with self.subTest(values.show(value)):
                got = self.comm.allgather(value)
                self.assertTrue(values.same(got, [value] * self.comm.size))

    def test_arrays(self):
        np = numpy_or_skip()
        for i, a in enumerate(values.arrays(np)):
            with self.subTest(f"{i} {getattr(a, 'dtype', '')}"):
                self.assertTrue(values.same(self.comm.allgather(a), [a] * self.comm.size, np))

    def test_the_shape_does_not_depend_on_the_type(self):
        """A list with an item a rank, also of arrays."""
        np = numpy_or_skip()
        got = self.comm.allgather(np.full(3, self.comm.rank))
        self.assertIs(type(got), list)
        self.assertEqual([a.tolist() for a in got], [[r] * 3 for r in range(self.comm.size)])

    def test_own_item_is_a_copy(self):
        np = numpy_or_skip()
        mine = np.zeros(4)
        got = self.comm.allgather(mine)
        got[self.comm.rank][:] = 7
        self.assertEqual(mine.sum(), 0)

    def test_late_ranks(self):
        """Each rank in turn comes last, after it got a message from its predecessor."""
        for _ in range(5):
            if self.comm.rank:
                self.comm.recv(self.comm.rank - 1, 21)
            if self.comm.rank + 1 < self.comm.size:
                self.comm.send(0, self.comm.rank + 1, 21)
            self.assertEqual(self.comm.allgather(1), [1] * self.comm.size)


PYTHON = {"SUM": operator.add, "PROD": operator.mul, "MIN": min, "MAX": max,
          "BAND": operator.and_, "BOR": operator.or_, "BXOR": operator.xor}


class Reduce(support.Comms):
    """Each operator over numbers and arrays equals its Python counterpart."""

    def expected(self, op, make):
        return functools.reduce(op, [make(r) for r in range(self.comm.size)])

    def both(self, value, op, expected):
        self.assertTrue(values.same(self.comm.allreduce(value, op), expected),
                        f"{self.comm.allreduce(value, op)!r} is not {expected!r}")
        for root in range(self.comm.size):
            got = self.comm.reduce(value, op, root)
            self.assertTrue(values.same(got, expected if self.comm.rank == root else None))

    def test_sum_is_the_default(self):
        n = self.comm.size
        self.assertEqual(self.comm.allreduce(self.comm.rank + 1), n * (n + 1) // 2)
        got = self.comm.reduce(1)
        self.assertEqual(got, n if self.comm.rank == 0 else None)

    def test_ints(self):
        for name, op in PYTHON.items():
            with self.subTest(name):
                self.both(self.comm.rank + 5, getattr(mpi, name),
                          self.expected(op, lambda r: r + 5))

    def test_ints_beyond_64_bits(self):
        """No overflow: ints are Python's, also where only the result or one rank's is large."""
        for make in (lambda r: 2**62 + r, lambda r: 2**63 - 1, lambda r: -2**63, lambda r: 2**64,
                     lambda r: 10**50 * (r + 1), lambda r: 2**70 if r == 0 else 1,
                     lambda r: 3**40 + r, lambda r: -(2**90) - r):
            for name, op in PYTHON.items():
                with self.subTest(f"{name} {make(0)}"):
                    self.both(make(self.comm.rank), getattr(mpi, name), self.expected(op, make))

    def test_floats(self):
        def make(r):
            return 1.5 * r - 2
        for name in ("SUM", "PROD", "MIN", "MAX"):
            with self.subTest(name):
                self.both(make(self.comm.rank), getattr(mpi, name),
                          self.expected(PYTHON[name], make))

    def test_mixed_numbers(self):
        """An int here and a float there: the result is that of Python's operators."""
        def make(r):
            return r + 0.5 if r % 2 else r
        self.both(make(self.comm.rank), mpi.SUM, self.expected(operator.add, make))
        self.both(make(self.comm.rank), mpi.MAX, self.expected(max, make))

    def test_infinities(self):
        self.assertEqual(self.comm.allreduce(math.inf, mpi.SUM), math.inf)
        self.assertEqual(self.comm.allreduce(-math.inf, mpi.MIN), -math.inf)
        self.assertTrue(math.isnan(self.comm.allreduce(math.nan, mpi.SUM)))

    def test_complex(self):
        self.both(1 + 1j * self.comm.rank, mpi.SUM,
                  self.expected(operator.add, lambda r: 1 + 1j * r))
        self.both(1 + 1j * self.comm.rank, mpi.PROD,
                  self.expected(operator.mul, lambda r: 1 + 1j * r))

    def test_logical(self):
        for make in (lambda r: True, lambda r: False, lambda r: r == 1, lambda r: r != 0):
            all_of = [make(r) for r in range(self.comm.size)]
            mine = make(self.comm.rank)
            self.assertEqual(bool(self.comm.allreduce(mine, mpi.LAND)), all(all_of))
            self.assertEqual(bool(self.comm.allreduce(mine, mpi.LOR)), any(all_of))
            self.assertEqual(bool(self.comm.allreduce(mine, mpi.LXOR)), sum(all_of) % 2 == 1)

    def test_bools_add_as_in_python(self):
        self.assertEqual(self.comm.allreduce(True), self.comm.size)

    def test_bit_operators_refuse_floats(self):
        self.need(2)
        with self.assertRaises(REFUSED):
            self.comm.allreduce(1.5, mpi.BAND)

    def test_other_types_add(self):
        n = self.comm.size
        self.assertEqual(self.comm.allreduce([self.comm.rank]), list(range(n)))
        self.assertEqual(self.comm.allreduce("abcd"[self.comm.rank]), "abcd"[:n])
        self.assertEqual(self.comm.allreduce((1,)), (1,) * n)
        self.assertEqual(self.comm.allreduce({self.comm.rank}, mpi.BOR), set(range(n)))
        self.assertEqual(self.comm.allreduce("abcd"[self.comm.rank], mpi.MAX), "abcd"[n - 1])


class ReduceArrays(support.Comms):
    def check(self, np, dtype, names, shape=(3, 4)):
        make = functools.partial(_filled, np, dtype, shape)
        for name in names:
            with self.subTest(f"{name} {dtype} {shape}"):
                want = functools.reduce(_numpy_op(np, name), map(make, range(self.comm.size)))
                got = self.comm.allreduce(make(self.comm.rank), getattr(mpi, name))
                self.assertEqual((got.dtype, got.shape), (want.dtype, want.shape))
                self.assertTrue(np.allclose(got, want, rtol=1e-3 if dtype == "f2" else 1e-6))
                got = self.comm.reduce(make(self.comm.rank), getattr(mpi, name))
                self.assertEqual(got is None, self.comm.rank != 0)

    def test_integers(self):
        np = numpy_or_skip()
        for d in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"):
            self.check(np, d, ("SUM", "PROD", "MIN", "MAX", "BAND", "BOR", "BXOR"))

    def test_floats(self):
        np = numpy_or_skip()
        for d in ("f2", "f4", "f8", "g", ">f8", ">i4"):
            self.check(np, d, ("SUM", "PROD", "MIN", "MAX"))

    def test_complex(self):
        np = numpy_or_skip()
        for d in ("F", "D"):
            self.check(np, d, ("SUM", "PROD"))

    def test_shapes(self):
        np = numpy_or_skip()
        for shape in ((), (1,), (0,), (0, 3), (2, 1, 5), (300_000,)):
            self.check(np, "f8", ("SUM", "MAX"), shape)

    def test_logical(self):
        np = numpy_or_skip()
        mine = np.array([True, self.comm.rank == 0, False])
        self.assertEqual(self.comm.allreduce(mine, mpi.LAND).tolist(),
                         [True, self.comm.size == 1, False])
        self.assertEqual(self.comm.allreduce(mine, mpi.LOR).tolist(), [True, True, False])

    def test_layouts(self):
        np = numpy_or_skip()
        a = np.arange(24.0).reshape(4, 6) + self.comm.rank
        n = self.comm.size
        for pick in (lambda a: a.T, lambda a: a[::2, ::-2], np.asfortranarray, lambda a: a[1]):
            got = self.comm.allreduce(pick(a))
            want = pick(np.arange(24.0).reshape(4, 6)) * n + n * (n - 1) / 2
            self.assertTrue((got == want).all())

    def test_layouts_that_differ_between_ranks(self):
        np = numpy_or_skip()
        a = np.arange(12.0).reshape(3, 4)
        mine = np.asfortranarray(a) if self.comm.rank % 2 else a
        self.assertTrue((self.comm.allreduce(mine) == a * self.comm.size).all())

    def test_the_argument_is_unchanged(self):
        np = numpy_or_skip()
        a = np.ones(1000)
        got = self.comm.allreduce(a)
        got += 1
        self.assertEqual(a.sum(), 1000)

    def test_numpy_scalars(self):
        np = numpy_or_skip()
        got = self.comm.allreduce(np.float64(1.5))
        self.assertEqual(got, 1.5 * self.comm.size)

    def test_nan_is_kept_by_min_and_max(self):
        """As numpy.minimum does, on whichever rank the nan is."""
        np = numpy_or_skip()
        for where in range(self.comm.size):
            a = np.array([math.nan if self.comm.rank == where else 1.0, 2.0])
            for op in (mpi.MIN, mpi.MAX):
                got = self.comm.allreduce(a, op)
                self.assertEqual([math.isnan(x) for x in got], [True, False])


def _filled(np, dtype, shape, rank):
    a = np.arange(math.prod(shape)) % 3 + 1 + rank
    return a.astype(dtype).reshape(shape)


def _numpy_op(np, name):
    return {"SUM": np.add, "PROD": np.multiply, "MIN": np.minimum, "MAX": np.maximum,
            "BAND": np.bitwise_and, "BOR": np.bitwise_or, "BXOR": np.bitwise_xor}[name]


class Interrupted(support.Comms):
    """One signal is enough to leave a collective, whatever else is to be waited for."""
    over = ("world",)

    class Alarm(BaseException):
        pass

    def interrupted(self, verb):
        def alarm(*_):
            raise self.Alarm
        before = signal.signal(signal.SIGALRM, alarm)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            self.assertRaises(self.Alarm, verb)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def test_scatter_to_several_that_are_late(self):
        self.need(3)
        size = 1 << 22
        if self.comm.rank == 0:
            self.interrupted(lambda: self.comm.scatter([bytes(size)] * self.comm.size))
            for rank in range(1, self.comm.size):
                self.comm.send(None, rank, 5)
        else:
            self.comm.recv(0, 5)
            self.assertEqual(len(self.comm.scatter()), size)

    def test_goes_before_what_an_operator_raised(self):
        self.need(3)

        def first(a, b):
            if self.comm.rank == 0:
                raise LookupError
            return a
        if self.comm.rank == 0:
            self.interrupted(lambda: self.comm.reduce(1, first))
            self.comm.send(None, 2, 6)
        else:
            if self.comm.rank == 2:
                self.comm.recv(0, 6)
            self.assertIsNone(self.comm.reduce(1, first))


class Callables(support.Comms):
    def test_the_result_is_nobodys_argument(self):
        for verb in self.comm.reduce, self.comm.allreduce:
            value = [self.comm.size - self.comm.rank]
            result = verb(value, mpi.MAX)
            self.assertIsNot(result, value)
            self.assertIn(result, ([self.comm.size], None))

    """Any callable of two values; they are combined in the order of ranks."""

    def test_order_of_ranks(self):
        want = "".join("abcd"[:self.comm.size])
        mine = "abcd"[self.comm.rank]
        self.assertEqual(self.comm.allreduce(mine, lambda a, b: a + b), want)
        for root in range(self.comm.size):
            got = self.comm.reduce(mine, lambda a, b: a + b, root)
            self.assertEqual(got, want if self.comm.rank == root else None)

    def test_matrix_product_does_not_commute(self):
        np = numpy_or_skip()
        all_of = [np.array([[1, r], [r + 1, 1]]) for r in range(self.comm.size)]
        got = self.comm.allreduce(all_of[self.comm.rank], np.matmul)
        self.assertEqual(got.tolist(), functools.reduce(np.matmul, all_of).tolist())

    def test_callables_of_many_kinds(self):
        class Joiner:
            def __call__(self, a, b):
                return [*a, *b]
        for op in (operator.concat, Joiner(), functools.partial(lambda k, a, b: a + b, 0)):
            self.assertEqual(self.comm.allreduce([self.comm.rank], op),
                             list(range(self.comm.size)))
        self.assertEqual(self.comm.allreduce(self.comm.rank, max), self.comm.size - 1)

    def test_any_type(self):
        got = self.comm.allreduce({self.comm.rank: "r"}, lambda a, b: a | b)
        self.assertEqual(got, {r: "r" for r in range(self.comm.size)})

    def test_equal_result_everywhere(self):
        """Also where rounding makes the grouping visible: every rank has the same bits."""
        got = self.comm.allreduce(0.1 * (self.comm.rank + 1), lambda a, b: a * 1.1 + b / 3)
        self.assertEqual(len(set(self.everywhere(got))), 1)

    def test_may_change_its_first_argument(self):
        def add(a, b):
            a.extend(b)
            return a
        mine = [self.comm.rank]
        self.assertEqual(self.comm.allreduce(mine, add), list(range(self.comm.size)))

    def test_one_rank_does_not_call(self):
        if self.comm.size > 1:
            self.skipTest("on a communicator of one rank only")
        self.assertEqual(self.comm.allreduce(5, lambda a, b: 1 / 0), 5)

    def test_an_exception_in_the_callable(self):
        """It is raised on every rank that calls it; none hangs, and the next one works."""
        def bad(a, b):
            raise LookupError("in the operator")
        self.need(2)
        with self.assertRaises(Exception) as caught:
            self.comm.allreduce(self.comm.rank, bad)
        self.assertIn("in the operator", str(caught.exception))
        self.assertEqual(self.comm.allreduce(1), self.comm.size)


class BadArguments(support.Comms):
    """All ranks are wrong alike: each is refused, and the next call works."""

    def refused(self, call, *words):
        with self.assertRaises(REFUSED) as caught:
            call()
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertEqual(self.comm.allgather(1), [1] * self.comm.size)

    def test_roots(self):
        c, n = self.comm, self.comm.size
        for root in (n, -1, n + 50, 2**40):
            for name, call in (("bcast", lambda: c.bcast(1, root)),
                               ("scatter", lambda: c.scatter([1] * n, root)),
                               ("gather", lambda: c.gather(1, root)),
                               ("reduce", lambda: c.reduce(1, mpi.SUM, root))):
                with self.subTest(f"{name} {root}"):
                    self.refused(call, name, str(root))

    def test_operator_of_a_wrong_type(self):
        for op in (None, 3, "SUM?"):
            with self.subTest(repr(op)):
                with self.assertRaises(TypeError):
                    self.comm.allreduce(1, op)
        self.assertEqual(self.comm.allreduce(1), self.comm.size)

    def test_unpicklable_everywhere(self):
        with self.assertRaises(Exception) as caught:
            self.comm.allgather(lambda: 0)
        self.assertIn("lambda", str(caught.exception))
        self.assertEqual(self.comm.allgather(1), [1] * self.comm.size)

    def test_missing_and_surplus(self):
        c = self.comm
        for call in (lambda: c.barrier(1), lambda: c.gather(), lambda: c.allgather(),
                     lambda: c.allreduce(), lambda: c.bcast(1, 0, 0), lambda: c.reduce(1, to=2)):
            with self.assertRaises(TypeError):
                call()


class Module(support.Comms):
    """The verbs as functions of the module mean the world."""
    over = ("world",)

    def test_all(self):
        n, r = mpi.size, mpi.rank
        mpi.barrier()
        self.assertEqual(mpi.bcast(r), 0)
        self.assertEqual(mpi.scatter(list(range(n))), r)
        self.assertEqual(mpi.gather(r), list(range(n)) if r == 0 else None)
        self.assertEqual(mpi.allgather(r), list(range(n)))
        self.assertEqual(mpi.reduce(1), n if r == 0 else None)
        self.assertEqual(mpi.allreduce(r, mpi.MAX), n - 1)


support.main()
