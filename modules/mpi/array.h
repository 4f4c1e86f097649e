/* NumPy arrays in letters: their elements move, never a pickle of them.
 * SPDX-License-Identifier: MIT
 *
 * NumPy is not needed to build or to start: arrays are known by their type once it has been imported,
 * and handled through its Python face. */
#ifndef PYMPI_MPI_ARRAY_H
#define PYMPI_MPI_ARRAY_H

#include "modules/mpi/letter.h"

/* True for an array (not a subclass) whose elements are plain memory. */
bool pm_array_check(pm_state *state, PyObject *value);

/* Puts (dtype, shape, order) into the body and the elements into a part. */
int pm_array_put(pm_letter *letter, PyObject *array);

/* An uninitialised array after the letter's body, whose elements take size bytes. */
PyObject *pm_array_new(pm_state *state, pm_letter *letter, Py_ssize_t size);

/* An object that gives the memory of target through the buffer protocol: target itself, or a plain
 * view of an array whose own elements (datetimes) cannot be exported. */
PyObject *pm_array_memory(pm_state *state, PyObject *target);

#endif
