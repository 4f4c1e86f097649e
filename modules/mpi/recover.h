/* Recovery: what modules/mpi does when a statement of the session has been broken.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_RECOVER_H
#define PYMPI_MPI_RECOVER_H

#include "modules/mpi/work.h"

/* A letter of a statement that was not broken, whose envelope recovery had to take out of MPI's hands. */
typedef struct pm_held {
    struct pm_held *next;
    pm_letter *letter; /* owned */
    MPI_Status status;
} pm_held;

/* Recovery's steps are this module's from now on. */
void pm_recover_setup(pm_state *state);
void pm_recover_clear(pm_state *state);

/* The list of communicators. */
void pm_recover_list(pm_state *state, pm_comm *comm);
void pm_recover_unlist(pm_comm *comm);

/* The first held letter that matches; borrowed, NULL: none. */
pm_held *pm_recover_find(const pm_comm *comm, int source, int tag);

/* Takes it out of its communicator's list; frees it as well, with a letter that is still there. */
void pm_recover_detach(pm_comm *comm, pm_held *held);
void pm_recover_free(pm_comm *comm, pm_held *held);

/* Takes over a receiving whose letter has begun to come: the rest of it is received for nobody. 0, or -1
 * where there is no memory for it. Keeps the exception that is set. */
int pm_recover_adopt(pm_receiving *receiving, const char *call);

/* Counts a letter that has come; true when it is a broken statement's, for nobody to get. In that statement
 * itself it still counts. */
bool pm_recover_is_stale(const pm_receiving *receiving);

#endif
