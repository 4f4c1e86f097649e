/* Operators of reductions. Python: pympi.mpi.SUM and the others.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_OPERATORS_H
#define PYMPI_MPI_OPERATORS_H

#include "modules/mpi/module.h"

#include <stdbool.h>

/* In the order of the table; those up to BXOR are MPI's too, and OTHER is any callable,
 * also one that make_operator made. */
typedef enum {
    PM_OP_SUM,
    PM_OP_PROD,
    PM_OP_MIN,
    PM_OP_MAX,
    PM_OP_LAND,
    PM_OP_LOR,
    PM_OP_LXOR,
    PM_OP_BAND,
    PM_OP_BOR,
    PM_OP_BXOR,
    PM_OP_MINLOC,
    PM_OP_MAXLOC,
    PM_OP_OTHER = 255
} pm_operation_id;

pm_operation_id pm_operator_id(const pm_state *state, PyObject *op);

/* Its name without the module's; "callable" for others. */
const char *pm_operator_text(const pm_state *state, PyObject *op);

/* Whether it combines something else than the values: what lift makes of them, and finish makes the result
 * of. For all others lift and finish give back what they get. New references; finish takes its value over,
 * and NULL stays NULL. */
bool pm_operator_lifts(const pm_state *state, PyObject *op);
PyObject *pm_operator_lift(const pm_state *state, PyObject *op, PyObject *value);
PyObject *pm_operator_finish(const pm_state *state, PyObject *op, PyObject *value);

/* True for an operator of ours or any other callable. */
bool pm_operator_check(PyObject *op, const char *call);

/* op(left, right), left from the lower rank, both lifted; a new reference. */
PyObject *pm_operator_apply(pm_state *state, PyObject *op, PyObject *left, PyObject *right);

#endif
