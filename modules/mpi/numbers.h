/* Reductions of numbers and arrays: by MPI's own operators, where all ranks' values fit.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_NUMBERS_H
#define PYMPI_MPI_NUMBERS_H

#include "modules/mpi/comm.h"

typedef struct {
    pm_comm *comm;
    const char *call;
    PyObject *value, *op, *into; /* borrowed; into may be NULL */
    int root;                    /* -1: all ranks get the result */
} pm_numbers;

/* Sets *result_p: a new reference to the result (None on ranks that get none), or NULL where the values
 * are not all of one kind that MPI can reduce: all ranks learn the same. 0, or -1 with an exception
 * set. Collective over comm. */
int pm_numbers_reduce(const pm_numbers *given, PyObject **result_p);

#endif
