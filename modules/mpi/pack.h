/* Small values of Python's built-in types, packed by hand.
 * SPDX-License-Identifier: MIT
 *
 * None, bool, int of 64 bits, float, complex, str, bytes, and tuples, lists and dicts of these; a byte
 * says which, lengths and numbers follow in the machine's own layout. What is not in the list, a
 * container that occurs twice in itself (its identity would be lost) and what is not small are left to
 * pickle. */
#ifndef PYMPI_MPI_PACK_H
#define PYMPI_MPI_PACK_H

#include "modules/mpi/letter.h"

/* Adds the packed value to the letter. 1: packed, 0: not packable and the letter as it was, -1: an
 * exception is set. */
int pm_pack(pm_letter *letter, PyObject *value);

/* The value in bytes[0 .. size); NULL with an exception set. */
PyObject *pm_unpack(const char *bytes, size_t size);

#endif
