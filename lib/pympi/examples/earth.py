"""The Earth's relief: read by all ranks, written as one file for ParaView, and drawn.

SPDX-License-Identifier: MIT

    pympi -n 4 -m pympi.examples.earth [--data FILE] [--vtkhdf FILE] [--picture FILE]

ETOPO5 has a height for every twelfth of a degree, in a netCDF file (Debian's package ferret-datasets). Each rank
reads a band of latitudes; a histogram of all heights is one reduction. --vtkhdf writes the relief for ParaView, which
reads it in parallel; --picture draws it with ParaView (package python3-paraview) on all ranks.
"""

import argparse
import sys

import numpy as np

import mpi
from pympi import io

DATA = "/usr/share/ferret-vis/data/etopo5.cdf"
LEVELS = np.arange(-11000, 9001, 1000)


def read(path):
    """Return this rank's band of heights in metres (latitudes, longitudes), the whole shape, and the grid's first
    longitude, latitude and step in degrees. Collective over world."""
    with io.netcdf(path) as file:
        relief = file["ROSE"]
        latitudes, longitudes = (file[name][:] for name in relief.dimensions)
        step = float(longitudes[1] - longitudes[0])
        return relief.mine(), relief.shape, (float(longitudes[0]), float(latitudes[0]), step)


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


def main(words):
    """Do what the command line says; return the status."""
    parser = argparse.ArgumentParser(prog="pympi -m pympi.examples.earth")
    parser.add_argument("--data", default=DATA, metavar="FILE", help="ETOPO5 as netCDF")
    parser.add_argument("--vtkhdf", metavar="FILE", help="write the relief for ParaView")
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
    if asked.picture:
        from pympi import vis
        vis.show({"relief": band}, spacing=(step, step, 1), range=(-8000, 8000), title="metres", size=(1200, 600),
                 file=asked.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
