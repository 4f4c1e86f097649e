/* The end of a communicator: Comm's free and the with statement.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_LIFE_H
#define PYMPI_MPI_LIFE_H

#include "modules/mpi/comm.h"

extern const char pm_comm_free_doc[], pm_comm_enter_doc[], pm_comm_exit_doc[];
PyObject *pm_comm_free(PyObject *self, PyObject *unused);
PyObject *pm_comm_enter(PyObject *self, PyObject *unused);
PyObject *pm_comm_exit(PyObject *self, PyObject *args);

#endif
