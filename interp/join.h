/* What a process does to become a rank, before Python starts.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_JOIN_H
#define PYMPI_INTERP_JOIN_H

#include "interp/launched.h"
#include "interp/options.h"

/* Leads the output, takes the place, starts MPI and shares rank 0's standard input.
 * 0, or the status to leave with, after one line on stderr. */
int pi_join_job(const pi_options *options, const pi_launched *launched);

/* For a process that is no rank: 0, or 2 where srun started several without the plugin that makes a job
 * of them. The first one has said so. */
int pi_join_none(void);

#endif
