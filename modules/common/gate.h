/* Gates: before what cannot be left again, ranks pass all together or not at all.
 * SPDX-License-Identifier: MIT
 *
 * A collective of MPI's that some ranks have entered and others will not can only be left by ending the job.
 * In a session's statement its ranks first pass a gate, with messages of our own. It is known by its
 * members, ranks of the world, and by how many gates of the same members came before in the statement. */
#ifndef PYMPI_COMMON_GATE_H
#define PYMPI_COMMON_GATE_H

#include "modules/common/compat.h"
#include "modules/common/session.h"

/* Of a communicator, or of some of its ranks. */
typedef struct {
    int *members; /* ranks of the world; the first decides */
    int count;
    int own;       /* this rank's place */
    uint64_t base; /* of the key */
} pc_party;

/* All ranks of comm, or `count` of them where ranks is not NULL. 0, or -1 without memory. */
int pc_party_init(pc_party *party, MPI_Comm comm, const int *ranks, int count);
void pc_party_fini(pc_party *party);

/* Passes. 0: all do, and where an exception is set it is to be raised behind the collective; -1: nobody
 * does, an exception is set. With the GIL; between statements at once. */
int pc_gate_pass(const pc_party *party, const char *call);

/* The same for a caller that may or may not have the GIL, or no Python: MPI_SUCCESS or PC_WAIT_BROKEN.
 * *late_p: the collective is to be entered, and PC_WAIT_BROKEN behind it. */
int pc_gate_pass_plain(const pc_party *party, const char *call, bool *late_p);

/* For session.c, which holds its lock: the beginning, a statement's, and what has been said. */
int pc_gates_start(void);
void pc_gates_begin(unsigned number);
void pc_gates_hear(const pc_word *word);

#endif
