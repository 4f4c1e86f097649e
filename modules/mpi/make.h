/* Making Comm objects out of MPI's communicators.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_MAKE_H
#define PYMPI_MPI_MAKE_H

#include "modules/mpi/comm.h"

/* A Comm, Cart or Inter, by what users is. Local. NULL with an exception set: then users and inner stay
 * with MPI. */
PyObject *pm_make_object(pm_state *state, MPI_Comm users, MPI_Comm inner, pm_owns owns);

/* The same for one made of parent's ranks, which is checked as parent is. */
PyObject *pm_make_child(pm_state *state, const pm_comm *parent, MPI_Comm users, MPI_Comm inner);

/* The whole job, and the part of it that this application is. */
PyObject *pm_make_world(pm_state *state);
PyObject *pm_make_app(pm_state *state, PyObject *world);

/* A communicator of the members (ranks of parent, in the order of the new one). Collective over the
 * members, who all know of each other already. */
PyObject *pm_make_of_members(pm_state *state, pm_comm *parent, const int *members, int count);

/* In a session's statement the gate (modules/common/gate.h) in front of a collective call of MPI's own: of all
 * ranks of comm, or of `count` members. 0, and an exception may be set that is to be raised behind the call;
 * -1: nobody enters it, an exception is set. */
int pm_make_gate(MPI_Comm comm, const int *members, int count, const char *call);

/* The inner twin of users, whose ranks are parent's and all here. Collective over users. 0, or -1 with an
 * exception set. */
int pm_make_twin(const pm_comm *parent, MPI_Comm users, MPI_Comm *inner_p);

/* The same without a parent. It waits for the others, interruptibly; *checked_p: all are under --check. */
int pm_make_first_twin(MPI_Comm users, MPI_Comm *inner_p, bool *checked_p, const char *call);

#endif
