/* Python's own words of the command line.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_ARGUMENTS_H
#define PYMPI_INTERP_ARGUMENTS_H

#include "interp/python.h"

#include "interp/options.h"

/* Begins a configuration and gives it Python's words. When it fails there is nothing to clear. */
PyStatus pi_arguments_begin(PyConfig *config, const pi_options *options);

/* Looks whether Python understands them, without starting it. 0, or the status to end with after
 * Python has said why. */
int pi_arguments_check(const pi_options *options);

#endif
