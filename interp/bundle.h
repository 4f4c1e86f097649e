/* Imports from the bundle: what rank 0 reads once, in the memory of every node.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_BUNDLE_H
#define PYMPI_INTERP_BUNDLE_H

#include <stdbool.h>

#include "interp/options.h"
#include "interp/python.h"

/* On all ranks of a job, before Python: takes rank 0's bundle, which rank 0 makes in
 * pi_bundle_initialize. Nothing happens unless a rank wants a bundle. Collective over the world. */
void pi_bundle_join(void);

/* True on a rank that has rank 0's bundle. */
bool pi_bundle_is_here(void);

/* Then: what rank 0 found the executable to be called, and the python of the environment that it entered
 * (NULL: none). */
void pi_bundle_names(const char **executable_p, const char **environment_p);

/* Py_InitializeFromConfig, with the bundle where there is one. */
PyStatus pi_bundle_initialize(PyConfig *config, const pi_options *options, const char *executable,
                              const char *environment);

/* True where the program's source is in the bundle. */
bool pi_bundle_has_program(const pi_options *options);

/* Then: what Py_RunMain is to a script. Returns the status to leave with. */
int pi_bundle_run(void);

/* On rank 0, when there will be no bundle: the other ranks wait for it. */
void pi_bundle_give_up(void);

#endif
