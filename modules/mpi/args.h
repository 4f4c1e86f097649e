/* Arguments of verbs: by place or by name, without the price of a general parser.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_ARGS_H
#define PYMPI_MPI_ARGS_H

#include "modules/mpi/comm.h"

#define PM_ARGS_MOST 8

typedef struct {
    const char *call;
    int needed;                      /* the first ones must be given */
    int named;                       /* so many of the last ones are given by name only */
    const char *names[PM_ARGS_MOST]; /* in order; NULL ends them */
} pm_signature;

/* Sorts the arguments of a METH_FASTCALL | METH_KEYWORDS call into values, borrowed, one for each name;
 * NULL stands for what was not given. -1 with TypeError set. */
int pm_args_read(const pm_signature *signature, PyObject *const *args, Py_ssize_t count,
                 PyObject *names, PyObject **values);

/* A peer: a rank of comm, PROC_NULL, and where any is true ANY_SOURCE. NULL leaves it as it is. */
int pm_args_peer(const pm_comm *comm, PyObject *value, const char *call, const char *name, bool any,
                 int *peer_p);

/* A tag; where any is true ANY_TAG too. NULL leaves it as it is. */
int pm_args_tag(PyObject *value, const char *call, const char *name, bool any, int *tag_p);

/* A rank of comm; NULL leaves it as it is. */
int pm_args_root(const pm_comm *comm, PyObject *value, const char *call, int *root_p);

/* None counts as not given. */
PyObject *pm_args_given(PyObject *value);

#endif
