/* axis=: arrays that are cut and joined along one of their axes.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_AXIS_H
#define PYMPI_MPI_AXIS_H

#include "modules/mpi/work.h"

/* Refuses what is no axis, and counts without one; NULL and None are fine. 0 or -1. */
int pm_axis_check(PyObject *axis, PyObject *counts, const char *call);

/* The array's parts along the axis, one for each of size ranks: as numpy.array_split cuts, or of counts
 * elements. Without an axis (NULL) the value itself. A new reference, or NULL with an exception set. */
PyObject *pm_axis_split(PyObject *value, PyObject *axis, PyObject *counts, int size,
                        const char *call);

/* Ends work with the list of what it gathered, joined along its axis if it has one. 0 or -1. */
int pm_axis_end(pm_work *work);

#endif
