/* What goes on beside a wait: things under way that only this process can move on.
 * SPDX-License-Identifier: MIT
 *
 * A module registers a function that looks after its own. While anything is under way, waits call it, so
 * that nobody waits for ever for a rank that itself waits for something else. The GIL is held. */
#ifndef PYMPI_COMMON_PROGRESS_H
#define PYMPI_COMMON_PROGRESS_H

#include <stdbool.h>

#define PC_PROGRESS_MOST 8

/* Moves on what can be moved, without waiting; an exception stays with what it belongs to. */
typedef void (*pc_progress_poll)(void *what);

typedef struct {
    pc_progress_poll polls[PC_PROGRESS_MOST];
    void *whats[PC_PROGRESS_MOST];
    int count;
    int under_way; /* of all modules together */
} pc_progress;

/* Registers a function for good; -1 when the table is full. */
int pc_progress_add(pc_progress_poll poll, void *what);

/* Takes it out again: what it looks after is gone. */
void pc_progress_remove(void *what);

/* One more thing is under way, or (-1) one less. */
void pc_progress_count(int change);

/* True while anything is. */
bool pc_progress_due(void);

/* Calls all that are registered. */
void pc_progress_run(void);

#endif
