/* What other libraries leave behind a broken statement of the session.
 * SPDX-License-Identifier: MIT
 *
 * Whoever waits in MPI gets an error when the wait is broken, and lets go of its memory: so what it sends is
 * copied first, in a session. And mpi4py numbers its collectives of objects on each rank by itself. */
#ifndef PYMPI_COMMON_FOREIGN_H
#define PYMPI_COMMON_FOREIGN_H

#include "modules/common/compat.h"

#include <stdbool.h>

/* A memory of ours that is being sent, for as long as its request may be under way. */
typedef struct pc_foreign_copy {
    struct pc_foreign_copy *next;
    MPI_Request request;
    bool own; /* the request is nobody else's */
    unsigned statement;
    char bytes[];
} pc_foreign_copy;

/* MPI_Isend or MPI_Issend, in a statement from a copy. MPI's code. */
int pc_foreign_isend(const void *buffer, int count, MPI_Datatype type, int dest, int tag,
                     MPI_Comm comm, bool synchronous, MPI_Request *request);

/* MPI_Send of a small message in a statement: returns at once, and so that it is known when it has been
 * received. False: it is not for this; else *code_p is MPI's. */
bool pc_foreign_send(const void *buffer, int count, MPI_Datatype type, int dest, int tag,
                     MPI_Comm comm, int *code_p);

/* Frees the copies that have been sent. */
void pc_foreign_reap(void);

/* True while one of this statement is left. */
bool pc_foreign_pending(unsigned statement);

/* Takes for nobody what waits for receivers: on MPI_COMM_WORLD, on other communicators of others'. All ranks
 * are in the meeting. */
void pc_foreign_drain(bool world, bool others);

/* Lets mpi4py number its collectives anew on all communicators. */
void pc_foreign_renew(void);

#endif
