/* Values as letters and back: the way is picked by the value's type.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_CODEC_H
#define PYMPI_MPI_CODEC_H

#include "modules/mpi/letter.h"

/* The value as a closed letter; inside: all in one message, as it is wherever parts cannot travel by
 * themselves. NULL with an exception set: pickle's, for a value that cannot be sent. */
pm_letter *pm_encode(pm_state *state, PyObject *value, bool inside);

/* A letter that carries the current exception's text instead of a value; clears the exception. Its
 * receivers raise mpi.Error. */
pm_letter *pm_encode_failure(pm_state *state);

/* For a letter whose parts come apart: makes the memories they are received into. */
int pm_decode_prepare(pm_state *state, pm_letter *letter);

/* The value of a complete letter; NULL with an exception set. */
PyObject *pm_decode(pm_state *state, pm_letter *letter, const char *call);

#endif
