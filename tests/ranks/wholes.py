"""What the tests of statistics share: a whole that all ranks know, of which each has a part."""
# SPDX-License-Identifier: MIT

import random
import unittest
import warnings

import support

try:
    import numpy as np
    from pympi import reductions
except ImportError:
    np = reductions = None


class Parts(support.Comms):
    """All ranks make the same whole, and each takes its part."""

    def setUp(self):
        if np is None:
            raise unittest.SkipTest("NumPy is not installed")
        warnings.simplefilter("ignore", RuntimeWarning)     # NumPy's, of empty slices
        self.me, self.ranks = self.comm.rank, self.comm.size
        self.random = random.Random(support.SEED)
        self.rng = np.random.default_rng(support.SEED)

    def cuts(self, count):
        """Where parts end: some ranks have nothing, often."""
        return sorted(self.random.choice((0, count, self.random.randint(0, count)))
                      for _ in range(self.ranks - 1))

    def part(self, whole, axis=0, cuts=None):
        cuts = self.cuts(whole.shape[axis]) if cuts is None else cuts
        return np.split(whole, cuts, axis)[self.me]

    def same(self, got, want, rough=0.0):
        """Same type, shape and values; with rough, relative to the largest value."""
        got, want = np.asanyarray(got), np.asanyarray(want)
        self.assertEqual(got.dtype, want.dtype.newbyteorder("="))
        self.assertEqual(got.shape, want.shape)
        if rough:
            largest = np.max(np.abs(want), initial=0, where=np.isfinite(want))
            np.testing.assert_allclose(got, want, rough, rough * largest)
        else:
            np.testing.assert_array_equal(got, want)

    def same_everywhere(self, got):
        bits = self.everywhere(np.asarray(got).tobytes())
        self.assertEqual(set(bits), {bits[0]})

    def values(self, dtype, *shape):
        if dtype == "c16":
            return self.values("f8", *shape) + 1j * self.values("f8", *shape)
        whole = self.rng.normal(size=shape) * 20
        return whole.astype("i8").astype(dtype) if dtype[0] in "Mu" else whole.astype(dtype)
