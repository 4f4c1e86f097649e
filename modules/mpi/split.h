/* Making communicators out of others: Comm's split and dup.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_SPLIT_H
#define PYMPI_MPI_SPLIT_H

#include "modules/mpi/comm.h"

extern const char pm_comm_split_doc[], pm_comm_dup_doc[];
PyObject *pm_comm_split(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *pm_comm_dup(PyObject *self, PyObject *args, PyObject *keywords);

#endif
