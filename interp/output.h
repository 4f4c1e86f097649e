/* One stream of a whole job, standard output or standard error, made of what each rank writes.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_OUTPUT_H
#define PYMPI_INTERP_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "interp/fold.h"
#include "interp/relay.h"
#include "interp/text.h"

typedef struct pi_output pi_output;

/* fd: where the job's text goes. size: ranks in the job. */
pi_output *pi_output_new(int fd, pi_output_mode mode, int size);
void pi_output_free(pi_output *output);

/* Gives folded groups to a function from now on, at most so many of one block. */
void pi_output_lead(pi_output *output, pi_fold_show show, void *what, int most);

/* Takes what a rank wrote; a rank number from 0 to size - 1. */
void pi_output_put(pi_output *output, int rank, const char *bytes, size_t count);

/* The rank writes nothing for now, or does again. */
void pi_output_rest(pi_output *output, int rank, bool rests);

/* The rank will write no more. */
void pi_output_end(pi_output *output, int rank);

/* Does what is due by time; returns the milliseconds until something will be, -1 when nothing is. */
int pi_output_tick(pi_output *output, long now);

/* Writes what is held back only because other ranks may write the same. */
void pi_output_show_folded(pi_output *output);

/* Writes all that is held back. */
void pi_output_finish(pi_output *output);

/* Why the text cannot be written any more, as errno; EPIPE when nobody reads it. 0 while it can. */
int pi_output_error(const pi_output *output);

#endif
