/* What this rank waits for, for those who ask: the report of a job that fails.
 * SPDX-License-Identifier: MIT
 *
 * Only waits that last are noted, and only those of the thread that runs the program. A handler of a
 * signal may read at any time. */
#ifndef PYMPI_COMMON_BOARD_H
#define PYMPI_COMMON_BOARD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define PC_BOARD_NOBODY INT_MIN /* no peer in particular */

typedef struct pc_board_wait {
    const char *call; /* the verb, or MPI's name of the call; static text */
    int peer;         /* a rank, MPI_ANY_SOURCE or PC_BOARD_NOBODY */
    int tag;          /* counts when there is a peer */

    /* Where only letters can end the wait, the first that it is for; see ledger.h. Else NULL. */
    const struct pc_ledger_line *line;
    bool sends; /* the letter is this rank's own */

    /* All that it takes is under way, and must not be left: no signal and no failure of another rank breaks
     * it. */
    bool firm;
} pc_board_wait;

/* The wait begins to last; NULL: it is over. What is noted lives until then. */
void pc_board_note(const pc_board_wait *wait);

/* "recv from rank 1, tag 5"; an empty text when it does not wait. */
void pc_board_describe(char *text, size_t size);

#endif
