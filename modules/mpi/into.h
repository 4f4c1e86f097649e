/* into=: a result goes into memory that its receiver gives.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_INTO_H
#define PYMPI_MPI_INTO_H

#include "modules/mpi/module.h"

/* Refuses what cannot be written, before anything is sent; NULL and None are fine. 0 or -1. */
int pm_into_check(pm_state *state, PyObject *into, const char *call);

/* Puts the value into the memory: type and number of elements have to be the same. Takes over the value,
 * which may be NULL with an exception set or into itself. A new reference to into, or the value where
 * into is NULL; NULL with ValueError or TypeError set. */
PyObject *pm_into_put(pm_state *state, PyObject *value, PyObject *into, const char *call);

#endif
