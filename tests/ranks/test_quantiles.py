"""Histograms, quantiles and distinct elements, against NumPy on all elements, for parts of any size."""
# SPDX-License-Identifier: MIT
# timeout: 240

import struct

import support
import wholes
from wholes import np, reductions

TURNS = 40 if support.FULL else 6


class Histograms(wholes.Parts):
    def check(self, whole, **given):
        want, want_edges = np.histogram(whole, **given)
        weights = given.pop("weights", None)
        cuts = self.cuts(len(whole))
        if weights is not None:
            given["weights"] = self.part(weights, 0, cuts)
        got, edges = reductions.histogram(self.part(whole, 0, cuts), comm=self.comm, **given)
        self.same(edges, want_edges)
        self.same(got, want, 1e-12 if weights is not None or given.get("density") else 0)
        self.same_everywhere(got)

    def test_as_numpy(self):
        for dtype in ("f8", "f4", "i8", "u1"):
            for size in (0, 1, 2, 100, 20_001):
                whole = self.values(dtype, size)
                for given in ({}, {"bins": 1}, {"bins": 77}, {"range": (-7, 20.5)}, {"density": True},
                              {"bins": [-20, -1.5, 0, 0, 30]}, {"bins": [3]}, {"bins": 5, "range": (2, 2)}):
                    if size or "density" not in given:
                        self.check(whole, **given)

    def test_elements_on_edges(self):
        for turn in range(TURNS):
            bins = self.random.randint(1, 200)
            low, high = sorted(self.rng.normal(size=2) * 10.0 ** self.random.randint(-5, 5))
            edges = np.linspace(low, high, bins + 1)
            whole = np.concatenate([edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)])
            self.check(whole, bins=bins, range=(low, high))
            self.check(self.rng.permutation(whole), bins=bins)

    def test_edges_that_rounding_has_moved(self):
        """They still decide: as by edges that are given."""
        for low, high, bins in ((1e6, 1e6 + 1, 100), (1, 1 + 1e-6, 50), (-3, 5, 7)):
            whole = np.linspace(low, high, 999).astype("f4")
            if self.edges_are_refused(whole, bins):
                continue
            got, edges = reductions.histogram(self.part(whole), bins, comm=self.comm)
            self.same(got, np.histogram(whole, edges)[0])

    def edges_are_refused(self, whole, bins):
        """NumPy 2 takes no bins that are narrower than two neighbouring numbers are apart."""
        try:
            np.histogram_bin_edges(whole, bins)
        except ValueError as wrong:
            with self.assertRaisesRegex(ValueError, str(wrong)):
                reductions.histogram(self.part(whole), bins, comm=self.comm)
            return True
        return False

    def test_weights(self):
        whole = self.values("f8", 3000)
        for weights in (self.rng.normal(size=3000), self.rng.integers(0, 9, 3000), np.ones(3000, "f4")):
            self.check(whole, weights=weights)
            self.check(whole, weights=weights, range=(-3, 9), bins=7)

    def test_nan_and_infinities(self):
        whole = self.values("f8", 100)
        whole[[3, 50, 99]] = np.nan, np.inf, -np.inf
        self.check(whole, range=(-10, 10))
        self.check(whole, bins=[-10, 0, 10])
        with self.assertRaisesRegex(ValueError, "autodetected range of .* is not finite"):
            reductions.histogram(self.part(whole), comm=self.comm)

    def test_bincount(self):
        for dtype in ("i8", "u1", "?", "i4"):
            for size in (0, 1, 3000):
                whole = (self.rng.random(size) * 50).astype(dtype)
                self.same(reductions.bincount(self.part(whole), comm=self.comm), np.bincount(whole))
                self.same(reductions.bincount(self.part(whole), minlength=70, comm=self.comm),
                          np.bincount(whole, minlength=70))
        weights, cuts = self.rng.normal(size=3000), self.cuts(3000)
        self.same(reductions.bincount(self.part(whole, 0, cuts), self.part(weights, 0, cuts), comm=self.comm),
                  np.bincount(whole, weights), 1e-12)


class Quantiles(wholes.Parts):
    METHODS = ("linear", "lower", "higher", "midpoint", "nearest", "hazen", "weibull", "median_unbiased",
               "normal_unbiased", "interpolated_inverted_cdf", "inverted_cdf", "averaged_inverted_cdf")
    Q = [0, 0.01, 0.25, 1 / 3, 0.5, 0.9, 1]

    def test_closest_observation(self):
        """The element whose place, counted from 1, is closest to n q; of two the even one (Hyndman and Fan)."""
        for size in range(1, 12):
            whole = np.arange(1, size + 1)
            q = np.linspace(0, 1, 41)
            want = np.clip([round(size * one) for one in q], 1, size)
            self.same(reductions.quantile(self.part(whole), q, comm=self.comm, method="closest_observation"), want)

    def test_as_numpy(self):
        for dtype in ("f8", "f4", "i4", "u1", ">f8"):
            for size in (1, 2, 3, 10, 5000):
                whole = self.values(dtype, size)
                for method in self.METHODS if size < 11 else self.METHODS[:1]:
                    got = reductions.quantile(self.part(whole), self.Q, comm=self.comm, method=method)
                    want = np.quantile(whole, self.Q, method=method)
                    self.same(got, want.astype(got.dtype), 1e-6 if dtype == "f4" else 0)
                    self.same_everywhere(got)
                got = reductions.median(self.part(whole), comm=self.comm)
                self.same(got, np.asarray(np.median(whole)).astype(got.dtype))

    def test_bit_by_bit(self):
        """Numbers that differ in their last bits, tiny, huge, negative, many equal."""
        for turn in range(TURNS):
            bits = [self.random.choice((self.random.getrandbits(64), 0x3ff0000000000000 + turn,
                                        0x8000000000000000, self.random.getrandbits(8))) for _ in range(301)]
            whole = np.array([struct.unpack("d", struct.pack("Q", b))[0] for b in bits])
            whole = whole[np.isfinite(whole)]
            q = self.rng.random(5)
            self.same(reductions.quantile(self.part(whole), q, comm=self.comm, method="lower"),
                      np.quantile(whole, q, method="lower"))

    def test_infinities(self):
        self.same(reductions.median(self.part(np.array([np.inf, 1, 2, np.inf, np.inf])), comm=self.comm),
                  np.float64(np.inf))
        self.same(reductions.quantile(self.part(np.array([-np.inf, 1, 2])), [0, 0.5], comm=self.comm),
                  np.array([-np.inf, 1]))

    def test_axes(self):
        for shape in ((31, 4, 5), (7, 300, 2)):
            whole = self.values("f8", *shape)
            for axis in (0, 1, -1, (0, 2), None):
                part = self.part(whole, axis[0] if isinstance(axis, tuple) else axis or 0)
                for q in (0.3, [0.2, 0.9], [[0.5], [0.1]]):
                    self.same(reductions.quantile(part, q, axis, self.comm, keepdims=True),
                              np.quantile(whole, q, axis, keepdims=True))
                self.same(reductions.median(part, axis, self.comm), np.median(whole, axis))

    def test_nan(self):
        whole = self.values("f8", 90, 4)
        whole[self.rng.random(whole.shape) < 0.4] = np.nan
        whole[:, 1], whole[:, 2] = np.nan, 5
        for axis in (None, 0):
            self.same(reductions.median(self.part(whole), axis, self.comm), np.median(whole, axis))
            self.same(reductions.nanmedian(self.part(whole), axis, self.comm), np.nanmedian(whole, axis))
            self.same(reductions.nanquantile(self.part(whole), [0.2, 0.7], axis, self.comm),
                      np.nanquantile(whole, [0.2, 0.7], axis))

    def test_masked(self):
        whole = np.ma.array(self.values("f8", 500, 3), mask=self.rng.random((500, 3)) < 0.7)
        cuts = self.cuts(500)
        part = np.ma.array(self.part(whole.data, 0, cuts), mask=self.part(whole.mask, 0, cuts))
        for axis in (None, 0):
            self.same(reductions.median(part, axis, self.comm), np.asarray(np.ma.median(whole, axis)), 1e-15)

    def test_nothing(self):
        self.same(reductions.median([], comm=self.comm), np.float64(np.nan))
        self.same(reductions.quantile([], [0.5, 1], comm=self.comm), np.full(2, np.nan))


class Elements(wholes.Parts):
    def test_unique(self):
        for dtype in ("f8", "i4", "?", "c16", "M8[s]", "U3"):
            for size in (0, 1, 40, 9000):
                whole = (self.rng.random(size) * 30).astype("i8").astype(dtype)
                cuts = self.cuts(size)
                got = reductions.unique(self.part(whole, 0, cuts), self.comm, return_index=True,
                                        return_inverse=True, return_counts=True)
                values, index, inverse, counts = np.unique(whole, True, True, True)
                for a, b in zip(got, (values, index, self.part(inverse.reshape(-1), 0, cuts), counts)):
                    self.same(a, b)
                self.same(reductions.unique(self.part(whole), self.comm), values)

    def test_unique_of_many(self):
        whole = self.rng.permutation(np.repeat(np.arange(150_000.0), 2))
        got, counts = reductions.unique(self.part(whole), self.comm, return_counts=True)
        self.same(got, np.arange(150_000.0))
        self.assertEqual(set(counts.tolist()), {2})

    def test_nan_is_one(self):
        whole = np.array([np.nan, 1, np.nan, 0, np.nan, 1])
        self.same(reductions.unique(self.part(whole), self.comm), np.unique(whole))
        values, counts = reductions.value_counts(self.part(whole), self.comm)
        self.same(values, np.array([np.nan, 1, 0]))
        self.same(counts, np.array([3, 2, 1]))

    def test_value_counts(self):
        words = self.random.choices(["to", "be", "or", "not"], k=200)
        cuts = [0, *self.cuts(200), 200]
        mine = words[cuts[self.me]:cuts[self.me + 1]]
        values, counts = reductions.value_counts(mine, self.comm)
        want = sorted(set(words), key=lambda w: (-words.count(w), w))
        self.assertEqual(values.tolist(), want)
        self.assertEqual(counts.tolist(), [words.count(w) for w in want])
        _, shares = reductions.value_counts(mine, self.comm, normalize=True)
        self.same(shares, counts / 200)

    def test_top_k(self):
        for dtype in ("f8", "i4", "u1"):
            for size, k in ((0, 3), (5, 0), (5, 9), (3000, 10), (70_000, 500)):
                whole = (self.rng.random(size) * 200).astype("i8").astype(dtype)
                for largest in (True, False):
                    order = np.argsort(-whole.astype("f8") if largest else whole, kind="stable")[:k]
                    values, places = reductions.top_k(self.part(whole), k, self.comm, largest=largest)
                    self.same(values, whole[order])
                    self.same(places, order)
        whole = np.array([np.nan, 1, 3, np.nan, 2])
        values, places = reductions.top_k(self.part(whole), 4, self.comm)
        self.assertEqual((values.tolist(), places.tolist()), ([3, 2, 1], [2, 4, 1]))


support.main()
