/* MPI's error codes as exceptions.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_ERRORS_H
#define PYMPI_COMMON_ERRORS_H

#include "modules/common/compat.h"

/* Sets mpi.Error with code, class, text and call, unless an exception is set already. Returns -1. */
int pc_error_set(const char *call, int code);

/* 0 for MPI_SUCCESS, else pc_error_set. */
int pc_error_check(const char *call, int code);

/* Sets the subclass of mpi.Error with this name, with a text of our own that is the whole message, the same
 * on all ranks. Takes text over (NULL: an exception is set already). Returns -1. */
int pc_error_raise(const char *name, const char *call, PyObject *text);

/* Sets mpi.Error with a text of our own, in the format of PyUnicode_FromFormat; code and class are
 * MPI_ERR_OTHER. Returns -1. */
int pc_error_say(const char *call, const char *format, ...);

#endif
