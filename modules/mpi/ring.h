/* Large reductions to all ranks, round a ring.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_RING_H
#define PYMPI_MPI_RING_H

#include "modules/mpi/comm.h"

/* What is reduced: count elements of size bytes, from one memory into another. */
typedef struct {
    const char *from;
    char *to;
    Py_ssize_t count;
    Py_ssize_t size;
    MPI_Datatype type;
    MPI_Op op;       /* commutes */
    int tag;         /* on the inner twin */
    PyObject *owner; /* of both memories */
    const char *call;
} pm_ring;

/* True when every rank's block is long enough that a ring, which sends the least, is the quickest. */
bool pm_ring_suits(const pm_comm *comm, Py_ssize_t bytes);

/* Leaves the reduction in to on every rank, the same bits. 2 (size - 1) steps, in each of which a rank
 * sends and receives one block (Patarasu, Yuan 2009). No memory but the two. 0 or -1. */
int pm_ring_allreduce(pm_comm *comm, const pm_ring *ring);

#endif
