/* Collectives of objects: Comm's barrier, bcast, scatter, gather, allgather, and what others need.
 * SPDX-License-Identifier: MIT
 *
 * They are trees of letters on the communicator's inner twin, a tag each. A rank that cannot give its
 * value sends a letter that says so in its place: the others raise mpi.Error and nobody waits for it. */
#ifndef PYMPI_MPI_COLLECTIVES_H
#define PYMPI_MPI_COLLECTIVES_H

#include "modules/mpi/comm.h"
#include "modules/mpi/letter.h"

extern const char pm_comm_barrier_doc[], pm_comm_bcast_doc[], pm_comm_scatter_doc[],
    pm_comm_gather_doc[], pm_comm_allgather_doc[];
PyObject *pm_comm_barrier(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *pm_comm_bcast(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *pm_comm_scatter(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *pm_comm_gather(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *pm_comm_allgather(PyObject *self, PyObject *args, PyObject *keywords);

/* One collective under way. */
typedef struct {
    pm_state *state;
    pm_comm *comm;
    const char *call;
    int tag;
} pm_collective;

/* Begins one: takes its number. -1 with an exception set when the communicator has none. */
int pm_collective_begin(pm_collective *one, pm_comm *comm, const char *call);

int pm_collective_send(const pm_collective *one, pm_letter *letter, int dest);
pm_letter *pm_collective_fetch(const pm_collective *one, int source);

/* The value that a rank sends; NULL with an exception set. */
PyObject *pm_collective_value(const pm_collective *one, int source);

/* Hands root's letter down the tree; a new reference to it on every rank. root's own is borrowed. */
pm_letter *pm_collective_spread(const pm_collective *one, pm_letter *letter, int root);

/* Returns when every rank has come. */
int pm_collective_meet(pm_comm *comm, const char *call);

/* Every rank's value as a list; NULL with an exception set. */
PyObject *pm_collective_list(pm_comm *comm, PyObject *value, const char *call);

/* A value that shares nothing with the one given, as if it had travelled. */
PyObject *pm_collective_copy(const pm_collective *one, PyObject *value);

/* The value as a letter, or one that says why there is none; then *failed_p takes the exception. */
pm_letter *pm_collective_encode(const pm_collective *one, PyObject *value, PyObject **failed_p);

/* Takes and restores the current exception. */
PyObject *pm_collective_take_exception(void);
void pm_collective_raise(PyObject *exception);

#endif
