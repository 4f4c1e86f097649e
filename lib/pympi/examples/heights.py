"""The heights of the Earth, which several examples read: each rank its rows.

SPDX-License-Identifier: MIT
"""

import numpy as np

import mpi
from pympi import io
from pympi.examples.job import DataError

FILE = "/usr/share/ferret-vis/data/etopo5.cdf"


class Heights:
    """This rank's rows of the grid, from south to north.

    heights: metres above sea level, float32 (its rows, columns); first: the number of its first row; latitudes,
    longitudes: of all rows and all columns, in degrees.
    """

    def __init__(self, path):
        """Read this rank's share of the rows. Collective over world. Raises DataError on every rank."""
        try:
            with io.netcdf(path) as file:
                self.take(file["ROSE"], file)
        except FileNotFoundError:
            raise DataError(f"{path} is missing: install the Debian package ferret-datasets, or name a file with "
                            "--data") from None
        except (OSError, EOFError, KeyError, ValueError) as error:
            raise DataError(f"{path} is no netCDF file with a grid of heights, ROSE: {error}") from None

    def take(self, heights, file):
        """Read what is needed of a variable with two dimensions, which are variables."""
        self.latitudes, self.longitudes = (file[axis][:].astype(float) for axis in heights.dimensions)
        self.heights = heights.mine().astype(np.float32)
        self.first = mpi.exscan(len(self.heights)) or 0
