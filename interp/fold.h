/* Folds what ranks write: what all write alike is shown once, the rest per group of equal ranks.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_FOLD_H
#define PYMPI_INTERP_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "interp/text.h"

typedef struct pi_fold pi_fold;

/* What ranks wrote alike: lines, of which the last may be unfinished. */
typedef struct pi_fold_group {
    const char *ranks; /* "0,2-3"; NULL: all of them */
    size_t ranks_size;
    const char *bytes;
    size_t count;
    bool hidden; /* one of too many to be shown */
    int more;    /* so many were hidden before this one */
} pi_fold_group;

typedef void (*pi_fold_show)(void *what, const pi_fold_group *group);

/* most: groups that are shown of one block, 0: all; of more the first four and the last. */
pi_fold *pi_fold_new(pi_fold_show show, void *what, int size, int most);
void pi_fold_free(pi_fold *fold);
void pi_fold_put(pi_fold *fold, int rank, const char *bytes, size_t count, long now);
/* Whether the rank writes nothing for now; nobody waits for it then. */
void pi_fold_rest(pi_fold *fold, int rank, bool rests);
void pi_fold_end(pi_fold *fold, int rank);
int pi_fold_tick(pi_fold *fold, long now);
void pi_fold_finish(pi_fold *fold);

#endif
