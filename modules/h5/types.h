/* HDF5's types as tuples, and back.
 * SPDX-License-Identifier: MIT
 *
 *   ("i", size, big)  ("u", size, big)  ("f", size, big)     numbers; big: big-endian
 *   ("s", size, utf8, padding)  ("S", utf8)                  texts of fixed and of any length
 *   ("b", size, big)  ("V", size, tag)  ("r", region)        bits; opaque bytes; references
 *   ("c", size, ((name, offset, type), ...))                 compound
 *   ("e", type, ((name, value), ...))                        enumeration
 *   ("v", type)  ("a", type, (length, ...))                  sequences of any length; arrays */
#ifndef PYMPI_H5_TYPES_H
#define PYMPI_H5_TYPES_H

#include "modules/h5/module.h"

#include <stdbool.h>

/* A new type, to be closed; negative with an exception set. */
hid_t ph_type_make(PyObject *description);

/* NULL with an exception set. */
PyObject *ph_type_describe(hid_t type);

/* Whether elements hold pointers to memory of their own. */
bool ph_type_points(hid_t type);

#endif
