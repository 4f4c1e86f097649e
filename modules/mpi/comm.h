/* Comm: the ranks that talk together. Python: pympi.mpi.Comm.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_COMM_H
#define PYMPI_MPI_COMM_H

#include "modules/mpi/module.h"

#include <stdbool.h>

typedef struct {
    PyObject_HEAD MPI_Comm users; /* messages of the user's */
    MPI_Comm inner;               /* collectives; MPI_COMM_NULL where there can be none */
    bool owned;                   /* both are ours to free */
    int rank;
    int size;
    int *world;        /* of each rank, its rank in the world; NULL: the same */
    unsigned sequence; /* collectives begun; equal on all ranks */
} pm_comm;

/* The whole job, and the part of it that this application is. */
PyObject *pm_comm_world(pm_state *state);
PyObject *pm_comm_app(pm_state *state, PyObject *world);

/* A communicator of the members (ranks of parent, in the order of the new one). Collective over the
 * members, who all know of each other already. */
PyObject *pm_comm_of_members(pm_state *state, pm_comm *parent, const int *members, int count);

/* False, with an exception that names the call, when it was freed or there is no MPI (any more). */
bool pm_comm_usable(const pm_comm *comm, const char *call);

/* The world rank of a rank. */
int pm_comm_world_rank(const pm_comm *comm, int rank);

/* Between two groups: ranks of the other one are sent to. */
bool pm_comm_is_inter(const pm_comm *comm);

/* Reads the argument that names a rank; false: an exception that names the value is set. */
bool pm_comm_read_rank(const pm_comm *comm, PyObject *value, const char *call, const char *name,
                       int *rank_p);

#endif
