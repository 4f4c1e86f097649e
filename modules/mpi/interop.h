/* Communicators of others: MPI's handles, mpi4py's objects, and a table for other modules in C.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_INTEROP_H
#define PYMPI_MPI_INTEROP_H

#include "modules/mpi/comm.h"

extern const char pm_comm_to_mpi4py_doc[];
PyObject *pm_comm_to_mpi4py(PyObject *self, PyObject *unused);

/* For api.h: the communicator behind a Comm. 0, or -1 with an exception set. */
int pm_interop_users(PyObject *object, MPI_Comm *users_p);

#endif
