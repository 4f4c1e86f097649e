/* Inter: a communicator between two groups of ranks. Python: pympi.mpi.Inter.
 * SPDX-License-Identifier: MIT
 *
 * Messages go to ranks of the other side. It has no inner twin, so that making the object communicates
 * nothing, and the other side may be a program in C. */
#ifndef PYMPI_MPI_INTER_H
#define PYMPI_MPI_INTER_H

#include "modules/mpi/comm.h"

/* Comm's inter. */
extern const char pm_comm_inter_doc[];
PyObject *pm_comm_inter(PyObject *self, PyObject *args, PyObject *keywords);

/* An Inter as this one. Collective over both sides. */
PyObject *pm_inter_dup(pm_comm *inter);

/* The object; ours to free. */
PyObject *pm_inter_new(pm_state *state, MPI_Comm users);

#endif
