/* `pympi -n N`: starts the ranks, stays in front of them, and ends as they did.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_JOB_H
#define PYMPI_INTERP_JOB_H

#include "interp/options.h"

/* Runs the job; the status of the process. */
int pi_job_run(const pi_options *options);

/* What --job tells the ranks. */
typedef struct {
    char relay[64]; /* the relay's name */
    bool bind;      /* ranks bind themselves to their share of the cores */
    bool input;     /* rank 0 gets its standard input from the relay */
} pi_job;

/* Reads it; false when the text is not what pi_job_run writes. */
bool pi_job_read(pi_job *job, const char *text);

#endif
