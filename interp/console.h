/* The fronts of a session that are Pythons of their own: the terminal's, and a notebook's kernel.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_CONSOLE_H
#define PYMPI_INTERP_CONSOLE_H

#include "interp/options.h"

/* The module of our library that this command line is for; NULL: it asks for ranks, or a Python alone. The
 * terminal's where there is one, and the command line asks for ranks and a prompt. */
const char *pi_console_wanted(const pi_options *options);

/* Runs the module's main() with the words of this command line; the status of the process. */
int pi_console_run(const char *module, int argc, char **argv);

#endif
