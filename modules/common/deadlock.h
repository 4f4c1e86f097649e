/* Deadlock: under --check, ranks find out that every one of them waits and nothing is on its way.
 * SPDX-License-Identifier: MIT
 *
 * Rank 0 is the judge; see judge.c. */
#ifndef PYMPI_COMMON_DEADLOCK_H
#define PYMPI_COMMON_DEADLOCK_H

#include "modules/common/board.h"
#include "modules/common/ledger.h"
#include "modules/common/parcels.h"

/* The words between the ranks and the judge, in the order in which they are said. */
enum {
    PC_DEADLOCK_POLL,    /* do you wait? answered as soon as that is so */
    PC_DEADLOCK_REPORT,  /* I wait (flag: I have ended) since this epoch, and want to know this */
    PC_DEADLOCK_ASK,     /* is that still so, and is nothing of this on its way from you? */
    PC_DEADLOCK_ANSWER,  /* flag: so it is */
    PC_DEADLOCK_VERDICT, /* then everybody waits for ever, as the text says */
    PC_DEADLOCK_ENDED,   /* I am about to finalise MPI */
    PC_DEADLOCK_BYE,     /* all are: do so */
};

/* What a rank keeps of it. */
typedef struct {
    uint64_t seen; /* the ledger's epoch */
    long since;    /* when that began, in nanoseconds */
    long looked;   /* the last turn */
    bool polled;   /* and has not reported yet */
    bool ended;
    bool rests;     /* in a session's meeting, which can be left again */
    bool dismissed; /* all have ended */
    char *verdict;  /* to be raised; malloc'ed */
} pc_deadlock;

/* Says and hears what there is to, in a wait that lasts. 0, or -1 with mpi.DeadlockError set: this wait, like
 * all others, will not end. The GIL is held. */
int pc_deadlock_turn(const pc_board_wait *wait);

/* True when this rank waits for letters (or has ended) for so long that it may be for ever. wait: what it
 * waits for, NULL when it has ended. */
bool pc_deadlock_suspected(const pc_board_wait *wait);

/* This rank's statement is over, and it waits for the others: who waits for it waits for ever. Or (false) that
 * is over. */
void pc_deadlock_rest(bool rests);

/* The last thing before MPI is finalised: the others may still wait for this rank. Returns when all have
 * come here; aside() is called meanwhile, unless it is NULL. */
void pc_deadlock_finish(void (*aside)(void));

#endif
