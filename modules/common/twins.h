/* A twin of each communicator that others made and use for small collectives: ours go there.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_TWINS_H
#define PYMPI_COMMON_TWINS_H

#include "modules/common/compat.h"
#include "modules/common/gate.h"

typedef struct pc_twin {
    MPI_Comm comm; /* of the same ranks; MPI_COMM_NULL: there is none yet */
    int rank, size;
    unsigned begun; /* small collectives, with and without the twin; equal on all ranks */

    /* In a session, where all are in a list: */
    struct pc_twin *next;
    MPI_Comm users; /* whose twin it is */
    pc_party party; /* without members: not made yet */
    unsigned used;  /* the last statement in which messages went this way */
    int key;        /* the attribute of others' that was set last, and its value */
    void *value;
    bool numbered; /* that one is mpi4py's number of collectives; see foreign.c */
} pc_twin;

/* Prepares MPI's attribute. MPI has been started. MPI's code. */
int pc_twins_start(void);

/* Counts a small collective of comm and gives its twin; NULL where there is none: for the first few, since
 * a twin costs more than it saves, between groups, and with an invalid comm. *due_p is true for the one
 * at which all ranks may make it. */
pc_twin *pc_twin_next(MPI_Comm comm, int *due_p);

/* What there is of it for comm, also without a twin; NULL between groups and without memory. */
pc_twin *pc_twin_of(MPI_Comm comm);

/* In a session: messages of others' go by comm in this statement. */
void pc_twin_use(MPI_Comm comm);

/* Makes the twin. Collective over comm, all of whose ranks are here. MPI's code. */
int pc_twin_make(MPI_Comm comm, pc_twin *twin);

#endif
