/* The queue of a communicator: receives that probe, in the order of their calls.
 * SPDX-License-Identifier: MIT
 *
 * Messages come in while the queue is looked through, so it is not enough that those in front have just
 * looked in vain: what one sees is given to the first who matches it. */
#include "modules/mpi/queue.h"

static pm_receiving **link_of(const pm_receiving *receiving)
{
    pm_receiving **link = &receiving->comm->queue;
    while (*link && *link != receiving) {
        link = &(*link)->behind;
    }
    return link;
}

void pm_queue_join(pm_receiving *receiving)
{
    pthread_mutex_lock(&receiving->comm->queue_lock);
    receiving->behind = NULL;
    *link_of(receiving) = receiving;
    pthread_mutex_unlock(&receiving->comm->queue_lock);
}

/* The first in the queue that a message matches, or NULL. */
static pm_receiving *first_for(const pm_comm *comm, const MPI_Status *status)
{
    pm_receiving *one = comm->queue;
    while (one && ((one->source != MPI_ANY_SOURCE && one->source != status->MPI_SOURCE) ||
                   (one->tag != MPI_ANY_TAG && one->tag != status->MPI_TAG))) {
        one = one->behind;
    }
    return one;
}

/* Nobody is in front of it: it takes what matches. */
static int take(pm_receiving *one, int source, int tag, int *done_p)
{
    int code = MPI_Improbe(source, tag, one->channel, done_p, &one->message, &one->status);
    if (code == MPI_SUCCESS && *done_p) {
        one->found = true;
        *link_of(one) = one->behind;
    }
    return code;
}

/* Gives a message that this one could have to whom it belongs; *done_p: somebody got one. */
static int settle(pm_receiving *one, int *done_p)
{
    const pm_comm *comm = one->comm;
    int code = MPI_SUCCESS;
    *done_p = 1;
    while (one != comm->queue) {
        MPI_Status status;
        code = MPI_Iprobe(one->source, one->tag, one->channel, done_p, &status);
        if (code != MPI_SUCCESS || !*done_p) {
            return code;
        }
        pm_receiving *first = first_for(comm, &status);
        if (first == one) {
            return take(one, status.MPI_SOURCE, status.MPI_TAG, done_p);
        }
        one = first; /* nearer to the front */
    }
    return take(one, one->source, one->tag, done_p);
}

int pm_queue_look(pm_receiving *receiving, int *done_p)
{
    int code = MPI_SUCCESS, more = 1;
    pthread_mutex_lock(&receiving->comm->queue_lock);
    while (code == MPI_SUCCESS && more && !receiving->found) {
        code = settle(receiving, &more);
    }
    *done_p = receiving->found;
    pthread_mutex_unlock(&receiving->comm->queue_lock);
    return code;
}

int pm_queue_probe(pm_comm *comm, int source, int tag, int *done_p, MPI_Status *status)
{
    int code, more = 1;
    pthread_mutex_lock(&comm->queue_lock);
    do {
        code = MPI_Iprobe(source, tag, comm->users, done_p, status);
        pm_receiving *first = code == MPI_SUCCESS && *done_p ? first_for(comm, status) : NULL;
        if (!first) {
            break;
        }
        *done_p = 0;
        code = settle(first, &more);
    } while (code == MPI_SUCCESS && more);
    pthread_mutex_unlock(&comm->queue_lock);
    return code;
}

bool pm_queue_leave(pm_receiving *receiving)
{
    pthread_mutex_lock(&receiving->comm->queue_lock);
    pm_receiving **link = link_of(receiving);
    if (*link) {
        *link = receiving->behind;
    }
    bool found = receiving->found;
    pthread_mutex_unlock(&receiving->comm->queue_lock);
    return !found;
}
