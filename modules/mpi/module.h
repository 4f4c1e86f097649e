/* The module's state, and what its files give each other.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_MODULE_H
#define PYMPI_MPI_MODULE_H

#include "modules/common/compat.h"

typedef struct {
    PyTypeObject *comm_type;
    PyTypeObject *operator_type;
    PyTypeObject *letter_type;
    PyObject *error;
    PyObject *dumps; /* pickle.dumps */
    PyObject *loads;
    PyObject *ndarray; /* numpy.ndarray once NumPy has been imported, else NULL */
    PyObject *sum;     /* mpi.SUM, the operator that reductions take by default */
} pm_state;

/* The state of the module that a type belongs to; borrowed. */
pm_state *pm_state_of_type(PyTypeObject *type);
pm_state *pm_state_of_module(PyObject *module);

/* Each makes its types and puts them into the state and the module. 0, or -1 with an exception set. */
int pm_letter_setup(PyObject *module);
int pm_operator_setup(PyObject *module);
int pm_comm_setup(PyObject *module);

/* numpy.ndarray when NumPy has been imported, else NULL without an exception; borrowed. Nothing can be
 * an array before. */
PyObject *pm_state_ndarray(pm_state *state);

#endif
