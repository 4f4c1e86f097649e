/* The queue of a communicator: receives that probe, in the order of their calls.
 * SPDX-License-Identifier: MIT
 *
 * MPI matches receives that are posted in their order; what is probed for has no order but this one. What one
 * that looks finds goes to the first of them that matches it. */
#ifndef PYMPI_MPI_QUEUE_H
#define PYMPI_MPI_QUEUE_H

#include "modules/mpi/post.h"

/* Puts a receiving that awaits its message behind the others; it must not move before it leaves. */
void pm_queue_join(pm_receiving *receiving);

/* Looks whether its message has come, with or without the GIL. One that has is in receiving->message and
 * ->status, and the receiving has left the queue. MPI's code. */
int pm_queue_look(pm_receiving *receiving, int *done_p);

/* Probes for a message that nobody in the queue has a right to. MPI's code. */
int pm_queue_probe(pm_comm *comm, int source, int tag, int *done_p, MPI_Status *status);

/* Takes it out. True: its message has not come, and nobody will give it one. */
bool pm_queue_leave(pm_receiving *receiving);

#endif
