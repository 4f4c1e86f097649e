/* Operators of reductions. Python: pympi.mpi.SUM and the others.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_OPERATORS_H
#define PYMPI_MPI_OPERATORS_H

#include "modules/mpi/module.h"

#include <stdbool.h>

/* True for an operator of ours or any other callable. */
bool pm_operator_check(PyObject *op, const char *call);

/* op(left, right), left from the lower rank; a new reference. */
PyObject *pm_operator_apply(pm_state *state, PyObject *op, PyObject *left, PyObject *right);

#endif
