/* HDF5's stack of errors as one exception.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_H5_ERRORS_H
#define PYMPI_H5_ERRORS_H

#include "modules/h5/hdf5.h"

/* Sets OSError, KeyError, TypeError or RuntimeError, by what HDF5's innermost error is about, unless an exception is
 * set already. Under the lock. Returns -1. */
int ph_error_set(const char *call);

#endif
