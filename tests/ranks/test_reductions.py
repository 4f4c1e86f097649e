"""Reductions of every kind of value: equal to Python's own in rank order, the same bits on all ranks."""
# SPDX-License-Identifier: MIT
# timeout: 120

import functools
import hashlib
import math
import operator
import struct

import mpi
import support
import values
from support import numpy_or_skip

REFUSED = (mpi.Error, ValueError, TypeError, OverflowError)
PYTHON = {"SUM": operator.add, "PROD": operator.mul, "MIN": min, "MAX": max,
          "BAND": operator.and_, "BOR": operator.or_, "BXOR": operator.xor,
          "LAND": lambda a, b: bool(a and b), "LOR": lambda a, b: bool(a or b),
          "LXOR": lambda a, b: bool(a) != bool(b)}
ADDING = "SUM", "PROD", "MIN", "MAX"


class Reductions(support.Comms):
    def setUp(self):
        self.me, self.ranks = self.comm.rank, self.comm.size

    def fold(self, function, make, ranks=None):
        return functools.reduce(function, [make(r) for r in range(self.ranks if ranks is None else ranks)])

    def same_everywhere(self, got):
        """Bit for bit, among the ranks that have a result."""
        bits = [b for b in self.everywhere(_bits(got)) if b is not None]
        self.assertEqual(len(set(bits)), 1)

    def all_forms(self, make, op, function, same, commutes=True):
        """All reductions of what make gives each rank; same compares with functools.reduce."""
        mine = make(self.me)
        want = self.fold(function, make)
        got = self.comm.allreduce(mine, op)
        same(got, want)
        self.same_everywhere(got)
        same(self.comm.allreduce(mine, op, commutative=commutes), want)
        same(self.comm.iallreduce(mine, op).wait(), want)
        for root in {0, self.ranks - 1}:
            for commutative in {False, commutes}:
                got = self.comm.reduce(mine, op, root, commutative=commutative)
                if self.me == root:
                    same(got, want)
                else:
                    self.assertIsNone(got)
        same(self.comm.scan(mine, op), self.fold(function, make, self.me + 1))
        got = self.comm.exscan(mine, op)
        if self.me:
            same(got, self.fold(function, make, self.me))
        else:
            self.assertIsNone(got)
        items = [make(r) for r in range(self.ranks)]
        want = functools.reduce(function, [items[self.me]] * self.ranks)
        same(self.comm.reduce_scatter(items, op), want)

    def intact(self):
        self.assertEqual(self.comm.allgather(1), [1] * self.ranks)
        self.assertEqual(self.comm.allreduce(1), self.ranks)


def _bits(value):
    if isinstance(value, float):
        return struct.pack("d", value)
    if isinstance(value, complex):
        return struct.pack("dd", value.real, value.imag)
    if hasattr(value, "tobytes") and not value.dtype.hasobject:
        return hashlib.sha1(value.tobytes()).digest()
    return None if value is None else hashlib.sha1(repr(value).encode()).digest()


class Numbers(Reductions):
    def check(self, make, names=ADDING):
        def same(got, want):
            self.assertTrue(values.same(got, want), f"{got!r} is not {want!r}")
        for name in names:
            with self.subTest(f"{name} {make(0)!r}"):
                self.all_forms(make, getattr(mpi, name), PYTHON[name], same)

    def test_ints(self):
        for make in (lambda r: r + 5, lambda r: -r, lambda r: 0):
            self.check(make, [n for n in PYTHON if n[0] != "L" or self.ranks > 1])

    def test_ints_beyond_64_bits(self):
        for make in (lambda r: 2**62 + r, lambda r: 2**63 - 1, lambda r: -2**63, lambda r: 2**64,
                     lambda r: 2**40 if r else 0, lambda r: 2**70 if r == 1 else 3,
                     lambda r: (-1)**r * (2**63 - 1), lambda r: -(3**40) - r, lambda r: 10**400):
            self.check(make, [n for n in PYTHON if n[0] != "L"])

    def test_bools(self):
        for make in (lambda r: True, lambda r: False, lambda r: r == 1, lambda r: r % 2 == 0):
            self.check(make, PYTHON)

    def test_bools_and_ints(self):
        self.check(lambda r: True if r % 2 else r + 3, ADDING)
        self.check(lambda r: r if r % 2 else False, ADDING)

    def test_mixed_kinds(self):
        self.check(lambda r: (2, 0.5, True, -3.0)[r])
        self.check(lambda r: (1.5, 2**80, 3, 7)[r], ("SUM", "MIN", "MAX"))
        self.check(lambda r: (1, 1j, 2.5, True)[r], ("SUM", "PROD"))

    def test_floats(self):
        self.check(lambda r: 1.5 * r - 2)
        self.check(lambda r: 2.0 ** (r * 300), ("SUM", "MIN", "MAX"))

    def test_rounding_is_the_same_on_all_ranks(self):
        for op in mpi.SUM, mpi.PROD, lambda a, b: a + b, lambda a, b: a * 1.1 + b / 3:
            for turn in range(20):
                got = self.comm.allreduce(0.1 * (self.me + 1) + turn / 7, op)
                self.same_everywhere(got)
                got = self.comm.allreduce(complex(0.1 * self.me, 1.3 + turn), op)
                self.same_everywhere(got)

    def test_infinities_and_nan(self):
        """Python's min and max give the left one where neither is less: so order shows."""
        for where in range(self.ranks):
            for special in math.inf, -math.inf:
                self.check(lambda r, w=where, s=special: s if r == w else 1.0)
            for op in mpi.SUM, mpi.PROD, mpi.MIN, mpi.MAX:
                got = self.comm.allreduce(math.nan if self.me == where else 1.0, op)
                self.same_everywhere(got)
                if op in (mpi.SUM, mpi.PROD):
                    self.assertTrue(math.isnan(got))

    def test_zeros_of_both_signs(self):
        for where in range(self.ranks):
            self.check(lambda r, w=where: -0.0 if r == w else 0.0)
            self.check(lambda r, w=where: 0.0 if r == w else -0.0)

    def test_complex(self):
        self.check(lambda r: 1 + 1j * r, ("SUM", "PROD"))
        self.check(lambda r: complex(-0.0, r), ("SUM",))
        if self.ranks > 1:
            for op in mpi.MIN, mpi.BAND:
                with self.assertRaises(REFUSED):
                    self.comm.allreduce(1j, op)
            self.intact()

    def test_logical_of_floats_and_complex(self):
        self.need(2)
        for make in (lambda r: 0.5 * r, lambda r: math.nan, lambda r: 0.0, lambda r: 1j * r):
            for name in "LAND", "LOR", "LXOR":
                want = self.fold(PYTHON[name], make)
                got = self.comm.allreduce(make(self.me), getattr(mpi, name))
                self.assertEqual((type(got), bool(got)), (bool, want))

    def test_subclasses_add_in_their_own_way(self):
        class Clock(int):
            def __add__(self, other):
                return Clock((int(self) + int(other)) % 3)
        self.assertEqual(self.comm.allreduce(Late(self.me + 2)), Late(self.fold(
            lambda a, b: (a + b) % 3, lambda r: r + 2)))

    def test_other_values(self):
        def same(got, want):
            self.assertTrue(values.same(got, want), f"{got!r} is not {want!r}")
        for make in (lambda r: [r], lambda r: "abcd"[r], lambda r: (r,), lambda r: b"x" * (r * 9000)):
            self.all_forms(make, mpi.SUM, operator.add, same, False)
            self.all_forms(make, operator.add, operator.add, same, False)
            self.all_forms(make, mpi.MAX, max, same)
        self.all_forms(lambda r: {r}, mpi.BOR, operator.or_, same)
        self.all_forms(lambda r: {r: [r]}, operator.or_, operator.or_, same, False)


class Late(int):
    """An int whose addition is not an int's."""

    def __add__(self, other):
        return Late((int(self) + int(other)) % 3)


class Pairs(Reductions):
    def test_minloc_and_maxloc(self):
        """The better value; of equal ones the lower place."""
        for make in (lambda r: (3.5 - r, r), lambda r: (r % 2, r), lambda r: (1, 10 - r),
                     lambda r: ("abcd"[r], r), lambda r: (2**70 + r, r), lambda r: [r * 1.0, r]):
            def least(a, b):
                return min(a, b, key=lambda p: (p[0], p[1]))

            def most(a, b):
                return b if b[0] > a[0] or (b[0] == a[0] and b[1] < a[1]) else a

            for op, function in ((mpi.MINLOC, least), (mpi.MAXLOC, most)):
                self.all_forms(make, op, function, self.assertEqual)

    def test_nan(self):
        got = self.comm.allreduce((math.nan if self.me == 0 else 1.0, self.me), mpi.MINLOC)
        self.same_everywhere(got)

    def test_what_is_no_pair(self):
        self.need(2)
        for value in 3, (), (1,), None:
            with self.assertRaises(Exception):
                self.comm.allreduce(value, mpi.MINLOC)
            self.intact()


class Arrays(Reductions):
    """Sizes across the borders: 2048 bytes of a cell, blocks and pieces of a ring."""

    def check(self, make, names, exact=True):
        np = numpy_or_skip()
        ufuncs = {"SUM": np.add, "PROD": np.multiply, "MIN": np.minimum, "MAX": np.maximum,
                  "LAND": np.logical_and, "LOR": np.logical_or, "LXOR": np.logical_xor,
                  "BAND": np.bitwise_and, "BOR": np.bitwise_or, "BXOR": np.bitwise_xor}

        def same(got, want):
            self.assertEqual((got.dtype, got.shape), (want.dtype, want.shape))
            if exact or got.dtype.kind in "mMO":
                self.assertTrue(np.array_equal(got, want, equal_nan=got.dtype.kind in "fc"))
            else:
                self.assertTrue(np.allclose(got, want, rtol=1e-2, equal_nan=True))
        for name in names:
            with self.subTest(f"{name} {make(0).dtype} {make(0).shape}"):
                self.all_forms(make, getattr(mpi, name), ufuncs[name], same)

    def test_dtypes(self):
        np = numpy_or_skip()
        for kind in "bBhHiIlLqQ":
            self.check(lambda r, k=kind: (np.arange(50) * (r + 3) + 7).astype(k), PYTHON)
        for kind in "fdg":
            self.check(lambda r, k=kind: (np.arange(50) - 7 * r).astype(k), ADDING)
            self.check(lambda r, k=kind: (np.arange(50) % (r + 2)).astype(k), ("LAND", "LOR", "LXOR"))
        for kind in "FDG":
            self.check(lambda r, k=kind: (np.arange(9) + 1j * r).astype(k), ("SUM", "PROD"))
        self.check(lambda r: np.arange(50) % (r + 2) == 0, PYTHON)

    def test_dtypes_that_mpi_does_not_know(self):
        np = numpy_or_skip()
        for kind in "e", ">f8", ">i4", "<M8[s]", "m8[s]":
            names = ADDING if kind[-1] not in "]" else ("MIN", "MAX")
            self.check(lambda r, k=kind: (np.arange(20) % 3 + r).astype(k), names, exact=False)
        self.check(lambda r: np.array([r, 2**70, "ab" and 3], dtype=object), ("SUM",))

    def test_sizes(self):
        """Each in a thing of its own: an element less than a border, at it, and beyond."""
        np = numpy_or_skip()
        n = self.ranks
        for count in (0, 1, 255, 256, 257, 4096 * n - 1, 4096 * n, 4096 * n + 1, 65_536 * n + 1):
            self.check(lambda r, c=count: np.arange(c, dtype="f8") + r, ("SUM",))
            self.check(lambda r, c=count: (np.arange(c) % 100 + r).astype("i1"), ("MAX",))

    def test_large_blocks_of_unequal_length(self):
        """Round a ring, in pieces: for every remainder of the elements by the ranks."""
        np = numpy_or_skip()
        for extra in range(self.ranks):
            for op in mpi.SUM, mpi.MIN:
                count = self.ranks * 65_536 + extra
                got = self.comm.allreduce(np.arange(count) + 1.0 * self.me, op)
                want = np.arange(count) * 1.0
                want = want * self.ranks + sum(range(self.ranks)) if op is mpi.SUM else want
                self.assertTrue((got == want).all())

    def test_layouts(self):
        np = numpy_or_skip()
        for rows in 6, 500:
            plain = np.arange(rows * 8.0).reshape(rows, 8)
            for pick in (np.asfortranarray, lambda a: a.T, lambda a: a[::2, ::-3], lambda a: a[::-1],
                         lambda a: a[:, 1], lambda a: a.reshape(2, 2, -1).transpose(1, 2, 0),
                         lambda a: np.broadcast_to(a[0], a.shape)):
                self.check(lambda r, p=pick: p(plain + r), ("SUM", "MAX"))

    def test_layouts_that_differ_between_ranks(self):
        np = numpy_or_skip()
        for rows in 6, 500:
            plain = np.arange(rows * 8.0).reshape(rows, 8)
            picks = (np.ascontiguousarray, np.asfortranarray, lambda a: np.repeat(a, 2, 0)[::2])
            self.check(lambda r: picks[r % 3](plain + r), ("SUM", "MIN"))

    def test_dtypes_that_differ_between_ranks(self):
        np = numpy_or_skip()
        for count in 10, 100_000:
            kinds = "f8", "i4", "f4", "?"
            self.check(lambda r, c=count: (np.arange(c) % 7 + r).astype(kinds[r]), ("SUM", "MAX"))

    def test_shapes_that_differ_between_ranks(self):
        """They are combined as NumPy combines them, or an exception tells on every rank."""
        np = numpy_or_skip()
        for count in 10, 100_000:
            self.check(lambda r, c=count: np.ones((1, c) if r % 2 else c), ("SUM",))
            self.check(lambda r, c=count: np.ones(c) if r % 2 else np.ones(()), ("SUM",))
            if self.ranks > 1:
                with self.assertRaises(Exception) as caught:
                    self.comm.allreduce(np.ones(count + self.me))
                self.assertIn("broadcast", str(caught.exception))
                self.intact()

    def test_small_on_one_rank_and_large_on_another(self):
        np = numpy_or_skip()
        self.need(2)
        for sizes in ((200, 300, 300, 300), (300, 200, 200, 200), (10, 100_000, 10, 10)):
            with self.assertRaises(Exception):
                self.comm.allreduce(np.ones(sizes[self.me]))
            self.intact()

    def test_an_array_here_and_a_number_there(self):
        np = numpy_or_skip()
        for count in 10, 10_000:
            got = self.comm.allreduce(np.ones(count) if self.me else 2.0)
            want = 2.0 if self.ranks == 1 else np.full(count, self.ranks + 1.0)
            self.assertTrue(np.array_equal(got, want))

    def test_specials(self):
        np = numpy_or_skip()
        for count, kinds in (5, "fdg"), (1000, "d"), (40_000, "f"):
            for where in range(self.ranks):
                for special in math.nan, math.inf, -math.inf, -0.0:
                    for kind in kinds:
                        def make(r, w=where, s=special, k=kind, c=count):
                            return np.full(c, s if r == w else 0.0, k)
                        for op, ufunc in ((mpi.SUM, np.add), (mpi.MIN, np.minimum), (mpi.MAX, np.maximum)):
                            got = self.comm.allreduce(make(self.me), op)
                            want = self.fold(ufunc, make)
                            self.assertTrue(np.array_equal(got, want, equal_nan=True))
                            if kind != "g":
                                self.same_everywhere(got[[0, -1]].astype(kind))

    def test_rounding_is_the_same_on_all_ranks(self):
        np = numpy_or_skip()
        random = np.random.default_rng(support.SEED + self.me)
        for kind in "f", "d", "F", "D":
            for count in 3, 250, 3000, 70_000, 300_001:
                mine = (random.random(count) + random.random(count)).astype(kind)
                for op in mpi.SUM, mpi.PROD:
                    self.same_everywhere(self.comm.allreduce(mine, op))

    def test_the_argument_is_unchanged(self):
        np = numpy_or_skip()
        for count in 5, 1000, 100_000, 300_000:
            mine = np.arange(count) * 1.0
            for got in self.comm.allreduce(mine), self.comm.reduce(mine, root=self.ranks - 1), \
                    self.comm.scan(mine), self.comm.exscan(mine), self.comm.allreduce(mine, mpi.MAX):
                if got is not None:
                    got += 1
                self.assertTrue((mine == np.arange(count)).all())

    def test_subclasses_and_scalars(self):
        np = numpy_or_skip()
        masked = np.ma.array([1, 2, 3], mask=[0, self.me == 0, 0])
        got = self.comm.allreduce(masked)
        self.assertIs(type(got), type(masked))
        self.assertEqual(got.tolist(), [self.ranks, None, 3 * self.ranks])
        for kind in np.float64, np.float32, np.int8, np.complex128, np.bool_:
            got = self.comm.allreduce(kind(1))
            want = self.fold(operator.add, lambda r, k=kind: k(1))
            self.assertTrue(values.same(got, want, np), f"{got!r} {want!r}")


class Disagreement(Reductions):
    """Ranks that do not give the same operator or root: an error everywhere, and no hang."""

    def setUp(self):
        super().setUp()
        self.need(2)

    def told(self, call):
        with self.assertRaisesRegex(mpi.Error, "different"):
            call()
        self.intact()

    def test_operators(self):
        np = numpy_or_skip()
        for value in 1, 1.5, True, 2j, 2**70, "text", np.ones(3), np.ones(100_000), [1], None:
            for ops in ((mpi.SUM, mpi.PROD), (mpi.MIN, mpi.SUM), (mpi.SUM, operator.add),
                        (mpi.MINLOC, mpi.SUM), (mpi.LAND, mpi.MAXLOC)):
                with self.subTest(f"{values.show(value)} {ops}"):
                    self.told(lambda v=value, o=ops: self.comm.allreduce(v, o[self.me % 2]))
                    self.told(lambda v=value, o=ops: self.comm.reduce(v, o[self.me == 0]))

    def test_roots(self):
        np = numpy_or_skip()
        for value in 1, "text", np.ones(100_000):
            self.told(lambda v=value: self.comm.reduce(v, root=self.me))

    def test_verbs(self):
        np = numpy_or_skip()
        for value in 1, "text", np.ones(100_000):
            with self.assertRaisesRegex(mpi.Error, "different"):
                self.comm.allreduce(value) if self.me else self.comm.reduce(value)
            self.intact()


class Failing(Reductions):
    def test_the_operator_on_one_rank(self):
        """Whoever combines, nobody hangs; the result's receivers are told."""
        self.need(2)
        for bad in range(self.ranks):
            def op(a, b, bad=bad):
                if self.me == bad:
                    raise LookupError("in the operator")
                return a + b
            for verb in (self.comm.allreduce, self.comm.scan, self.comm.exscan,
                         lambda v, o: self.comm.reduce_scatter([v] * self.ranks, o),
                         lambda v, o: self.comm.iallreduce(v, o).wait()):
                try:
                    verb([self.me], op)
                except (LookupError, mpi.Error) as error:
                    self.assertIn("in the operator", str(error))
                self.intact()

    def test_values_that_cannot_be_sent(self):
        self.need(2)
        for verb in (self.comm.allreduce, lambda v: self.comm.reduce_scatter([v] * self.ranks)):
            for bad in range(self.ranks):
                mine = (lambda: 0) if self.me == bad else 1
                with self.assertRaises(Exception):
                    verb(mine)
                self.intact()

    def test_results_that_cannot_be_sent(self):
        self.need(2)
        with self.assertRaises(Exception) as caught:
            self.comm.allreduce(1, lambda a, b: (i for i in ()))
        self.assertIn("generator", str(caught.exception))
        self.intact()

    def test_reduce_scatter_of_another_number(self):
        for items in [1] * (self.ranks + 1), [], 5:
            with self.assertRaises(REFUSED):
                self.comm.reduce_scatter(items)
            self.intact()

    def test_reduce_scatter_shares_nothing(self):
        for op in mpi.MAX, mpi.MIN, lambda a, b: a, lambda a, b: b:
            items = [[9 - self.me, r] for r in range(self.ranks)]
            got = self.comm.reduce_scatter(items, op)
            got.append("mine")
            self.assertEqual(items, [[9 - self.me, r] for r in range(self.ranks)])


support.main()
