/* Where a rank runs: its share of the node's cores, and how many threads libraries may start there.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_PLACE_H
#define PYMPI_INTERP_PLACE_H

#include <sched.h>
#include <stdbool.h>

/* The cores this process may use, whole cores with all their hardware threads. */
typedef struct {
    int cores; /* how many */
    int cpus;  /* hardware threads on them */
    cpu_set_t set;
} pi_place;

int pi_place_read(pi_place *place);

/* Binds this process to the share-th of shares equal parts of its cores and returns how many those
 * are. With more shares than cores nothing is bound, and 1 is returned. Where other jobs of Slurm's are
 * on the same cores nothing is bound either: all would take the first ones. */
int pi_place_take(int share, int shares);

/* How many cores a rank may count on that somebody else has placed, one of shares on this node. */
int pi_place_estimate(int shares);

/* Sets the threads of BLAS and OpenMP in the environment; where the user set them, only if forced. */
void pi_place_threads(int threads, bool forced);

#endif
