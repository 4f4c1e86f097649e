"""The Earth's relief and its shores: read by all ranks, written as files for ParaView, and drawn.

SPDX-License-Identifier: MIT

    pympi -n 4 -m pympi.examples.earth [--data FILE] [--shores FILE] [--vtkhdf STEM] [--picture FILE]

ETOPO5 has a height for every twelfth of a degree, in a netCDF classic file (Debian's package ferret-datasets), and
GSHHG the shorelines, in a netCDF-4 file (gmt-gshhg-low). Each rank reads a band of latitudes and a run of shores; a
histogram of all heights is one reduction. --vtkhdf writes STEM-relief.hdf and STEM-shores.hdf, which ParaView reads in
parallel; --picture draws both, with ParaView (python3-paraview) on all ranks, each its part.
"""

import pathlib
import sys

import numpy as np

import mpi
from pympi import io
from pympi.examples.heights import FILE, Heights
from pympi.examples.job import Arguments, DataError

SHORES = "/usr/share/gmt-gshhg/binned_GSHHS_l.nc"
THIN = 4                # the picture has every fourth height, and still more than pixels
LIFT = 0.0002           # degrees a metre: what makes slopes light and dark
LEVELS = np.arange(-11000, 9001, 1000)
RANGE = (-8000, 6500)
COLORS = [(-8000, "#08204a"), (-5500, "#15407c"), (-4000, "#2a68a8"), (-2500, "#4d92c4"), (-1000, "#86bcda"),
          (-200, "#b9dcea"), (0, "#d9eef2"), (0, "#4f8a4b"), (300, "#7fae62"), (800, "#c5c77e"), (1500, "#d6b26e"),
          (2500, "#b08050"), (4000, "#8d6a55"), (5500, "#d9d4d0"), (6500, "#ffffff")]


def read_shores(path):
    """Return this rank's share of the shorelines: points (n, 2) in degrees, and lines as numbers of points and where
    each begins. Collective over world.

    The file has boxes of equal size in degrees, westmost and northmost first; each has segments, and each of
    these points, as fractions of the box, and a word with the number of points and, in bits 6 to 8, what it is
    the edge of: 1 is the sea. A rank takes a run of segments, and of these the sea's.
    """
    with io.netcdf(path) as file:
        size, across = file["Bin_size_in_minutes"][0] / 60, int(file["N_bins_in_360_longitude_range"][0])
        box = np.repeat(np.arange(len(file["N_segments_in_a_bin"])), file["N_segments_in_a_bin"][...])
        first = file["Id_of_first_point_in_a_segment"][...]
        words = file["Embedded_npts_levels_exit_entry_for_a_segment"][...]
        counts, of_the_sea = words >> 9, words >> 6 & 7 == 1
        mine = np.array_split(np.arange(len(first)), mpi.size)[mpi.rank]
        place = slice(first[mine[0]], first[mine[-1]] + counts[mine[-1]]) if len(mine) else slice(0)
        fractions = [file[f"Relative_{name}_from_SW_corner_of_bin"][place].astype("u2") / 65535
                     for name in ("longitude", "latitude")]
    box = np.repeat(box[mine], counts[mine])
    points = np.column_stack([(box % across + fractions[0]) * size, 90 - (box // across + 1 - fractions[1]) * size])
    kept = np.repeat(of_the_sea[mine], counts[mine])
    counts = counts[mine][of_the_sea[mine]]
    return points[kept], (np.arange(len(points[kept])), np.concatenate([[0], np.cumsum(counts)]))


def from_greenwich(points, lines):
    """Return the shores of a map from -180 to 180 degrees: what crosses its edge is cut there. Local."""
    numbers, ends = lines
    turned = (points[:, 0] + 180) % 360 - 180
    behind = np.setdiff1d(np.arange(1, len(points)), ends)      # points that a stroke of the pen leads to
    strokes = np.column_stack([behind - 1, behind])
    kept = strokes[np.abs(np.diff(turned[strokes], axis=1)[:, 0]) < 180]
    return np.column_stack([turned, points[:, 1]]), kept


def report(grid):
    """Print what there is. Collective over world."""
    band = grid.heights
    low, high = mpi.allreduce(float(band.min(initial=np.inf)), mpi.MIN), \
        mpi.allreduce(float(band.max(initial=-np.inf)), mpi.MAX)
    counts = mpi.allreduce(np.histogram(band, LEVELS)[0])
    mpi.print(f"{len(grid.latitudes)} x {len(grid.longitudes)} heights from {low:.0f} m to {high:.0f} m on {mpi.size} "
              "ranks")
    for level, count in zip(LEVELS, counts):
        mpi.print(f"{level:7} m {'#' * int(150 * count / counts.sum())} {count}")


def write(stem, grid, shores):
    """Write both for ParaView. Collective over world."""
    from pympi import vis
    step = 360 / len(grid.longitudes)       # the file's own are rounded to single precision
    vis.write_image(f"{stem}-relief.hdf", {"relief": grid.heights}, spacing=(step, step, 1),
                    origin=(grid.longitudes[0], grid.latitudes[0], 0))
    if shores:
        vis.write_poly(f"{stem}-shores.hdf", shores[0], lines=shores[1])


def draw(path, grid, shores):
    """Draw every THIN-th height, Greenwich in the middle, and the shores. Collective over world."""
    from pympi import vis
    band = grid.heights[-grid.first % THIN::THIN, ::THIN]
    columns = band.shape[1]
    step = 360 / columns
    lines = None
    if shores:
        points, strokes = from_greenwich(*shores)
        lines = np.column_stack([points, np.full(len(points), 2 * LIFT * max(RANGE))]), strokes
    vis.show({"relief": np.roll(band, columns // 2, 1)}, spacing=(step, step, 1), origin=(-180, -90, 0), lift=LIFT,
             lines=lines, line_color=(0.1, 0.16, 0.22), range=RANGE, colors=COLORS, title="The Earth's relief",
             label="height, m", size=(1000, 610), file=path)


def parse(words):
    """Return the options. Collective over world when there is something to say."""
    parser = Arguments("pympi -m pympi.examples.earth", description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=FILE, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--shores", default=SHORES, metavar="FILE", help="default: %(default)s, if it is there")
    parser.add_argument("--vtkhdf", metavar="STEM", help="write files for ParaView")
    parser.add_argument("--picture", metavar="FILE", help="draw a .png file")
    return parser.parse_args(words)


def main(words=None):
    """Do what the command line says; return the status."""
    asked = parse(words)
    try:
        grid = Heights(asked.data)
    except DataError as wrong:
        mpi.print(f"earth: {wrong}", file=sys.stderr)
        mpi.barrier()
        return 1
    shores = None
    if mpi.bcast(pathlib.Path(asked.shores).exists()):
        shores = read_shores(asked.shores)
    report(grid)
    if asked.vtkhdf:
        write(asked.vtkhdf, grid, shores)
    if asked.picture:
        draw(asked.picture, grid, shores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
