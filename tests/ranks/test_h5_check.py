"""pympi.h5 under --check: ranks that write the same elements in one call are told, and nothing is written."""
# timeout: 120
# env: PYMPI_CHECK=1
# SPDX-License-Identifier: MIT

import itertools

import h5cases
import support

LAYOUTS = ({}, {"compression": 1, "chunks": (2, 3)}, {"compact": True})


class Overlaps(h5cases.Files):
    over = ("world",)

    def setUp(self):
        super().setUp()
        self.need(2)

    def both(self, first, last):
        """What the last rank writes, the first, and the others, which write nothing."""
        rank = self.comm.rank
        return last if rank == self.comm.size - 1 else first if rank == 0 else (slice(0, 0),)

    def test_overlaps(self):
        np, last = self.np, self.comm.size - 1
        mask, other = np.zeros((8, 9), bool), np.zeros((8, 9), bool)
        mask[2, 1::2] = other[:, 7] = True
        cases = (
            ((slice(0, 4),), (slice(3, 8),), "3, 0"),
            ((slice(0, 4), slice(0, 5)), (slice(2, 8), slice(4, 9)), "2, 4"),
            ((slice(0, 8, 2),), (slice(1, 8, 3),), "4, 0"),
            ((slice(None), [1, 4]), (slice(2, 3), slice(4, 6)), "2, 4"),
            (([1, 5], 3), ([2, 5], slice(2, 4)), "5, 3"),
            ((mask,), (other,), "2, 7"),
            ((mask,), (2, slice(6, 9)), "2, 7"),
            ((7, 8), (slice(7, 8), 8), "7, 8"))
        with self.file() as f:
            for i, options in enumerate(LAYOUTS):
                d = f.create_dataset(f"d{i}", (8, 9), "i4", **options)
                for one, two, at in cases:
                    texts = self.raises_everywhere(
                        self.h5.Disagreement, lambda: d.__setitem__(self.both(one, two), self.comm.rank + 1))
                    self.assertEqual(len(set(texts)), 1, texts)
                    self.assertRegex(texts[0], rf"rank 0 at \S+test_h5_check.py:\d+ and rank {last} at ")
                    self.assertIn(f"/d{i}[{at}]", texts[0])
                self.assertEqual(np.count_nonzero(d[...]), 0)

    def test_none(self):
        """Parts beside each other, and in each other's gaps; all of it by all ranks alike."""
        np, rank, n = self.np, self.comm.rank, self.comm.size
        with self.file() as f:
            for i, options in enumerate(LAYOUTS):
                d = f.create_dataset(f"d{i}", (8, 9), "i4", **options)
                d[...] = 5
                d[rank::n] = rank
                d[:, rank::n] = np.arange(8)[:, None]
                d[0:8 if rank == 0 else 0] = 2
                mask = np.zeros((8, 9), bool)
                mask[rank % 8, ::2] = True
                d[mask] = 7
                f.save(f"e{i}", np.full((2, 3), rank), 1)
                d.write(np.full((0 if rank else 8, 9), 3))
                self.assertEqual(set(d[...].ravel()), {3})

    def test_mistakes_are_told_as_ever(self):
        with self.file() as f:
            d = f.create_dataset("d", (8,), "i4")
            self.raises_everywhere(IndexError, lambda: d.__setitem__(9 if self.comm.rank else 0, 1))
            self.raises_everywhere(TypeError, lambda: d.__setitem__(slice(0, 2), [1, 2, 3] if self.comm.rank else 1))
            self.raises_everywhere(self.h5.Disagreement, lambda: d.__setitem__(0, 1) if self.comm.rank else f.flush())
            d[self.comm.rank] = 1

    def test_common_elements(self):
        """Of every two selections, against sets of elements."""
        from pympi._h5.overlaps import common
        np = self.np
        axes = [range(0, 9), range(2, 9, 3), range(3, 9, 2), range(5, 5), range(8, 9), np.array([2, 3, 8]), np.array([0])]
        both = list(itertools.product(axes[:6:2] + axes[1:6:4], axes[1:]))

        def elements(where):
            return set(itertools.product(*map(list, where))) if isinstance(where, tuple) else set(map(tuple, where.tolist()))
        points = [np.array(sorted(elements(where))) for where in both if elements(where)][::5]
        for one, other in itertools.product(both + points, repeat=2):
            want = elements(one) & elements(other)
            got = common(one, other)
            self.assertEqual(got is not None, bool(want), (one, other))
            self.assertTrue(got is None or tuple(map(int, got)) in want, (one, other, got))


support.main()
