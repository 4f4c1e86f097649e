"""ParaView over all ranks: scripts of pvbatch's, pictures of arrays, files that are written and opened."""
# SPDX-License-Identifier: MIT
# timeout: 1800

import glob
import os
import re
import shutil
import unittest

from support import NOTE, Case, has, run, run_ranks

TIMEOUT = 300
RELIEF = "/usr/share/ferret-vis/data/etopo5.cdf"
SHORES = "/usr/share/gmt-gshhg/binned_GSHHS_l.nc"
TOLD = {"relief": (9337681, 9329040, 0, 0, 0, 360, -90, 90, -10376, 7833),     # points, cells, bounds, range
        "shores": (60247, 6858, 0, 360, -79, 84, 0, 0)}

# As pvbatch runs it; behind the picture's name it says what ParaView tells of the data.
SCRIPT = """
import sys
from paraview.simple import *
wavelet = Wavelet(WholeExtent=[-20, 20, -20, 20, -20, 20])
cut = Slice(Input=wavelet)
cut.SliceType.Normal = [0.3, 0.2, 1]
shown = Show(cut)
ColorBy(shown, ("POINTS", "RTData"))
surfaces = Show(Contour(Input=wavelet, ContourBy=["POINTS", "RTData"], Isosurfaces=[120, 200]))
ColorBy(surfaces, None)
Render()
SaveScreenshot(sys.argv[1], ImageResolution=[400, 300])
points = GetColorTransferFunction("RTData").RGBPoints
print(wavelet.PointData["RTData"].GetRange(), wavelet.GetDataInformation().GetBounds(), points[0], points[-4])
"""

# Each kind of picture of a grid, of which every rank has a part.
PICTURES = """
import sys, numpy, mpi
from pympi import vis
z, y, x = numpy.mgrid[0:12, 0:16, 0:20]
whole = {"waves": numpy.sin(x / 4) * numpy.cos(y / 5) + z / 12, "height": z * 1.0,
         "wind": numpy.stack([y - 8, 10 - x, z / 4], -1)}
ramp = [(-1, "#0000ff"), (0.5, "#ffffff"), (0.5, "#ffff00"), (2, (1, 0, 0))]
def part(array, axis):
    return numpy.array_split(array, mpi.size, axis)[mpi.rank]
def draw(name, *args, **look):
    picture = vis.show(*args, size=(300, 200), file=f"{sys.argv[1]}-{name}.png", **look)
    assert (picture._repr_png_() is None) == (mpi.rank > 0)
mine = {name: part(array, 1) for name, array in whole.items()}
draw("slice", mine, 1, title="a slice", origin=(1e6, 2e6, 0))
draw("contour", mine, 1, kind="contour", of="height", values=[2, 6])
draw("volume", mine, 1, kind="volume")
draw("arrows", mine, 1, color="wind", kind="arrows")
draw("length", mine, 1, color="wind", kind="surface")
draw("flat", part(whole["waves"][0], 0), colors=ramp)
lines = [[0, 0, 4], [10 + mpi.rank, 15, 4]], [[0, 1]]
draw("lifted", part(whole["waves"][0], 0), lift=2, lines=lines if mpi.rank == 0 else ([], []), label="m")
first, last = mpi.rank * 12 // mpi.size, min((mpi.rank + 1) * 12 // mpi.size, 11)    # a point is shared
draw("extent", whole["waves"][first:last + 1], extent=(0, 19, 0, 15, first, last), kind="surface")
assert vis.controller().GetNumberOfProcesses() == mpi.size
assert vis.controller().GetLocalProcessId() == mpi.rank
"""


def pixels(path):
    from PIL import Image
    import numpy
    return numpy.asarray(Image.open(path).convert("RGB")).astype(int)


class Pictures(Case):
    def at(self, name):
        return os.path.join(self.folder, name)

    def alike(self, one, other, most=0.005, by=8):
        """Two pictures, but for a part of the pixels: at edges, where another rank's piece of a surface comes first."""
        one, other = pixels(one), pixels(other)
        self.assertEqual(one.shape, other.shape)
        self.assertGreater(one.std(), 5, "there is nothing on it")
        differ = (abs(one - other).max(axis=2) > by).mean()
        self.assertLessEqual(differ, most)


@unittest.skipIf(has("paraview") or not has("vtkmodules"), "VTK without ParaView is not installed")
class VTK(Pictures):
    def test_pictures_of_arrays(self):
        """Rank 0 draws what it has gathered."""
        for ranks in 1, 3:
            self.ok(run_ranks(ranks, PICTURES, args=[self.at(str(ranks))], timeout=TIMEOUT))
        for path in glob.glob(self.at("1-*.png")):
            with self.subTest(path):
                self.alike(path, self.at("3" + os.path.basename(path)[1:]), 0, 0)


@unittest.skipUnless(has("paraview"), "ParaView is not installed")
class ParaView(Pictures):
    def example(self, ranks, *args):
        result = run(["-n", str(ranks), "-m", "pympi.examples.earth", *args], timeout=TIMEOUT)
        result.err = NOTE.sub("", result.err)
        self.ok(result)

    def test_script_of_pvbatch(self):
        said = set()
        for ranks in 1, 2, 4:
            result = self.ok(run_ranks(ranks, SCRIPT, "--pv", "--output", "fold", args=[self.at(f"{ranks}.png")],
                                       timeout=TIMEOUT))
            said.add(result.out)
        self.assertEqual(len(said), 1, said)
        self.alike(self.at("1.png"), self.at("2.png"))
        self.alike(self.at("1.png"), self.at("4.png"))

    def test_import_alone(self):
        self.ok(run_ranks(2, "import pympi.vis\n" + SCRIPT, args=[self.at("a.png")], timeout=TIMEOUT))
        self.assertGreater(pixels(self.at("a.png")).std(), 5)

    def test_scripts_that_hang_pvbatch(self):
        self.ok(run_ranks(3, "print('no ParaView')", "--pv", "--output", "fold", timeout=TIMEOUT), "no ParaView\n")
        result = run_ranks(3, "from paraview.simple import *\nimport mpi\nShow(Sphere())\n1 / (mpi.rank - 1)\nRender()",
                           "--pv", timeout=TIMEOUT)
        self.assertEqual(result.status, 1)
        self.assertRegex(result.err, r"^--- rank 1 of 3\nTraceback[^$]*\nZeroDivisionError: division by zero\n")
        self.assertNotIn("Stack trace", result.err)

    def test_pictures_of_arrays(self):
        """The same pixels on 1 and on 3 ranks, but in volumes, whose parts are blended."""
        for ranks in 1, 3:
            self.ok(run_ranks(ranks, PICTURES, args=[self.at(str(ranks))], timeout=TIMEOUT))
        for kind in "slice", "contour", "arrows", "length", "flat", "lifted", "extent", "volume":
            with self.subTest(kind):
                self.alike(self.at(f"1-{kind}.png"), self.at(f"3-{kind}.png"), 0.05 if kind == "volume" else 0,
                           8 if kind == "volume" else 0)

    @unittest.skipUnless(os.path.exists(RELIEF), "ferret-datasets is not installed")
    def test_the_earth(self):
        """Read and written by 3 ranks, opened by ParaView on 2, drawn on 4 and on one: the same pixels."""
        self.example(3, "--vtkhdf", self.at("earth"))
        for name in TOLD:
            if name == "shores" and not os.path.exists(SHORES):
                continue
            result = self.ok(run_ranks(2, f"""
                from paraview.simple import *
                file = OpenDataFile({self.at(f"earth-{name}.hdf")!r})
                file.UpdatePipeline()
                about = file.GetDataInformation()
                ranges = [one for array in file.PointData.values() for one in array.GetRange()]
                print(*map(round, (about.GetNumberOfPoints(), about.GetNumberOfCells(), *about.GetBounds(), *ranges)))
            """, "--pv", timeout=TIMEOUT))
            with self.subTest(name):
                self.assertEqual(tuple(map(int, result.out.split())), TOLD[name])
        for ranks in "1", "4":
            self.example(ranks, "--picture", self.at(ranks + ".png"))
        self.alike(self.at("1.png"), self.at("4.png"), 0, 0)

    def test_surface(self):
        """A surface of 3 ranks' pieces is one of ParaView's, on 2."""
        self.ok(run_ranks(3, f"""
            import mpi, numpy
            from pympi import vis
            strip = numpy.array([[x, y, 0.0] for x in (0, 1, 2) for y in (mpi.rank, mpi.rank + 1)])
            vis.write_poly({self.at("s.vtkhdf")!r}, strip, [[0, 2, 3, 1], [2, 4, 5, 3]], {{"y": strip[:, 1]}},
                           {{"cell": [1, 2, 3]}}, lines=[[0, 4]], surface=True)
        """, timeout=TIMEOUT))
        result = self.ok(run_ranks(2, f"""
            from paraview.simple import *
            if GetParaViewVersion() >= (5, 12):
                file = OpenDataFile({self.at("s.vtkhdf")!r})
                file.UpdatePipeline()
                about = file.GetDataInformation()
                print(about.GetDataSetTypeAsString(), about.GetNumberOfPoints(), about.GetNumberOfCells(),
                      *about.GetBounds(), *file.PointData["y"].GetRange(), *file.CellData["cell"].GetRange())
        """, "--pv", timeout=TIMEOUT))
        if not result.out:
            self.skipTest("ParaView before 5.12 reads no surfaces from VTKHDF")
        self.assertEqual(result.out, "vtkPolyData 18 9 0.0 2.0 0.0 3.0 0.0 0.0 0.0 3.0 1.0 3.0\n")

    def test_as_under_pvbatch(self):
        """What ParaView chooses by the data, what it tells, and the picture, of the size of its view."""
        code = """
            import sys
            from paraview.simple import *
            wavelet, far = Wavelet(WholeExtent=[-20, 20, -20, 20, -20, 20]), Sphere(Center=[60, 0, 0])
            view = CreateRenderView(ViewSize=[300, 200])
            for one in wavelet, Contour(Input=wavelet, ContourBy=["POINTS", "RTData"], Isosurfaces=[120, 270]), far:
                shown = Show(one)
                told = shown.GetRepresentedDataInformation()
                print(list(shown.ColorArrayName), shown.Representation, told.GetNumberOfPoints(), told.GetBounds())
            Render()
            SaveScreenshot(sys.argv[1])
        """
        theirs = self.pvbatch(2, self.write("script.py", code), self.at("theirs.png"))
        ours = self.ok(run_ranks(3, code, "--pv", args=[self.at("ours.png")], timeout=TIMEOUT))
        self.assertEqual(ours.out, theirs.out)
        self.alike(self.at("ours.png"), self.at("theirs.png"))

    def test_benchmark(self):
        """ParaView's own: the same picture, as many polygons."""
        path, = glob.glob("/usr/lib/python3*/dist-packages/paraview/benchmark/manyspheres.py")
        words = [path, "-s", "20", "-r", "10", "-f", "3"]
        theirs = self.pvbatch(2, *words, "-o", self.at("theirs"))
        ours = run(["-n", "2", "--pv", *words, "-o", self.at("ours")], timeout=TIMEOUT)
        self.assertEqual(ours.status, 0, ours.err)
        for told in "Polys", "Points":
            self.assertEqual(re.search(rf"{told} / Frame: (\d+)", ours.out)[1],
                             re.search(rf"{told} / Frame: (\d+)", theirs.out)[1])
        self.alike(self.at("ours.scene.f0.png"), self.at("theirs.scene.f0.png"), 0)

    def pvbatch(self, ranks, *words):
        if not shutil.which("pvbatch"):
            self.skipTest("pvbatch is not installed")
        return run(["-a", "-s", "-screen 0 1280x1024x24 -noreset", "mpirun", "-n", str(ranks), "pvbatch", *words],
                   timeout=TIMEOUT, program="xvfb-run")
