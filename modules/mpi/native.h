/* MPI's own types and operators for NumPy's, where they mean the same.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_NATIVE_H
#define PYMPI_MPI_NATIVE_H

#include "modules/mpi/comm.h"
#include "modules/mpi/operators.h"

/* The type of elements of NumPy's type (its number), and the operator that does to them what ours does to
 * arrays. False: there is none, and NumPy has to do it. The operators that keep NaN are made at first
 * need. */
bool pm_native_find(pm_state *state, int type, pm_operation_id op, MPI_Datatype *type_p,
                    MPI_Op *op_p);

/* Reduces count elements to root, or with root -1 to all ranks, and waits. Collective over comm: all ranks
 * are known to be here with equal count, type and op. owner keeps the memories when the wait is broken.
 * 0 or -1. */
int pm_native_reduce(pm_comm *comm, const void *from, void *to, Py_ssize_t count, MPI_Datatype type,
                     MPI_Op op, int root, PyObject *owner, const char *call);

#endif
