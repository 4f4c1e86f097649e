/* Folds what ranks write: what all write alike is shown once, the rest per group of equal ranks.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_FOLD_H
#define PYMPI_INTERP_FOLD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct pi_fold pi_fold;

pi_fold *pi_fold_new(int fd, int size);
void pi_fold_free(pi_fold *fold);
void pi_fold_put(pi_fold *fold, int rank, const char *bytes, size_t count, long now);
void pi_fold_end(pi_fold *fold, int rank);
int pi_fold_tick(pi_fold *fold, long now);
void pi_fold_finish(pi_fold *fold);
bool pi_fold_closed(const pi_fold *fold);

#endif
