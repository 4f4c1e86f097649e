/* Comm: the ranks that talk together. Python: pympi.mpi.Comm.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_COMM_H
#define PYMPI_MPI_COMM_H

#include "modules/mpi/module.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What is said where there is no MPI. */
#define PM_COMM_NO_MPI "MPI is not running in this process (a fork, or after its end)"

/* What of a communicator is ours to free. */
typedef enum {
    PM_OWNS_NOTHING, /* the world, its node */
    PM_OWNS_INNER,   /* users is somebody else's */
    PM_OWNS_BOTH,
} pm_owns;

/* Of Cart and Inter too: what they have beyond this, MPI keeps. */
typedef struct pm_comm {
    PyObject_HEAD MPI_Comm users; /* messages of the user's; MPI_COMM_NULL once freed */
    MPI_Comm inner; /* the same ranks: collectives. MPI_COMM_NULL where there can be none */
    pm_owns owns;
    int rank;
    int size;
    int remote_size;   /* of an intercommunicator, else 0; messages go to remote ranks */
    unsigned sequence; /* collectives begun; equal on all ranks */
    uint32_t number;   /* the same on all ranks, for the ledger; 0: unknown */
    bool checked;      /* several ranks, all of which agree on what they do before they do it */
    bool shared;       /* others may send on it what is no letter: receives probe */
    struct pm_receiving *queue; /* those of them that wait; see queue.h */
    pthread_mutex_t queue_lock;
    struct pm_comm *before, *next; /* in the list of all */
    unsigned mark;                 /* sequence when the session's statement began */
    struct pm_held *held;          /* letters that recovery has taken for later; see recover.h */
    Py_hash_t hash;
    PyObject *node;   /* the world's, its node's communicator; else NULL */
    PyObject *keeper; /* whose users is, when that is a Python object; else NULL */
} pm_comm;

/* False, with an exception that names the call, when it was freed or there is no MPI (any more). */
bool pm_comm_usable(const pm_comm *comm, const char *call);

/* The same, and for an intercommunicator, which has none of this. */
bool pm_comm_has_one_side(const pm_comm *comm, const char *call);

/* Says why this communicator has no collectives (inner is MPI_COMM_NULL); returns -1. */
int pm_comm_no_collectives(const pm_comm *comm, const char *call);

/* Reads the argument that names a rank (of an intercommunicator: a remote one); false: an exception that
 * names the value is set. */
bool pm_comm_read_rank(const pm_comm *comm, PyObject *value, const char *call, const char *name,
                       int *rank_p);

/* Slots that Cart and Inter share. */
void pm_comm_dealloc(PyObject *self);

#endif
