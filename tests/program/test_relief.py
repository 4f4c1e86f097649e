"""The example relief: the same bits on any number of ranks, what is known of the Earth, and bad files."""
# SPDX-License-Identifier: MIT
# timeout: 180

import os
import pathlib
import re
import unittest

import support

DATA = pathlib.Path("/usr/share/ferret-vis/data")
COARSE = DATA / "etopo120.cdf"

# Against rational numbers, which round nothing; of a height and its area the product is exact in them.
EXACT = """
import sys
from fractions import Fraction
from pympi import mpi
from pympi.examples import relief

grid = relief.Grid(sys.argv[1])
results, parts = relief.measure(grid), relief.distribution(grid)
rows = mpi.gather([(list(map(float, row)), float(area)) for row, area in zip(grid.heights, grid.areas)])
if mpi.rank == 0:
    cells = [(Fraction(height), Fraction(area)) for part in rows for row, area in part for height in row]
    whole = float(sum(area for _, area in cells))
    land = float(sum(area for height, area in cells if height >= 0))
    assert abs(whole - 1) < 1e-15, whole
    assert results["land"] == land / whole
    assert results["mean"] == float(sum(height * area for height, area in cells)) / whole
    assert results["mean of land"] == float(sum(h * area for h, area in cells if h >= 0)) / land
    assert abs(parts.sum() - 1) < 1e-15
    print("exact")
"""


def is_there(path):
    return unittest.skipUnless(path.exists(), "ferret-datasets is not installed")


@support.needs("scipy")
@support.needs("matplotlib")
class Relief(support.Case):
    def relief(self, ranks, *args):
        picture = os.path.join(self.folder, "relief.png")
        return self.run_ranks(ranks, "-m", "pympi.examples.relief", "--picture", picture, *args)

    def run_ranks(self, ranks, *args):
        done = support.run(["-n", str(ranks), *args], timeout=60)
        done.err = support.NOTE.sub("", done.err)
        return done

    @is_there(DATA / "etopo5.cdf")
    def test_same_bits(self):
        said = set()
        for ranks in (1, 2, 3, 4):
            done = self.relief(ranks)
            self.ok(done)
            said.add(re.sub("ordinary sums on .*", "", done.out))
            picture = pathlib.Path(self.folder, "relief.png")
            self.assertEqual(picture.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
            picture.unlink()
        self.assertEqual(len(said), 1, said)
        self.known_of_the_earth(said.pop())

    def known_of_the_earth(self, said):
        """The atlas's figures: 29 % land, 800 m high; 3,700 m of sea; the deepest is in the Mariana Trench."""
        land, height = map(float, re.search(r"land: (\S+) %.* height is (\S+) m", said).groups())
        depth, = map(float, re.search(r"sea: mean -(\S+) m", said).groups())
        self.assertTrue(28 < land < 30 and 780 < height < 850 and 3600 < depth < 3750, said)
        self.assertRegex(said, r"lowest: -10\d{3} m at 11\.\d° N, 142\.\d° E")

    @is_there(COARSE)
    def test_exact(self):
        for ranks in (1, 3):
            done = self.run_ranks(ranks, "-c", EXACT, str(COARSE))
            self.ok(done)
            self.assertEqual(done.out, "exact\n")

    @is_there(COARSE)
    def test_more_ranks_than_rows(self):
        import scipy.io
        small = os.path.join(self.folder, "small.cdf")
        with scipy.io.netcdf_file(COARSE, mmap=False) as whole, scipy.io.netcdf_file(small, "w") as part:
            for name, axis, count in (("ETOPO120Y", "y", 3), ("ETOPO120X", "x", 180)):
                part.createDimension(axis, count)
                part.createVariable(axis, "d", (axis,))[:] = \
                    whole.variables[name][::len(whole.variables[name][:]) // count]
            part.createVariable("ROSE", "f", ("y", "x"))[:] = whole.variables["ROSE"][::30]
        alone, many = self.relief(1, "--data", small), self.relief(4, "--data", small)
        self.ok(alone)
        self.ok(many)
        self.assertEqual(alone.out.splitlines()[-2:], many.out.splitlines()[-2:])

    def test_bad_files(self):
        """One sentence, which names the file."""
        for name, content, why in (("none.cdf", None, "is missing: install"),
                                   ("text.cdf", b"no netCDF", "is no netCDF file"),
                                   ("other.cdf", b"CDF\1" + bytes(28), "'ROSE'")):
            path = pathlib.Path(self.folder, name)
            if content is not None:
                path.write_bytes(content)
            done = self.relief(3, "--data", str(path))
            self.assertEqual(done.status, 1)
            self.assertRegex(support.neutral(done.err), f"^relief: {path}[^\n]*{why}[^\n]*\n(--- where the others "
                                                        r"were\n( .*\n)+)?[^\n]*status 1\n$")


if __name__ == "__main__":
    unittest.main()
