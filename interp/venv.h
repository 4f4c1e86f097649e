/* Virtual environments: the one an executable lies in, and the one VIRTUAL_ENV names.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_VENV_H
#define PYMPI_INTERP_VENV_H

#include <stdbool.h>
#include <stddef.h>

/* Reads a setting of the pyvenv.cfg that rules an executable: beside it, or one folder up. False when
 * there is none. */
bool pi_venv_setting(const char *executable, const char *key, char *value, size_t size);

/* Looks at the environment that VIRTUAL_ENV names, unless the executable lies in one already.
 * 1: python holds the environment's python; 0: there is none to enter; -1: it is of another Python,
 * which one line on stderr says. */
int pi_venv_named(const char *executable, char *python, size_t size);

/* True when an environment's standard library is not that of the Python that is in this executable: of
 * two builds of one version the packages fit, but not the standard library. */
bool pi_venv_is_foreign(const char *python);

#endif
