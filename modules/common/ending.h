/* A rank's end: what it has left under way goes on for the others.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_ENDING_H
#define PYMPI_COMMON_ENDING_H

#include <stdbool.h>

/* At the end of the program, with Python still there: moves on what is under way until all ranks have come to
 * their ends. 0, or -1 with an exception set. */
int pc_ending_look_after(void);

/* Before MPI is finalised: meets those that look after something. */
void pc_ending_meet(void);

/* Whether this rank has been there. */
typedef struct {
    bool met;
} pc_ending;

#endif
