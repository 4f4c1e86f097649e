/* Dims, coordinates and flags as arguments and results.
 * SPDX-License-Identifier: MIT
 *
 * What reads returns 0, or -1 with an exception set that names call, argument and value. */
#ifndef PYMPI_MPI_GRID_H
#define PYMPI_MPI_GRID_H

#include "modules/mpi/cart.h"

int pm_grid_read_int(PyObject *value, const char *call, const char *name, int least, int most,
                     int *number_p);

/* The dims of a grid of at most size ranks; those that are 0 are chosen. */
int pm_grid_read_dims(pm_grid *grid, PyObject *value, int size, const char *call);

/* Coordinates within the grid's dims, or anywhere in closed dimensions. */
int pm_grid_read_coords(pm_grid *grid, PyObject *value, const char *call);

/* One truth for all, or count of them. */
int pm_grid_read_flags(PyObject *value, const char *call, const char *name, int count, int *flags);

/* Tuples. */
PyObject *pm_grid_ints(const int *numbers, int count);
PyObject *pm_grid_flags(const int *flags, int count);

#endif
