/* The terminal's front: a Python of its own, which starts the job.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_CONSOLE_H
#define PYMPI_INTERP_CONSOLE_H

#include "interp/options.h"

/* True when the command line asks for ranks and a prompt, and there is a terminal for it. */
bool pi_console_wanted(const pi_options *options);

/* Runs the front with this command line; the status of the process. */
int pi_console_run(int argc, char **argv);

#endif
