/* Sets of ranks in words.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_RANKS_H
#define PYMPI_INTERP_RANKS_H

#include <stdbool.h>

#include "interp/text.h"

/* Adds "0,2-4" for the ranks that are marked. */
void pi_ranks_name(pi_text *name, const bool *marked, int size);

/* Marks the ranks of a text like "0,2-4". False: it is none, or names one that is not there. */
bool pi_ranks_read(const char *text, bool *marked, int size);

/* Adds "rank 3" or "ranks 0,2-4"; nothing when none is marked. */
void pi_ranks_title(pi_text *title, const bool *marked, int size);

#endif
