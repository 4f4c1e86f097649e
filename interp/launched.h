/* What the launcher's environment tells a process, and what a process tells its children by it.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_LAUNCHED_H
#define PYMPI_INTERP_LAUNCHED_H

#include <stdbool.h>

typedef struct {
    int rank;
    int size;
    int local_rank; /* on this node; -1: the launcher does not say */
    int local_size;
    char job[128]; /* the launcher's name for the job */
} pi_launched;

/* True when this process was started as a rank of a job; fills *launched. A child of a rank inherits
 * the rank's variables: it is told by the marker, has the variables cleared, and is no rank. */
bool pi_launched_read(pi_launched *launched);

/* Leaves the marker for children of this rank. */
int pi_launched_mark(const pi_launched *launched);

/* Clears what launchers and pympi put into the environment; what users put there stays. */
void pi_launched_forget(void);

#endif
