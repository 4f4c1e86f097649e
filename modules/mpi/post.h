/* The post: letters between two ranks.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_POST_H
#define PYMPI_MPI_POST_H

#include "modules/mpi/letter.h"

/* A letter being sent. Collective verbs have several under way at once. */
typedef struct {
    pm_letter *letter; /* owned until finished */
    MPI_Request *requests;
    MPI_Request few[4];
    int count;
} pm_sending;

/* Starts sending; world_dest is dest's rank in the world. */
int pm_post_start(pm_sending *sending, pm_letter *letter, int dest, int world_dest, int tag,
                  MPI_Comm comm, const char *call);

/* Waits until the letter is out. Also when the wait is broken nothing of it is left to do. With an
 * exception set it does not wait: after ^C nobody should have to press it again for each receiver. */
int pm_post_finish(pm_sending *sending, const char *call);

/* Does not wait: the letter is kept until it is out. */
void pm_post_leave(pm_sending *sending);

/* Receives a complete letter; NULL with an exception set. status may be MPI_STATUS_IGNORE. */
pm_letter *pm_post_fetch(pm_state *state, int source, int tag, MPI_Comm comm, MPI_Status *status,
                         const char *call);

#endif
