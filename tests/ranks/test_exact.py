"""Exact sums of all ranks: the bits of Python's integers, on any number of ranks, however dealt out."""
# SPDX-License-Identifier: MIT
# ranks: 1 2 3 4 7
# timeout: 1200

import math
import random
import warnings

import adversaries
import mpi
import support
from adversaries import bits, deal, exact_dot, exact_mean, exact_sum
from support import numpy_or_skip

CASES = 10_000 if support.FULL else 100     # of sums and of products; of others some


class Exact(support.Comms):
    over = ("world",)

    def setUp(self):
        self.np = numpy_or_skip()
        from pympi import reductions
        self.r = reductions
        warnings.simplefilter("ignore")     # of NumPy: overflow in a cast

    def cases(self, salt, count):
        """(number, random numbers, values, this rank's part), the same on all ranks."""
        for number in range(count):
            rng = random.Random(f"{support.SEED} {salt} {number}")
            values = adversaries.case(rng)
            yield number, rng, values, deal(rng, values, self.comm.size)[self.comm.rank]

    def same(self, got, want, number, what):
        if bits(float(got)) != bits(want):
            self.fail(f"{what} of case {number}: {float(got).hex()} is not {want.hex()}")

    def test_sum(self):
        for number, rng, values, part in self.cases("sum", CASES):
            given = rng.choice((list, iter, self.np.array, lambda x: self.np.array(x)[::-1],
                                lambda x: iter([self.np.array(x[:3]), self.np.array(x[3:])])))
            if not part and given is not self.np.array:
                given = list
            self.same(self.r.sum(given(part), comm=self.comm), exact_sum(values), number, "sum")

    def test_mean(self):
        for number, rng, values, part in self.cases("mean", CASES // 2):
            given = rng.choice((list, self.np.array))
            self.same(self.r.mean(given(part), comm=self.comm), exact_mean(values), number, "mean")

    def test_dot(self):
        for number, rng, xs, _ in self.cases("dot", CASES):
            ys = adversaries.case(rng)
            xs, ys = xs[:len(ys)], ys[:len(xs)]
            if rng.random() < 0.5:
                xs, ys = xs + ys, ys + [-x for x in xs]      # GenDot's idea: it cancels
            part = deal(rng, list(zip(xs, ys)), self.comm.size)[self.comm.rank]
            x, y = (self.np.array([pair[i] for pair in part], float) for i in (0, 1))
            self.same(self.r.dot(x, y, comm=self.comm), exact_dot(xs, ys), number, "dot")

    def test_norm(self):
        for number, rng, values, part in self.cases("norm", CASES // 2):
            got = float(self.r.norm(self.np.array(part, float), comm=self.comm))
            if adversaries.specials(values) is None:
                self.assertTrue(adversaries.is_root(got, adversaries.squares(values)),
                                f"norm of case {number}: {got.hex()}")
            else:
                want = math.nan if any(map(math.isnan, values)) else math.inf
                self.same(got, want, number, "norm")

    def test_float32(self):
        for number, rng, values, part in self.cases("single", CASES // 2):
            narrow = self.np.array(values, "f")
            part = self.np.array(part, "f")
            for verb, count in ((self.r.sum, 1), (self.r.mean, len(values))):
                got = verb(part, comm=self.comm)
                self.assertEqual(got.dtype, "f")
                want = exact_sum(list(map(float, narrow)))
                if not math.isfinite(want) or not count or want == 0:
                    continue
                over = sum(adversaries.whole(float(x)) for x in narrow)
                under = count << adversaries.SCALE
                self.assertTrue(adversaries.is_float32(float(got), over, under),
                                f"{verb.__name__} of case {number}: {got!r}")

    def test_cumsum(self):
        for number, rng, values, _ in self.cases("cumsum", CASES // 4):
            values = values[:300]
            cuts = sorted(rng.randint(0, len(values)) for _ in range(self.comm.size - 1))
            start, stop = ([0] + cuts)[self.comm.rank], (cuts + [len(values)])[self.comm.rank]
            got = self.r.cumsum(self.np.array(values[start:stop], float), comm=self.comm)
            self.assertEqual(len(got), stop - start)
            for i in range(start, min(stop, start + 20)):
                self.same(got[i - start], exact_sum(values[:i + 1]), number, f"cumsum[{i}]")

    def test_complex(self):
        for number, rng, reals, _ in self.cases("complex", CASES // 4):
            imaginaries = adversaries.case(rng)
            values = list(zip(reals, imaginaries))
            part = [complex(*x) for x in deal(rng, values, self.comm.size)[self.comm.rank]]
            got = self.r.sum(self.np.array(part, complex), comm=self.comm)
            self.same(got.real, exact_sum([x for x, _ in values]), number, "real")
            self.same(got.imag, exact_sum([y for _, y in values]), number, "imag")

    def test_complex_dot(self):
        for number, rng, values, _ in self.cases("complex dot", CASES // 4):
            if not all(map(math.isfinite, values)):
                continue
            a, b, c, d = (rng.sample(values, len(values)) for _ in range(4))
            part = deal(rng, list(zip(a, b, c, d)), self.comm.size)[self.comm.rank]
            x = self.np.array([complex(p[0], p[1]) for p in part], complex)
            y = self.np.array([complex(p[2], p[3]) for p in part], complex)
            got = self.r.dot(x, y, comm=self.comm)
            real = exact_dot(a + [-x for x in b], c + d)
            self.same(got.real + 0.0, real + 0.0, number, "real")
            self.same(got.imag + 0.0, exact_dot(a + b, d + c) + 0.0, number, "imag")

    def test_any_condition(self):
        """hypothesis looks for a list that goes wrong, the same on all ranks."""
        try:
            from hypothesis import given, settings, strategies
        except ImportError:
            self.skipTest("hypothesis is not installed")

        @settings(max_examples=CASES // 2, derandomize=True, database=None, deadline=None)
        @given(strategies.lists(strategies.floats(), max_size=40), strategies.integers(0, 2 ** 32))
        def check(values, seed):
            part = deal(random.Random(seed), values, self.comm.size)[self.comm.rank]
            right = bits(self.r.sum(part, comm=self.comm)) == bits(exact_sum(values))
            self.assertTrue(self.comm.allreduce(right, mpi.LAND), values)
        check()


class Forms(support.Comms):
    """Types, shapes, and what is wrong with them."""

    def setUp(self):
        self.np = numpy_or_skip()
        from pympi import reductions
        self.r, self.me, self.ranks = reductions, self.comm.rank, self.comm.size

    def refused(self, error, verb, *args, text="", **keywords):
        """The same exception on all ranks, who go on together behind it."""
        with self.assertRaises(error) as caught:
            verb(*args, comm=self.comm, **keywords)
        said = self.everywhere(str(caught.exception))
        self.assertEqual(set(said), {said[0]})
        self.assertIn(text, said[0])
        self.assertEqual(self.r.sum([1.0], comm=self.comm), self.ranks)

    def test_axis(self):
        np = self.np
        rng = np.random.default_rng(7)
        for dtype in "d", "f", "D", "F":
            whole = rng.standard_normal((12, 5, 4)).astype(dtype)
            if dtype in "DF":
                whole.imag = rng.standard_normal((12, 5, 4))
            for axis in 0, 1, -1, (0, 2), (0, 1, 2):
                along = axis if isinstance(axis, int) else axis[0]
                parts = np.array_split(whole, self.ranks, along)
                for keepdims in False, True:
                    got = self.r.sum(parts[self.me], axis, self.comm, keepdims=keepdims)
                    self.check_axis(got, whole, axis, keepdims)
                got = self.r.mean(parts[self.me], axis, self.comm)
                np.testing.assert_allclose(got, whole.mean(axis), 1e-5, 1e-6)
                self.assertEqual(got.dtype, whole.dtype)

    def check_axis(self, got, whole, axis, keepdims):
        np = self.np
        want = whole.sum(axis, keepdims=keepdims)
        self.assertEqual((got.shape, got.dtype), (want.shape, want.dtype))
        moved = whole.transpose([i for i in range(3) if i not in np.atleast_1d(axis) % 3]
                                + list(np.atleast_1d(axis) % 3))
        rows = moved.reshape(max(want.size, 1), -1)
        for value, row in zip(np.ravel(got), rows):
            exact = [math.fsum(map(float, part)) for part in (row.real, row.imag)]
            self.assertEqual([value.real, value.imag], [value.real.dtype.type(x) for x in exact])

    def test_many_results(self):
        np = self.np
        x = np.arange(20_000.0) * 0.1 + self.me
        got = self.r.sum(np.tile(x, (3, 1)), axis=0, comm=self.comm)
        for i in range(0, 20_000, 999):
            want = [float(i) * 0.1 + r for r in range(self.ranks) for _ in range(3)]
            self.assertEqual(got[i], math.fsum(want))

    def test_integers(self):
        np = self.np
        for dtype in "?bBhHiIlLqQ":
            x = np.arange(100).astype(dtype)
            got = self.r.sum(x, comm=self.comm)
            want = x.sum()
            self.assertEqual((got, got.dtype), (want * self.ranks, want.dtype))
            self.assertEqual(self.r.mean(x, comm=self.comm), x.mean())
        self.assertEqual(self.r.sum([2 ** 80, -1], comm=self.comm), (2 ** 80 - 1) * self.ranks)
        self.assertEqual(self.r.sum([2 ** 60 + 1, 0.5, -2 ** 60], comm=self.comm), 1.5 * self.ranks)
        self.assertEqual(self.r.sum(range(5), comm=self.comm), 10 * self.ranks)
        self.refused(OverflowError, self.r.sum, np.array([2 ** 62] * 2), text="does not fit int64")
        self.assertEqual(list(self.r.cumsum(np.ones(3, "i"), self.comm)),
                         [3 * self.me + i + 1 for i in range(3)])

    def test_integer_products(self):
        np, most = self.np, 2 ** 62
        for dtype in "?bBhHiIlLqQ":
            x = np.arange(100).astype(dtype)
            want = sum(int(i) ** 2 for i in x)
            got = self.r.dot(x, x, self.comm)
            self.assertEqual((got, got.dtype.kind), (want * self.ranks, "u" if dtype in "BHILQ" else "i"))
            self.assertEqual(self.r.norm(x, self.comm), math.sqrt(want * self.ranks))
        x, y = np.array([most - 1, -most, 3, -1]), np.array([-1, -1, most // 3, 2 ** 32 + 1])
        want = sum(int(a) * int(b) for a, b in zip(x, y)) if self.ranks == 1 else None
        if want is not None:
            self.assertEqual(self.r.dot(x, y, self.comm), want)
        self.assertTrue(adversaries.is_root(float(self.r.norm(x, self.comm)), self.ranks * sum(
            int(a) ** 2 for a in x) << 2 * adversaries.SCALE))
        self.refused(OverflowError, self.r.dot, x, x, text="does not fit int64")

    def test_numbers(self):
        self.assertEqual(self.r.sum(0.5, comm=self.comm), 0.5 * self.ranks)
        self.assertEqual(self.r.sum(1j, comm=self.comm), 1j * self.ranks)
        self.assertEqual(type(self.r.sum([1.0], comm=self.comm)), float)
        self.assertEqual(self.r.sum([] if self.me else [2.5], comm=self.comm), 2.5)
        self.assertEqual(self.r.sum([], comm=self.comm), 0.0)
        self.assertTrue(math.isnan(self.r.mean([], comm=self.comm)))
        self.assertEqual(self.r.sum([1] if self.me else [0.5], comm=self.comm), self.ranks - 0.5)
        self.assertEqual(self.r.sum([1, 2j, 0.5], comm=self.comm), (1.5 + 2j) * self.ranks)

    def test_weak_beside_arrays(self):
        x = self.np.ones(4, "f") if self.me == 0 else [0.5, 1]
        got = self.r.sum(x, comm=self.comm)
        self.assertEqual((got, got.dtype), (4 + 1.5 * (self.ranks - 1), "f"))

    def test_operator(self):
        """SUM_EXACT in every reduction of MPI's."""
        np, op = self.np, self.r.SUM_EXACT
        given = [1e300, 1.0, -1e300, 2.0 ** -60, 0.5, -0.5, 1e-300][:self.ranks]
        mine, want = given[self.me], adversaries.exact_sum(given)
        ahead = [adversaries.exact_sum(given[:r]) for r in range(self.ranks + 1)]
        self.assertEqual(self.comm.allreduce(mine, op), want)
        self.assertEqual(self.comm.iallreduce(mine, op).wait(), want)
        self.assertEqual(self.comm.reduce(mine, op, self.ranks - 1),
                         want if self.me == self.ranks - 1 else None)
        self.assertEqual(self.comm.scan(mine, op), ahead[self.me + 1])
        self.assertEqual(self.comm.exscan(mine, op), ahead[self.me] if self.me else None)
        self.assertEqual(self.comm.reduce_scatter([mine] * self.ranks, op), want)
        for dtype in "f", "d", "F", "D":
            x = np.full((2, 3), mine).astype(dtype)
            got = self.comm.allreduce(x, op)
            self.assertEqual((got.shape, got.dtype), (x.shape, x.dtype))
            if dtype in "dD":
                self.assertTrue((got == want).all())
            into = np.empty_like(x)
            self.assertIs(self.comm.allreduce(x, op, into=into), into)
            self.assertEqual(into.tobytes(), got.tobytes())
        self.assertEqual(self.comm.allreduce(2 ** 70, op), 2 ** 70 * self.ranks)
        self.assertEqual(op(1e300, -1e300), 0.0)

    def test_operator_refuses(self):
        np, op = self.np, self.r.SUM_EXACT
        self.need(2)
        for bad in "text", [1.0], None, np.ones(3, "e"):
            with self.assertRaises((TypeError, mpi.Error)):
                self.comm.allreduce(bad if self.me == 0 else 1.0, op)
        with self.assertRaises((ValueError, mpi.Error)):
            self.comm.allreduce(np.ones(3 + self.me), op)
        with self.assertRaises((TypeError, mpi.Error)):
            self.comm.allreduce(np.ones(3, "f" if self.me else "d"), op)
        self.assertEqual(self.comm.allreduce(0.5, op), self.ranks / 2)

    def test_operator_by_message(self):
        import pickle
        again = pickle.loads(pickle.dumps(self.r.SUM_EXACT))
        self.assertEqual(self.comm.allreduce(0.5, again), self.ranks / 2)
        self.assertEqual(again.name, "SUM_EXACT")

    def test_layouts(self):
        np = self.np
        x = np.random.default_rng(3).standard_normal((40, 30))
        want = math.fsum(list(x.ravel()) * self.ranks)
        for given in x, x.T, np.asfortranarray(x), np.repeat(x, 2, 1)[:, ::2], x[::-1, ::-1], \
                x.astype(">f8"), memoryview(x), iter(x), np.broadcast_to(x, (1, 40, 30)):
            self.assertEqual(self.r.sum(given, comm=self.comm), want)

    def test_masked(self):
        np = self.np
        x = np.ma.masked_invalid([1.0, np.nan, 2.0])
        self.assertEqual(self.r.sum(x, comm=self.comm), 3 * self.ranks)
        self.assertEqual(self.r.mean(x, comm=self.comm), 1.5)
        self.assertEqual(self.r.norm(x, self.comm), math.sqrt(5 * self.ranks))
        self.refused(TypeError, self.r.sum, x.reshape(3, 1), axis=0, text="masked")

    def test_bounded_memory(self):
        """Of an iterator a block is taken at once; of one of arrays, one array."""
        from pympi import _sums
        given, added, add = [0], [0], _sums.add

        def counting(memory, numbers):
            added[0] += len(numbers)
            add(memory, numbers)

        def items(make, size):
            for _ in range(5 * _sums.BLOCK // size if size == 1 else 5):
                given[0] += size
                self.assertLessEqual(given[0] - added[0], max(_sums.BLOCK, size))
                yield make(size)
        _sums.add = counting
        try:
            for make, size in (lambda _: 1.0, 1), (self.np.ones, 1000):
                self.assertGreater(self.r.sum(items(make, size), comm=self.comm), 0)
        finally:
            _sums.add = add

    def test_nothing_is_kept(self):
        """What went wrong holds on to no memory once it has been told."""
        import gc
        import weakref
        gc.disable()
        try:
            x = self.np.ones(3, "e")
            gone = weakref.ref(x)
            try:
                self.r.sum(x, comm=self.comm)
            except TypeError:
                pass
            del x
            self.assertIsNone(gone())
        finally:
            gc.enable()

    def test_no_communicator(self):
        with self.assertRaisesRegex(TypeError, "is no communicator"):
            self.r.sum([1.0], comm=None)

    def test_dtype(self):
        np = self.np
        x = np.array([1, 2.0 ** -24, 2.0 ** -60] if self.me == 0 else [])
        self.assertEqual(self.r.sum(x, comm=self.comm, dtype="f"), np.float32(1 + 2.0 ** -23))
        self.assertEqual(self.r.sum(np.arange(3), comm=self.comm, dtype=float), 3.0 * self.ranks)
        self.refused(TypeError, self.r.sum, np.ones(3), dtype="i", text="cannot be rounded")
        self.refused(TypeError, self.r.sum, np.ones(3), dtype="e", text="float16")

    def test_ordinary(self):
        np = self.np
        x = np.arange(10.0)
        self.assertEqual(self.r.sum(x, comm=self.comm, exact=False), 45 * self.ranks)
        self.assertEqual(self.r.sum(iter(x), comm=self.comm, exact=False), 45 * self.ranks)
        self.assertEqual(self.r.dot(x, x, comm=self.comm, exact=False), 285 * self.ranks)
        got = self.r.sum(np.ones((2, 3)), 0, self.comm, exact=False)
        self.assertEqual(list(got), [2 * self.ranks] * 3)

    def test_refused(self):
        np, last = self.np, self.ranks - 1
        mixed = np.ones(3, "f" if self.me == last and last else "d")
        if last:
            self.refused(TypeError, self.r.sum, mixed, text="float32 on rank")
            self.refused(TypeError, self.r.sum, np.ones((2, 3 + self.me)), axis=0, text="[*,3]")
            self.refused(TypeError, self.r.sum, mixed, exact=False, text="float32 on rank")
        for bad in np.array([None]), ["a"], "text", np.ones(2, "e"), np.ones(2, "g"), [1, None], 3 + 0j:
            if isinstance(bad, complex):
                continue
            self.refused(TypeError, self.r.sum, bad if self.me == last else [1.0], text="sum: ")
        self.refused(ValueError, self.r.dot, np.ones(3), np.ones(4 if self.me == last else 3))
        self.refused(ValueError, self.r.dot, np.ones((3, 3)), np.ones((3, 3)), text="2 dimensions")
        self.refused(ValueError, self.r.sum, np.ones(3), axis=1 if self.me == last else 0)
        self.refused(TypeError, self.r.mean, [1, "b"] if self.me == last else [2])

    def test_failing_iterator(self):
        def values():
            yield 1.0
            if self.me == self.ranks - 1:
                raise KeyError("gone")
        with self.assertRaises(KeyError if self.me == self.ranks - 1 else mpi.Error):
            self.r.sum(values(), comm=self.comm)
        self.assertEqual(self.r.sum(1, comm=self.comm), self.ranks)


if __name__ == "__main__":
    support.main()
