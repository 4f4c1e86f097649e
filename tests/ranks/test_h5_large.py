"""pympi.h5: more than 2 GiB a rank, more than 2**31 elements, and little memory beyond them."""
# ranks: 2
# timeout: 1800
# full: yes
# SPDX-License-Identifier: MIT

import resource

import h5cases
import support

ROWS, WIDTH = 2200, 1 << 20         # 2.3 GB of bytes a rank
BEYOND = 400 << 20                  # bytes of memory


def peak():
    """The most memory that this rank has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


class Large(h5cases.Files):
    over = ("world",)

    def setUp(self):
        super().setUp()
        np = self.np
        self.row = (np.arange(WIDTH) * 37 >> 5).astype("u1")
        # Without memory of its own: each part has to be made when it is written.
        self.local = np.broadcast_to(self.row + np.uint8(self.comm.rank), (ROWS, WIDTH))

    def check(self, d, step):
        """Rows across the ranks' border and at both ends, all of this rank's, its share as one array."""
        np, size = self.np, self.comm.size
        self.assertEqual(d.shape, (ROWS * size, WIDTH))
        for at in range(self.comm.rank * ROWS, (self.comm.rank + 1) * ROWS, step):
            part = d[at:at + step]
            for i, line in enumerate(part):
                self.assertTrue(np.array_equal(line, self.row + np.uint8((at + i) // ROWS)), at + i)
        self.assertEqual(int(d[-1, -1]), int(self.row[-1]) + size - 1 & 255)

    def saved(self, **options):
        before = peak()
        with self.file() as f:
            d = f.save("d", self.local, **options)
            self.assertLess(peak() - before, BEYOND)
            self.check(d, 100)
            self.assertLess(peak() - before, BEYOND)
            size = f._state.store.end
        return size

    def test_contiguous(self):
        self.assertGreater(self.saved(), ROWS * WIDTH * self.comm.size)
        with self.file("r") as f:
            mine = f["d"].mine(comm=self.comm)
            self.assertGreater(mine.size, 2**31)
            self.assertTrue((mine[::100] == self.local[::100]).all())
            self.assertTrue((mine[-1] == self.local[-1]).all())

    def test_packed(self):
        self.assertLess(self.saved(compression=1), ROWS * WIDTH)

    def test_columns(self):
        before = peak()
        with self.file() as f:
            d = f.save("d", self.local.T, split=1)
            self.assertLess(peak() - before, BEYOND)
            self.assertEqual(d.shape, (WIDTH, ROWS * self.comm.size))
            for at in range(0, WIDTH, WIDTH // 7):
                want = [int(self.row[at]) + r & 255 for r in range(self.comm.size)]
                self.assertEqual([sorted(set(part)) for part in self.np.split(d[at], self.comm.size)], [[w] for w in want])

    def test_a_checkpoint(self):
        before = peak()
        path = self.path("c")
        self.h5.checkpoint(path, {"u": self.h5.Split(self.local), "step": 1}, comm=self.comm)
        self.assertLess(peak() - before, BEYOND)
        state = self.h5.restore(path, comm=self.comm)
        self.assertTrue((state["u"][::100] == self.local[::100]).all())


support.main()
