/* Collectives of objects: barrier, bcast, scatter, gather, allgather, alltoall.
 * SPDX-License-Identifier: MIT
 *
 * They are trees of letters on the communicator's inner twin, a tag each. A rank that cannot give its
 * value sends a letter that says so in its place: the others raise mpi.Error and nobody waits for it. */
#ifndef PYMPI_MPI_COLLECTIVES_H
#define PYMPI_MPI_COLLECTIVES_H

#include "modules/mpi/work.h"

/* Each reads its arguments and gives work that has not been started; NULL with an exception set. */
#define PM_BEGIN PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names
extern const char pm_barrier_doc[], pm_bcast_doc[], pm_scatter_doc[], pm_gather_doc[],
    pm_allgather_doc[], pm_alltoall_doc[];
pm_work *pm_begin_barrier(PM_BEGIN);
pm_work *pm_begin_bcast(PM_BEGIN);
pm_work *pm_begin_scatter(PM_BEGIN);
pm_work *pm_begin_gather(PM_BEGIN);
pm_work *pm_begin_allgather(PM_BEGIN);
pm_work *pm_begin_alltoall(PM_BEGIN);

/* The distance of a rank to its parent in the binomial tree of ranks counted from the root; the root's is
 * beyond the last rank. */
int pm_tree_reach(int from_root, int size);

/* Posts a letter to the children in that tree. 1, 0 when there are none, or -1. */
int pm_tree_spread(pm_work *work, pm_letter *letter, int root);

/* Returns when every rank has come: 0 or -1. */
int pm_collective_meet(pm_comm *comm, const char *call);

/* Tells all whether root, whose exception is set if not, can go on. 0; -1 on all ranks if it cannot. */
int pm_collective_agree(pm_comm *comm, int root, const char *call);

/* Every rank's value as a list; NULL with an exception set. */
PyObject *pm_collective_list(pm_comm *comm, PyObject *value, const char *call);

/* A value that shares nothing with the one given, as if it had travelled. */
PyObject *pm_collective_copy(pm_work *work, PyObject *value);

#endif
