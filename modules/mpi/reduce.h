/* Reductions of objects: reduce, allreduce, scan, exscan, reduce_scatter.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_REDUCE_H
#define PYMPI_MPI_REDUCE_H

#include "modules/mpi/args.h"
#include "modules/mpi/collectives.h"

extern const char pm_reduce_doc[], pm_allreduce_doc[], pm_scan_doc[], pm_exscan_doc[],
    pm_reduce_scatter_doc[];
pm_work *pm_begin_reduce(PM_BEGIN);
pm_work *pm_begin_allreduce(PM_BEGIN);
pm_work *pm_begin_scan(PM_BEGIN);
pm_work *pm_begin_exscan(PM_BEGIN);
pm_work *pm_begin_reduce_scatter(PM_BEGIN);

#define PM_OPERATOR_DOC                                                                            \
    "op: an operator such as mpi.SUM, or any callable of two values, which must associate;\n"      \
    "commutative=True says that the order of the ranks does not matter. Arrays are combined\n"     \
    "element by element. into: memory for the result, which is returned. "

/* The arguments of a reduction; NULL: not given, or None. */
typedef struct {
    pm_comm *comm;
    const char *call;
    PyObject *value, *op, *into, *axis, *counts;
    int root, commutes;
} pm_reduction;

/* Reads them. order says what the values of the signature are: v value, o op, r root, i into,
 * c commutative, a axis, n counts. -1 with an exception set. */
int pm_reduction_read(PyObject *self, const pm_signature *signature, const char *order,
                      PyObject *const *args, Py_ssize_t count, PyObject *names, pm_reduction *out);

/* Work that has not been started. */
pm_work *pm_reduction_new(const pm_reduction *given, pm_work_next next);

/* For the verbs that wait: first the check, ahead of numbers, which take two numbers of collectives where
 * they are tried (0, or -1 with an exception set); then what numbers left, by letters, without another.
 * per_item: the values are lists of items, one a rank, or cut into such. */
int pm_reduction_check(const pm_reduction *given, bool per_item);
PyObject *pm_reduction_run(const pm_reduction *given, pm_work_next next, bool per_item);

/* Its steps; all 0, or -1 with an exception that ends the work. work->value is NULL from when something
 * failed on this rank. */
int pm_reduction_begin(pm_work *work);
int pm_reduction_combine(pm_work *work, PyObject **sum_p, PyObject *left, PyObject *right);
int pm_reduction_note(pm_work *work); /* the exception that is set; interrupts end the work */
int pm_reduction_end(pm_work *work, PyObject *value);

/* Posts work->value, or why there is none. */
int pm_reduction_post(pm_work *work, int dest);

/* The verbs that wait: numbers and arrays go by MPI's operators where all ranks' fit. */
PyObject *pm_comm_reduce(PM_BEGIN);
PyObject *pm_comm_allreduce(PM_BEGIN);
PyObject *pm_comm_reduce_scatter(PM_BEGIN);

#endif
