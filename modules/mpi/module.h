/* The module's state, and what its files give each other.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_MODULE_H
#define PYMPI_MPI_MODULE_H

#include "modules/common/compat.h"
#include "modules/mpi/numpy_abi.h"

#define PM_KEPT_LETTERS 8

typedef struct {
    PyTypeObject *comm_type;
    PyTypeObject *cart_type;
    PyTypeObject *inter_type;
    PyTypeObject *operator_type;
    PyTypeObject *letter_type;
    PyTypeObject *request_type;
    PyTypeObject *status_type;
    PyTypeObject *message_type;
    MPI_Op keep_nan_min, keep_nan_max, wrapping_sum; /* NULL: not made yet; see native.c */
    struct pm_work *works;                           /* what progress moves on */
    struct pm_comm *comms;                           /* all communicators */
    PyObject *error;
    PyObject *mismatch; /* mpi.CollectiveMismatch */
    PyObject *dumps;    /* pickle.dumps */
    PyObject *loads;
    PyObject *ndarray; /* numpy.ndarray once NumPy has been imported, else NULL */
    PyObject *sum;     /* mpi.SUM, the operator that reductions take by default */
    pm_numpy numpy;    /* how its arrays lie in memory */
    PyObject *kept_letters[PM_KEPT_LETTERS]; /* unused memory, no objects */
    int kept_count;
} pm_state;

/* The state of the module that a type belongs to; borrowed. */
pm_state *pm_state_of_type(PyTypeObject *type);
pm_state *pm_state_of_module(PyObject *module);

/* Each makes its types and puts them into the state and the module. 0, or -1 with an exception set. */
int pm_letter_setup(PyObject *module);
int pm_operator_setup(PyObject *module);
int pm_comm_setup(PyObject *module);
int pm_cart_setup(PyObject *module);  /* behind pm_comm_setup */
int pm_inter_setup(PyObject *module); /* behind pm_comm_setup */
int pm_spawn_setup(PyObject *module); /* mpi.parent; behind the types */
int pm_interop_setup(PyObject *module);
int pm_about_setup(PyObject *module);

/* numpy.ndarray when NumPy has been imported, else NULL without an exception; borrowed. Nothing can be
 * an array before. */
PyObject *pm_state_ndarray(pm_state *state);

#endif
