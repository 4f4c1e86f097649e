/* libpympi.so, which brings MPI: opened when it is needed and not before.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_LIBRARY_H
#define PYMPI_INTERP_LIBRARY_H

#include <stdbool.h>

#include "interp/options.h"
#include "modules/common/entry.h"

/* Remembers how MPI is to be started, now or at the first import of a module of ours. crowded: there
 * are more ranks on this node than cores. */
void pi_library_prepare(const pi_options *options, bool launched, bool crowded);

/* Opens the library, once. NULL with the reason in pi_library_why(). */
const pc_entry_table *pi_library_open(void);

/* Opens it and starts MPI, once. NULL likewise. */
const pc_entry_table *pi_library_start(void);

const char *pi_library_why(void);

/* A function of the library; NULL likewise. */
void *pi_library_symbol(const char *name);

#endif
