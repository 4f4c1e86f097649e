"""The Earth's relief: read by all ranks, written as one file for ParaView, and drawn.

SPDX-License-Identifier: MIT

    pympi -n 4 -m pympi.examples.earth [--data FILE] [--vtkhdf FILE] [--picture FILE] [--shores FILE]

ETOPO5 has a height for every twelfth of a degree, in a netCDF file (Debian's package ferret-datasets). Each rank
reads a band of latitudes; a histogram of all heights is one reduction. --vtkhdf writes the relief for ParaView, which
reads it in parallel; --picture draws it with ParaView (package python3-paraview) on all ranks. --shores writes the shorelines of GSHHG
(package gmt-gshhg-low, netCDF-4) as lines beside it.
"""

import argparse
import sys

import numpy as np

import mpi
from pympi import io

DATA = "/usr/share/ferret-vis/data/etopo5.cdf"
SHORES = "/usr/share/gmt-gshhg/binned_GSHHS_l.nc"
THIN = 4                # the picture has every fourth height, and still more than pixels
LEVELS = np.arange(-11000, 9001, 1000)


def read(path):
    """Return this rank's band of heights in metres (latitudes, longitudes), the whole shape, and the grid's first
    longitude, latitude and step in degrees. Collective over world."""
    with io.netcdf(path) as file:
        relief = file["ROSE"]
        latitudes, longitudes = (file[name][:] for name in relief.dimensions)
        step = float(longitudes[1] - longitudes[0])
        return relief.mine(), relief.shape, (float(longitudes[0]), float(latitudes[0]), step)


def read_shores(path):
    """Return this rank's share of the shorelines: points (n, 2) in degrees, and lines as numbers of points and where
    each begins. Collective over world.

    The file has boxes of equal size in degrees, westmost and northmost first; each has segments, and each of
    these points, as fractions of the box. A rank takes a run of segments.
    """
    with io.netcdf(path) as file:
        size, across = file["Bin_size_in_minutes"][0] / 60, int(file["N_bins_in_360_longitude_range"][0])
        box = np.repeat(np.arange(len(file["N_segments_in_a_bin"])), file["N_segments_in_a_bin"][...])
        first = file["Id_of_first_point_in_a_segment"][...]
        counts = file["Embedded_npts_levels_exit_entry_for_a_segment"][...] >> 9
        mine = np.array_split(np.arange(len(first)), mpi.size)[mpi.rank]
        place = slice(first[mine[0]], first[mine[-1]] + counts[mine[-1]]) if len(mine) else slice(0)
        fractions = [file[f"Relative_{name}_from_SW_corner_of_bin"][place].astype("u2") / 65535
                     for name in ("longitude", "latitude")]
    box = np.repeat(box[mine], counts[mine])
    points = np.column_stack([(box % across + fractions[0]) * size, 90 - (box // across + 1 - fractions[1]) * size])
    return points, (np.arange(len(points)), np.concatenate([[0], np.cumsum(counts[mine])]))


def histogram(band):
    """Return how many heights of all ranks lie between the levels. Collective over world."""
    return mpi.allreduce(np.histogram(band, LEVELS)[0])


def report(band, shape):
    """Print what there is. Collective over world."""
    low, high = mpi.allreduce(float(band.min()), mpi.MIN), mpi.allreduce(float(band.max()), mpi.MAX)
    counts = histogram(band)
    mpi.print(f"{shape[0]} x {shape[1]} heights from {low:.0f} m to {high:.0f} m on {mpi.size} ranks")
    for level, count in zip(LEVELS, counts):
        mpi.print(f"{level:7} m {'#' * int(150 * count / counts.sum())} {count}")


def thinned(band):
    """Return this rank's part of every THIN-th height of the whole. Collective over world."""
    before = mpi.exscan(len(band)) or 0
    return band[-before % THIN::THIN, ::THIN]


def main(words):
    """Do what the command line says; return the status."""
    parser = argparse.ArgumentParser(prog="pympi -m pympi.examples.earth")
    parser.add_argument("--data", default=DATA, metavar="FILE", help="ETOPO5 as netCDF")
    parser.add_argument("--vtkhdf", metavar="FILE", help="write the relief for ParaView")
    parser.add_argument("--shores", metavar="FILE", help="write the shorelines for ParaView")
    parser.add_argument("--picture", metavar="FILE", help="draw it into a .png file")
    asked = parser.parse_args(words)
    try:
        band, shape, (west, south, step) = read(asked.data)
    except OSError as wrong:
        if mpi.rank == 0:
            print(f"{asked.data} cannot be read ({wrong.strerror}): install the package ferret-datasets",
                  file=sys.stderr)
        return 1
    report(band, shape)
    if asked.vtkhdf:
        from pympi import vis
        vis.write_image(asked.vtkhdf, {"relief": band}, spacing=(step, step, 1), origin=(west, south, 0))
    if asked.shores:
        from pympi import vis
        points, lines = read_shores(SHORES)
        vis.write_poly(asked.shores, points, lines=lines)
    if asked.picture:
        from pympi import vis
        vis.show({"relief": thinned(band)}, spacing=(THIN * step, THIN * step, 1), range=(-8000, 8000),
                 title="metres", size=(1200, 600), file=asked.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
