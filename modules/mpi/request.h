/* Request: work that goes on while the program does other things. Python: pympi.mpi.Request.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_REQUEST_H
#define PYMPI_MPI_REQUEST_H

#include "modules/mpi/work.h"

int pm_request_setup(PyObject *module);

/* Starts the work, which it takes over, and gives a Request for it; NULL with an exception set. work may
 * be NULL. */
PyObject *pm_request_start(pm_work *work);

/* The work of a Request; borrowed. */
pm_work *pm_request_work(PyObject *request);

/* Moves work on as far as it goes without waiting. 0, or -1 with an exception set. */
int pm_request_move_on(pm_work *work);

/* Adds the functions that wait for several to the module. */
int pm_several_setup(PyObject *module);

#endif
