/* The folder of one job for the memory that its ranks share.
 * SPDX-License-Identifier: MIT
 *
 * MPI keeps that memory in files, and a rank that is killed leaves its own behind. In a folder of the
 * job's they go with the job, however it ends. A front that was killed leaves the folder; the next one
 * of the same user removes it. */
#ifndef PYMPI_INTERP_SCRATCH_H
#define PYMPI_INTERP_SCRATCH_H

#include <sys/types.h>

#define PI_SCRATCH_SHARED "/dev/shm"
#define PI_SCRATCH_PREFIX "pympi-%ld-" /* of the user's folders there; behind it are six letters */

typedef struct {
    int lock; /* held while the job lives; -1: there is no folder */
    char folder[64];
} pi_scratch;

/* Makes the folder and shows it to MPI by the environment, unless the user chose a place there. Where
 * it cannot be made MPI's own place is used. */
void pi_scratch_open(pi_scratch *scratch);

void pi_scratch_close(pi_scratch *scratch);

/* Removes the folders there that no living process of the user's holds. */
void pi_scratch_remove_left(void);

/* Removes one of them, with all that is in it, unless a living process holds it. */
void pi_scratch_remove(const char *folder);

/* Removes what a launcher that was killed has left of its own among the temporary files. */
void pi_scratch_sweep(pid_t launcher);

#endif
