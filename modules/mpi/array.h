/* NumPy arrays in letters: their elements move, never a pickle of them.
 * SPDX-License-Identifier: MIT
 *
 * NumPy is not needed to build or to start: arrays are known by their type once it has been imported.
 * Those of plain numbers in the machine's own layout go by NumPy's binary interface (ARRAY), the others
 * through its Python face (RECORD). */
#ifndef PYMPI_MPI_ARRAY_H
#define PYMPI_MPI_ARRAY_H

#include "modules/mpi/letter.h"

/* The kind of letter for an array (not a subclass) whose elements are plain memory; 0: it is none. */
int pm_array_kind(pm_state *state, PyObject *value);

/* Puts type, shape and order into the body and the elements into a part. */
int pm_array_put(pm_state *state, pm_letter *letter, PyObject *array);

/* An uninitialised array after the letter's body, whose elements take size bytes, or the letter's into
 * where it fits. Without NumPy a bytearray, for pm_array_finish. */
PyObject *pm_array_new(pm_state *state, pm_letter *letter, Py_ssize_t size);

/* The value of an ARRAY letter whose elements came inside. */
PyObject *pm_array_take(pm_state *state, pm_letter *letter);

/* Takes a view of the target's memory for what comes: its elements as bytes. */
int pm_array_view(pm_state *state, PyObject *target, Py_buffer *view);

/* What the receiver gets: the array, or without NumPy a memoryview of its format and shape. */
PyObject *pm_array_finish(pm_letter *letter);

#endif
