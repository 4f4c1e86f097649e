/* The folder of one job for the memory that its ranks share.
 * SPDX-License-Identifier: MIT
 *
 * MPI keeps that memory in files, and a rank that is killed leaves its own behind. In a folder of the
 * job's they go with the job, however it ends. A front that was killed leaves the folder; the next one
 * of the same user removes it. */
#ifndef PYMPI_INTERP_SCRATCH_H
#define PYMPI_INTERP_SCRATCH_H

#include <sys/types.h>

typedef struct {
    int lock; /* held while the job lives; -1: there is no folder */
    char folder[64];
} pi_scratch;

/* Makes the folder and shows it to MPI by the environment, unless the user chose a place there. Where
 * it cannot be made MPI's own place is used. */
void pi_scratch_open(pi_scratch *scratch);

void pi_scratch_close(pi_scratch *scratch);

/* Removes what a launcher that was killed has left of its own among the temporary files. */
void pi_scratch_sweep(pid_t launcher);

#endif
