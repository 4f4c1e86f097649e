"""Smallest, largest, moments and what is true, against NumPy on all elements, for parts of any size."""
# SPDX-License-Identifier: MIT
# timeout: 240

from fractions import Fraction

import support
import wholes
from wholes import np, reductions

FLOATS = "f8", "f4"
TYPES = "f8", "f4", "i8", "i4", "u1", "?", "c16", ">f8", "M8[s]"
ROUGHLY = {"f8": 1e-11, "f4": 1e-5, "f2": 1e-2}
TURNS = 40 if support.FULL else 6


class Extremes(wholes.Parts):
    NAMES = "min", "max", "argmin", "argmax"

    def test_all_types_and_sizes(self):
        for dtype in TYPES:
            for size in (1, 5, 4096, 9001):
                whole = self.values(dtype, size)
                for name in self.NAMES:
                    got = getattr(reductions, name)(self.part(whole), comm=self.comm)
                    self.same(got, getattr(np, name)(whole))
                    self.same_everywhere(got)
                low, high = reductions.minmax(self.part(whole), comm=self.comm)
                self.same(low, whole.min())
                self.same(high, whole.max())

    def test_ties_go_to_the_lowest_place(self):
        for turn in range(TURNS):
            whole = self.rng.integers(0, 3, 2500 + turn).astype("f8")
            for name in self.NAMES[2:]:
                self.same(getattr(reductions, name)(self.part(whole), comm=self.comm),
                          getattr(np, name)(whole))
        whole = np.array([0.0, -0.0, 0.0])
        self.same(reductions.argmin(self.part(whole), comm=self.comm), np.argmin(whole))

    def test_infinities(self):
        for whole in ([np.inf] * 5, [-np.inf] * 5, [np.inf, 3, -np.inf, np.inf], [5e-324, -5e-324, 0, 0]):
            for dtype in FLOATS:
                whole = np.array(whole, dtype)
                for name in (*self.NAMES, "nanargmin", "nanargmax", "nanmin"):
                    self.same(getattr(reductions, name)(self.part(whole), comm=self.comm),
                              getattr(np, name)(whole))

    def test_nan(self):
        for dtype in (*FLOATS, "c16"):
            for size in (1, 3, 40, 5000):
                whole = self.values(dtype, size)
                whole[self.rng.random(size) < self.random.choice((0.001, 0.5))] = np.nan
                if dtype == "c16":
                    whole = whole[~np.isnan(whole)]     # NumPy keeps no order among such with a NaN
                for name in self.NAMES if len(whole) else ():
                    self.same(getattr(reductions, name)(self.part(whole), comm=self.comm),
                              getattr(np, name)(whole))
                if dtype != "c16" and not np.isnan(whole).all():
                    for name in self.NAMES:
                        self.same(getattr(reductions, "nan" + name)(self.part(whole), comm=self.comm),
                                  getattr(np, "nan" + name)(whole))
                    low, high = reductions.nanminmax(self.part(whole), comm=self.comm)
                    self.same(np.stack([low, high]), np.stack([np.nanmin(whole), np.nanmax(whole)]))

    def test_nothing_but_nan(self):
        whole = np.full(7, np.nan)
        self.same(reductions.nanmin(self.part(whole), comm=self.comm), np.float64(np.nan))
        with self.assertRaisesRegex(ValueError, "nanargmax: a slice"):
            reductions.nanargmax(self.part(whole), comm=self.comm)

    def test_axes(self):
        for dtype in TYPES:
            whole = self.values(dtype, 13, 4, 5)
            for axis in (0, 1, 2, -1, (0, 2), (2, 1), None):
                for keepdims in (False, True):
                    part = self.part(whole, axis[0] if isinstance(axis, tuple) else axis or 0)
                    for name in self.NAMES[:2 if isinstance(axis, tuple) else 4]:
                        self.same(getattr(reductions, name)(part, axis, self.comm, keepdims=keepdims),
                                  getattr(np, name)(whole, axis=axis, keepdims=keepdims))

    def test_nan_along_an_axis(self):
        whole = self.values("f8", 40, 6)
        whole[self.rng.random(whole.shape) < 0.6] = np.nan
        whole[0], whole[:, 0] = 1, 2
        for name in ("nanmin", "nanmax", "nanargmin", "nanargmax"):
            for axis in (0, 1):
                self.same(getattr(reductions, name)(self.part(whole, axis), axis, self.comm),
                          getattr(np, name)(whole, axis))
        whole[:, 2] = np.nan
        self.same(reductions.nanmin(self.part(whole), 0, self.comm), np.nanmin(whole, 0))

    def test_masked(self):
        for dtype in ("f8", "i4"):
            whole = np.ma.array(self.values(dtype, 500, 3), mask=self.rng.random((500, 3)) < 0.7)
            cuts = self.cuts(500)
            part = np.ma.array(self.part(whole.data, 0, cuts), mask=self.part(whole.mask, 0, cuts))
            for axis in (None, 0):
                for name in ("min", "max"):
                    self.same(getattr(reductions, name)(part, axis, self.comm),
                              np.asarray(getattr(np.ma, name)(whole, axis)))
            self.same(reductions.argmin(part, comm=self.comm), np.ma.argmin(whole))
        whole = np.ma.masked_all(4)
        self.assertIs(reductions.min(whole, comm=self.comm), np.ma.masked)


class Moments(wholes.Parts):
    def test_all_types_and_sizes(self):
        for dtype in ("f8", "f4", "i8", "u1", "?", "c16", ">f8", "f2"):
            for size in (1, 2, 9001, 70_001) if dtype in FLOATS else (3, 1000):
                whole = self.values(dtype, size)
                exact = whole.astype(np.result_type(dtype, "f8")) if dtype in ("f2", "f4") else whole
                rough = ROUGHLY.get(dtype, 1e-11)
                for name, ddof in (("var", 0), ("std", 0), ("var", 1), ("std", 2)):
                    got = getattr(reductions, name)(self.part(whole), comm=self.comm, ddof=ddof)
                    want = np.asarray(getattr(np, name)(exact, ddof=ddof))
                    self.same(got, want.astype(dtype) if exact is not whole else want, rough)
                    self.same_everywhere(got)

    def test_axes(self):
        for dtype in ("f8", "i4", "c16"):
            whole = self.values(dtype, 30, 4, 5)
            for axis in (0, 1, -1, (0, 2), (2, 0, 1), None):
                part = self.part(whole, axis[0] if isinstance(axis, tuple) else axis or 0)
                for keepdims in (False, True):
                    self.same(reductions.var(part, axis, self.comm, ddof=1, keepdims=keepdims),
                              np.var(whole, axis, ddof=1, keepdims=keepdims), 1e-11)

    def test_far_from_zero(self):
        """Against exact numbers: what one pass of naive sums loses here is everything."""
        for offset, scale in ((1e9, 1.0), (-1e15, 1.0), (1.0, 1e-9), (1e-300, 1e-150), (0.0, 1e150)):
            whole = offset + scale * self.rng.normal(size=3000)
            exact = [Fraction(x) for x in whole.tolist()]
            mean = sum(exact) / len(exact)
            want = float(sum((x - mean) ** 2 for x in exact) / len(exact))
            self.same(reductions.var(self.part(whole), comm=self.comm), np.float64(want), 1e-12)
            rows = np.repeat(whole[:, None], 3, 1)
            self.same(reductions.var(self.part(rows), 0, self.comm), np.full(3, want), 1e-12)

    def test_equal_elements_have_no_variance(self):
        for value in (0.1, 1e300, -3e-310):
            whole = np.full(5001, value)
            self.assertEqual(reductions.var(self.part(whole), comm=self.comm), 0.0)
            self.assertTrue(np.isnan(reductions.skew(self.part(whole), comm=self.comm)))
            self.same(reductions.var(self.part(whole.reshape(-1, 3)), 0, self.comm), np.zeros(3))

    def test_too_few(self):
        for size, ddof in ((0, 0), (1, 1), (2, 2), (2, 3)):
            whole = self.values("f8", size)
            self.same(reductions.var(self.part(whole), comm=self.comm, ddof=ddof), np.var(whole, ddof=ddof))

    def test_infinities_and_nan(self):
        for bad in (np.inf, -np.inf, np.nan):
            whole = self.values("f8", 50)
            whole[17] = bad
            self.assertTrue(np.isnan(reductions.var(self.part(whole), comm=self.comm)))

    def test_dtype(self):
        whole = self.values("f4", 100)
        self.same(reductions.var(self.part(whole), comm=self.comm, dtype="f8"), np.var(whole, dtype="f8"), 1e-11)

    def test_nan_is_left_out(self):
        whole = self.values("f8", 900, 5)
        whole[self.rng.random(whole.shape) < 0.5] = np.nan
        whole[:, 1], whole[1:, 2] = np.nan, np.nan
        for axis in (None, 0):
            for ddof in (0, 1):
                self.same(reductions.nanvar(self.part(whole), axis, self.comm, ddof=ddof),
                          np.nanvar(whole, axis, ddof=ddof), 1e-11)
                self.same(reductions.nanstd(self.part(whole), axis, self.comm, ddof=ddof),
                          np.nanstd(whole, axis, ddof=ddof), 1e-11)

    def test_masked(self):
        whole = np.ma.array(self.values("f8", 500, 3), mask=self.rng.random((500, 3)) < 0.7)
        cuts = self.cuts(500)
        part = np.ma.array(self.part(whole.data, 0, cuts), mask=self.part(whole.mask, 0, cuts))
        for axis in (None, 0):
            self.same(reductions.var(part, axis, self.comm), np.asarray(np.ma.var(whole, axis)), 1e-11)

    def test_skew_and_kurtosis(self):
        for size in (1, 5, 5000):
            whole = self.rng.exponential(size=size) + 1e3
            d = whole - whole.mean()
            m2, m3, m4 = ((d ** k).mean() for k in (2, 3, 4))
            part = self.part(whole)
            self.same(reductions.skew(part, comm=self.comm), m3 / np.float64(m2) ** 1.5, 1e-8)
            self.same(reductions.kurtosis(part, comm=self.comm), m4 / m2 ** 2 - 3, 1e-8)
            self.same(reductions.kurtosis(part, comm=self.comm, fisher=False), m4 / m2 ** 2, 1e-8)
            if size > 3:
                n = size
                self.same(reductions.skew(part, comm=self.comm, bias=False),
                          m3 / m2 ** 1.5 * np.sqrt(n * (n - 1)) / (n - 2), 1e-8)
                self.same(reductions.kurtosis(part, comm=self.comm, bias=False),
                          ((n * n - 1) * m4 / m2 ** 2 - 3 * (n - 1) ** 2) / ((n - 2) * (n - 3)), 1e-8)
        columns = np.stack([whole, whole ** 2], 1)
        d = columns - columns.mean(0)
        self.same(reductions.skew(self.part(columns), 0, self.comm),
                  (d ** 3).mean(0) / (d ** 2).mean(0) ** 1.5, 1e-8)
        self.same(reductions.kurtosis(self.part(columns), 0, self.comm),
                  (d ** 4).mean(0) / (d ** 2).mean(0) ** 2 - 3, 1e-8)

    def test_covariance(self):
        for dtype in ("f8", "f4", "c16", "i4"):
            whole = self.values(dtype, 4, 600)
            rough = ROUGHLY.get(dtype, 1e-11)
            for rowvar in (True, False):
                data = whole if rowvar else whole.T
                part = self.part(data, 1 if rowvar else 0)
                self.same(reductions.cov(part, self.comm, rowvar=rowvar), np.cov(data, rowvar=rowvar), rough)
                self.same(reductions.cov(part, self.comm, rowvar=rowvar, bias=True),
                          np.cov(data, rowvar=rowvar, bias=True), rough)
                self.same(reductions.corrcoef(part, self.comm, rowvar=rowvar),
                          np.corrcoef(data, rowvar=rowvar), rough)
            self.same(reductions.cov(self.part(whole[0]), self.comm), np.cov(whole[0]), rough)


class Truth(wholes.Parts):
    def test_as_numpy(self):
        for dtype in ("f8", "i4", "?", "c16"):
            for share in (0, 0.02, 0.5, 1):
                whole = np.where(self.rng.random((60, 3, 2)) < share, self.values(dtype, 60, 3, 2), 0)
                whole = whole.astype(dtype)
                for axis in (None, 0, -1, (0, 1)):
                    part = self.part(whole, axis[0] if isinstance(axis, tuple) else axis or 0)
                    for name in ("any", "all", "count_nonzero"):
                        got = getattr(reductions, name)(part, axis, self.comm, keepdims=True)
                        self.same(got, np.asarray(getattr(np, name)(whole, axis, keepdims=True)))

    def test_nothing_and_masked(self):
        self.assertIs(bool(reductions.any([], comm=self.comm)), False)
        self.assertIs(bool(reductions.all([], comm=self.comm)), True)
        part = np.ma.array([0, 1, 2], mask=[1, 0, 0])
        self.assertTrue(reductions.all(part, comm=self.comm))
        self.same(reductions.count_nonzero(part, comm=self.comm), np.intp(2 * self.ranks))

    def test_allclose_and_array_equal(self):
        a = self.values("f8", 10)
        for last in (0, self.ranks - 1):
            b = a + (1e-12 if self.me == last else 0)
            self.assertTrue(reductions.allclose(a, b, self.comm))
            self.assertFalse(reductions.array_equal(a, b, self.comm))
            self.assertFalse(reductions.allclose(a, b + (self.me == last), self.comm))
            self.assertFalse(reductions.array_equal(a, a[:9 if self.me == last else 10], self.comm))
        self.assertTrue(reductions.array_equal(a, a.copy(), self.comm))
        a[3] = np.nan
        self.assertFalse(reductions.array_equal(a, a.copy(), self.comm))
        self.assertTrue(reductions.array_equal(a, a.copy(), self.comm, equal_nan=True))


support.main()
