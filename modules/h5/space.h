/* Shapes and selections.
 * SPDX-License-Identifier: MIT
 *
 * A selection is None (all), a tuple (starts, counts, steps) of tuples with a number for each axis, a list
 * of such (their union, in the order of the elements), or a buffer of int64: points, one behind the other. */
#ifndef PYMPI_H5_SPACE_H
#define PYMPI_H5_SPACE_H

#include "modules/h5/module.h"

/* A new space of this shape (a tuple; None: empty), with other limits where most is a tuple (None in it:
 * none). Negative with an exception set. */
hid_t ph_space_make(PyObject *shape, PyObject *most);

/* Selects in a space. -1 with an exception set. */
int ph_space_select(hid_t space, PyObject *selection);

/* (shape, limits): tuples; (None, None) of an empty space. NULL with an exception set. */
PyObject *ph_space_describe(hid_t space);

/* Numbers out of a tuple: how many, or -1 with an exception set. */
int ph_space_numbers(PyObject *tuple, hsize_t *numbers);

#endif
