/* Folds what ranks write: what all write alike is shown once, the rest per group of equal ranks.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_FOLD_H
#define PYMPI_INTERP_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "interp/text.h"

typedef struct pi_fold pi_fold;

/* The sink is borrowed. */
pi_fold *pi_fold_new(pi_sink *sink, int size);
void pi_fold_free(pi_fold *fold);
void pi_fold_put(pi_fold *fold, int rank, const char *bytes, size_t count, long now);
void pi_fold_end(pi_fold *fold, int rank);
int pi_fold_tick(pi_fold *fold, long now);
void pi_fold_finish(pi_fold *fold);

#endif
