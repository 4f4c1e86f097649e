"""Files of arrays and tables, read and written by all ranks at once.

``load`` and ``save`` are numpy's for ``.npy`` files, ``fromfile`` and ``tofile`` those for raw bytes, ``loadtxt``
and ``read_csv`` read text by byte ranges, ``netcdf`` opens netCDF files. By default each rank gets its
block of the first axis; ``split=``, ``halo=``, ``counts=``, ``cyclic=`` and ``owners=`` say what else.

Each rank reads and writes by itself with the system's own calls, on any file system; no wait is inside MPI,
so ^C comes through and a failure on one rank is an exception on all. SPDX-License-Identifier: MIT
"""
from pympi._agree import Disagreement
from pympi._io.arrays import fromfile, load, save, tofile
from pympi._io.netcdf import NetCDF, Variable, netcdf
from pympi._io.tables import loadtxt, read_csv

__all__ = ["Disagreement", "NetCDF", "Variable", "fromfile", "load", "loadtxt", "netcdf", "read_csv", "save",
           "tofile"]
