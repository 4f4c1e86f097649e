/* Sub-groups by slicing: comm[::2], comm[[0, 3]].
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_SLICE_H
#define PYMPI_MPI_SLICE_H

#include "modules/mpi/comm.h"

/* Collective over the members; None at once on others. */
PyObject *pm_comm_subscript(PyObject *self, PyObject *key);

#endif
