"""Elements in all forms, reductions of one's own, and what is refused on all ranks alike."""
# SPDX-License-Identifier: MIT
# timeout: 240

import support
import wholes
from wholes import np, reductions


class Forms(wholes.Parts):
    """The ways in which elements may come."""

    def results(self, data):
        """data() is called anew for each."""
        yield reductions.argmax(data(), comm=self.comm)
        yield np.stack(reductions.minmax(data(), comm=self.comm))
        yield reductions.histogram(data(), comm=self.comm)[0]
        yield reductions.quantile(data(), [0.1, 0.5], comm=self.comm)
        yield reductions.unique(data(), self.comm, return_inverse=True)[1]
        yield reductions.top_k(data(), 5, self.comm)[1]
        yield reductions.count_nonzero(data(), comm=self.comm)

    def check(self, part, *forms):
        wanted = list(self.results(lambda: part))
        for form in forms:
            for got, want in zip(self.results(form), wanted):
                self.same(got, want)
            rough = reductions.var(form(), comm=self.comm)
            self.same(rough, reductions.var(part, comm=self.comm), 1e-12)

    def test_lists_and_iterators(self):
        part = self.part(self.values("f8", 150_000 if support.FULL else 70_000))
        some = part.tolist()
        pieces = np.split(part, [len(part) // 3, len(part) // 2])
        self.check(part, lambda: some, lambda: tuple(some), lambda: iter(some), lambda: iter(pieces),
                   lambda: (x for x in part), lambda: memoryview(part), lambda: iter([some[:5], *some[5:]]),
                   lambda: iter([*some[:5], part[5:]]))

    def test_memory_of_any_layout(self):
        whole = self.values("f8", 30, 70, 3)
        part = self.part(whole)
        flat = part.reshape(-1)
        wide = np.zeros((len(flat), 2))
        wide[:, 0] = flat
        packed = np.zeros(8 * len(flat) + 1, "u1")
        packed[1:] = flat.view("u1")
        self.check(flat, lambda: part, lambda: np.asfortranarray(part), lambda: wide[:, 0],
                   lambda: flat.astype(">f8"), lambda: packed[1:].view("f8"), lambda: flat[::-1][::-1])

    def test_large_without_gaps_or_with(self):
        whole = self.values("f8", 3, 140_000)
        part = whole if self.me == 0 else whole[:0]
        self.check(part.reshape(-1), lambda: np.asfortranarray(part),
                   lambda: np.asfortranarray(np.broadcast_to(part, (1, *part.shape))))

    def test_streams_along_an_axis(self):
        whole = self.values("f8", 300, 4)
        part = self.part(whole)
        self.same(reductions.max(iter(np.split(part, 5 * [len(part) // 2])), 0, self.comm), whole.max(0))
        self.same(reductions.argmax(iter([part[:7], part[7:]]), 0, self.comm), whole.argmax(0))
        self.same(reductions.median(iter([part[:7], part[7:]]), 0, self.comm), np.median(whole, 0))
        self.same(reductions.var(part.tolist(), 0, self.comm), whole.var(0), 1e-12)

    def test_empty_lists_take_part(self):
        for last in (0, self.ranks - 1):
            mine = [] if self.me == last else [self.me + 0.5, 2.5]
            everyone = [x for r in range(self.ranks) for x in ([] if r == last else [r + 0.5, 2.5])]
            if everyone:
                self.same(reductions.max(mine, comm=self.comm), np.max(everyone))
                self.same(reductions.argmax(iter(mine), comm=self.comm), np.argmax(everyone))
                self.same(reductions.median(mine, comm=self.comm), np.median(everyone))
                self.same(reductions.top_k(mine, 2, self.comm)[0], np.sort(everyone)[::-1][:2])
            self.same(reductions.histogram(mine, 3, comm=self.comm)[0], np.histogram(everyone, 3)[0])
            self.same(reductions.var(mine, comm=self.comm), np.var(everyone), 1e-12)
            rows = [] if self.me == last else np.ones((2, 3))
            if everyone:
                self.same(reductions.min(rows, 0, self.comm), np.ones(3))

    def test_numbers_alone(self):
        self.same(reductions.max(self.me, comm=self.comm), np.int64(self.ranks - 1))
        self.same(reductions.argmax(np.float32(self.me), comm=self.comm), np.intp(self.ranks - 1))

    def test_iterators_need_little_memory(self):
        def numbers(count):
            return (np.full(1000, float(i)) for i in range(count))
        self.same(reductions.max(numbers(500), comm=self.comm), np.float64(499))
        self.same(reductions.median(numbers(499), comm=self.comm), np.float64(249))


class Own(wholes.Parts):
    def items(self, count):
        cuts = [0, *self.cuts(count), count]
        return range(cuts[self.me], cuts[self.me + 1])

    def test_in_rank_order(self):
        joined = reductions.operator(lambda a, b: a + b, "")
        for count in (0, 1, 10, 1000):
            self.assertEqual(joined.reduce((str(i) for i in self.items(count)), self.comm),
                             "".join(map(str, range(count))))
        self.assertEqual(self.comm.allreduce(str(self.me), joined), "".join(map(str, range(self.ranks))))

    def test_arrays(self):
        whole = self.values("f8", 50, 3)
        self.same(reductions.operator(np.maximum).reduce(self.part(whole), self.comm), whole.max(0))
        self.same(reductions.operator(lambda a, b: np.minimum(a, b)).reduce(self.part(whole), self.comm),
                  whole.min(0))

    def test_without_identity(self):
        with self.assertRaisesRegex(ValueError, "no items"):
            reductions.operator(max).reduce([], self.comm)
        self.assertEqual(reductions.operator(max).reduce(iter(self.items(1)), self.comm), 0)

    def test_accumulators(self):
        for count in (0, 1, 200_000):
            n, total, order = reductions.accumulate(Sums, iter(self.items(count)), self.comm)
            self.assertEqual((n, total, order), (count, sum(range(count)), True))
        whole = np.arange(150_000.0).reshape(-1, 2)
        n, total, _ = reductions.accumulate(Sums, self.part(whole), self.comm)
        self.assertEqual((n, total.tolist()), (75_000, whole.sum(0).tolist()))

    def test_no_base_needed(self):
        class Longest:      # pickle does not find it, so it cannot travel
            best = ""

        with self.assertRaisesRegex(Exception, "Longest"):
            reductions.accumulate(Longest, [], self.comm)
        self.assertEqual(reductions.accumulate(Bare, ["a", "b" * self.me], self.comm).longest,
                         "b" * max(self.ranks - 1, 1) if self.ranks > 2 else "a")


class Sums(reductions.Accumulator if np else object):
    def init(self):
        self.count, self.total, self.last, self.ordered = 0, 0, None, True

    def update(self, items):
        self.count += len(items)
        self.total = self.total + sum(items)
        if isinstance(items, list):
            self.ordered &= self.last is None or items[0] == self.last + 1
            self.last = items[-1]

    def merge(self, other):
        self.count += other.count
        self.total = self.total + other.total
        self.ordered &= other.ordered
        self.last = self.last if other.last is None else other.last

    def finish(self):
        return self.count, self.total, self.ordered


class Bare:
    """Only what is needed; the longest item, of equal ones the first."""
    longest = ""

    def update(self, items):
        self.longest = max(self.longest, *items, key=len)

    def merge(self, other):
        self.longest = max(self.longest, other.longest, key=len)

    def init(self):
        pass

    def finish(self):
        return self


class Refused(wholes.Parts):
    """What is wrong on one rank is the same exception on all, and nobody waits."""

    def refused(self, kind, words, call):
        with self.assertRaises(kind) as caught:
            call()
        texts = self.everywhere(f"{type(caught.exception).__name__}: {caught.exception}")
        self.assertEqual(len(set(texts)), 1, texts)
        self.assertRegex(texts[0], words)
        self.assertEqual(self.comm.allreduce(1), self.ranks)

    def on_one(self, bad, good):
        """For each rank in turn: it alone has what is bad."""
        for one in range(self.ranks):
            yield bad if self.me == one else good

    def test_elements(self):
        good = np.arange(4.0)
        for name in ("min", "var", "histogram", "median", "unique", "any", "skew", "value_counts", "cov"):
            call = getattr(reductions, name)
            for bad in (np.array([1, None, 2], object), np.zeros(2, "i4,f4"), "text", None, object()):
                for x in self.on_one(bad, good):
                    self.refused((TypeError, ValueError), name, lambda: call(x, comm=self.comm))

    def test_types_that_differ(self):
        self.need(2)
        for name in ("max", "std", "histogram", "quantile", "unique", "count_nonzero"):
            args = (0.5,) if name == "quantile" else ()
            for x in self.on_one(np.arange(3), np.arange(3.0)):
                self.refused(TypeError, f"{name}: rank . has elements of dtype .*, rank . of ",
                             lambda: getattr(reductions, name)(x, *args, comm=self.comm))

    def test_shapes_that_do_not_fit(self):
        self.need(2)
        for x in self.on_one(np.zeros((3, 5)), np.zeros((3, 4))):
            self.refused(ValueError, "rank . has ., rank . .", lambda: reductions.var(x, 0, self.comm))
            reductions.var(x, 1, self.comm)
            reductions.var(x, None, self.comm)
        for x in self.on_one(np.zeros(3), np.zeros((3, 4))):
            self.refused(ValueError, "dimensions",
                         lambda: reductions.min(x, None, self.comm, keepdims=True))

    def test_axis(self):
        for axis in self.on_one(2, 0):
            self.refused((ValueError, IndexError), "axis|given",
                         lambda: reductions.max(np.zeros((3, 3)), axis, self.comm))
        for axis in self.on_one("x", 0):
            self.refused(TypeError, "axis must be None, an integer or several, not 'x'",
                         lambda: reductions.max(np.zeros((3, 3)), axis, self.comm))

    def test_nothing(self):
        for name in ("min", "max", "argmin", "argmax", "minmax", "nanmin"):
            self.refused(ValueError, f"{name}: (zero-size|attempt)",
                         lambda: getattr(reductions, name)([], comm=self.comm))

    def test_arguments_that_differ(self):
        self.need(2)
        x = np.arange(5.0)
        for k in self.on_one(2, 3):
            self.refused(ValueError, "top_k: rank . was given . where rank . was given .",
                         lambda: reductions.top_k(x, k, self.comm))
            self.refused(ValueError, "given", lambda: reductions.histogram(x, k, comm=self.comm))
            self.refused(ValueError, "given", lambda: reductions.var(x, ddof=k, comm=self.comm))
            self.refused(ValueError, "given", lambda: reductions.quantile(x, k / 10, comm=self.comm))
        for name in self.on_one("min", "max"):
            self.refused(ValueError, "rank . is in m.., rank . in m..",
                         lambda: getattr(reductions, name)(x, comm=self.comm))

    def test_bad_arguments(self):
        x = np.arange(5.0)
        for k in self.on_one(-1, 3):
            self.refused(ValueError, "k is -1|given", lambda: reductions.top_k(x, k, self.comm))
        for k in self.on_one("many", 3):
            self.refused(TypeError, "integer", lambda: reductions.top_k(x, k, self.comm))
            self.refused(TypeError, "not 'many'", lambda: reductions.histogram(x, k, comm=self.comm))
        for q in self.on_one(1.5, 1):
            self.refused(ValueError, r"q must be in the range \[0, 1\]",
                         lambda: reductions.quantile(x, q, comm=self.comm))
        for method in self.on_one("best", "linear"):
            self.refused(ValueError, "method 'best'",
                         lambda: reductions.quantile(x, 0.5, comm=self.comm, method=method))
        for bins in self.on_one([3, 2, 1], [1, 2, 3]):
            self.refused(ValueError, "monotonically|given",
                         lambda: reductions.histogram(x, bins, comm=self.comm))
        for weights in self.on_one(np.ones(4), np.ones(5)):
            self.refused(ValueError, "weights of shape",
                         lambda: reductions.histogram(x, comm=self.comm, weights=weights))
        for numbers in self.on_one([1, -1], [1, 1]):
            self.refused(ValueError, "negative", lambda: reductions.bincount(numbers, comm=self.comm))
        for shape in self.on_one(3, 5):
            self.refused(ValueError, "shape", lambda: reductions.allclose(x, np.zeros(shape), self.comm))
        for dtype in self.on_one("nonsense", "f8"):
            self.refused(TypeError, "nonsense", lambda: reductions.var(x, dtype=dtype, comm=self.comm))

    def test_comm(self):
        with self.assertRaisesRegex(TypeError, "comm must be a communicator, not 'world'"):
            reductions.var([1.0], comm="world")

    def test_iterators_that_fail(self):
        def broken(error):
            yield from range(5)
            if error:
                raise error
        for error in self.on_one(OSError(5, "the disc is gone"), None):
            for name in ("max", "median", "histogram", "unique", "var"):
                self.refused(OSError, "the disc is gone",
                             lambda: getattr(reductions, name)(broken(error), comm=self.comm))
            self.refused(OSError, "the disc is gone",
                         lambda: reductions.operator(max).reduce(broken(error), self.comm))
            self.refused(OSError, "the disc is gone",
                         lambda: reductions.accumulate(Sums, broken(error), self.comm))
        for error in self.on_one(Unpicklable("a", "b"), None):
            self.refused((Unpicklable, RuntimeError), "of a and b",
                         lambda: reductions.max(broken(error), comm=self.comm))

    def test_operators_that_fail(self):
        self.need(2)
        op = reductions.operator(lambda a, b: a / b)
        self.refused(ZeroDivisionError, "zero", lambda: op.reduce([float(self.me == 0)], self.comm))


class Unpicklable(Exception):
    def __init__(self, one, other):
        super().__init__(f"of {one} and {other}")


support.main()
