/* One interpreter: alone, or a rank of a job.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_RANK_H
#define PYMPI_INTERP_RANK_H

#include "interp/options.h"

/* Runs the program that the options name; the status of the process. */
int pi_rank_run(const pi_options *options);

#endif
