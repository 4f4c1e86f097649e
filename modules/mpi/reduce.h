/* Reductions: Comm's reduce and allreduce.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_REDUCE_H
#define PYMPI_MPI_REDUCE_H

#include "modules/mpi/comm.h"

extern const char pm_comm_reduce_doc[], pm_comm_allreduce_doc[];
PyObject *pm_comm_reduce(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *pm_comm_allreduce(PyObject *self, PyObject *args, PyObject *keywords);

#endif
