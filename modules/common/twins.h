/* A twin of each communicator that others made and use for small collectives: ours go there.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_TWINS_H
#define PYMPI_COMMON_TWINS_H

#include "modules/common/compat.h"

typedef struct {
    MPI_Comm comm; /* of the same ranks; MPI_COMM_NULL: there is none yet */
    int rank, size;
    unsigned begun; /* small collectives, with and without the twin; equal on all ranks */
} pc_twin;

/* Prepares MPI's attribute. MPI has been started. MPI's code. */
int pc_twins_start(void);

/* Counts a small collective of comm and gives its twin; NULL where there is none: for the first few, since
 * a twin costs more than it saves, between groups, and with an invalid comm. *due_p is true for the one
 * at which all ranks may make it. */
pc_twin *pc_twin_next(MPI_Comm comm, int *due_p);

/* Makes the twin. Collective over comm, all of whose ranks are here. MPI's code. */
int pc_twin_make(MPI_Comm comm, pc_twin *twin);

#endif
