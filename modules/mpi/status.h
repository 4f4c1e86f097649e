/* Status: what is known of a message beside its value. Python: pympi.mpi.Status.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_STATUS_H
#define PYMPI_MPI_STATUS_H

#include "modules/mpi/module.h"

int pm_status_setup(PyObject *module);

/* A new Status; NULL with an exception set. */
PyObject *pm_status_new(pm_state *state, const MPI_Status *status);

/* Refuses what is no Status; NULL and None are fine. 0 or -1. */
int pm_status_check(pm_state *state, PyObject *target, const char *call);

/* Fills a Status that the caller gave; NULL and None take nothing. */
void pm_status_fill(PyObject *target, const MPI_Status *status);

#endif
