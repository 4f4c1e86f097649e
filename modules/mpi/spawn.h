/* Starting a job from within one: Comm's spawn, and mpi.parent.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_SPAWN_H
#define PYMPI_MPI_SPAWN_H

#include "modules/mpi/comm.h"

extern const char pm_comm_spawn_doc[];
PyObject *pm_comm_spawn(PyObject *self, PyObject *args, PyObject *keywords);

#endif
