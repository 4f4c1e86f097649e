/* The ledger: under --check, how many letters this rank has sent whom and taken from whom, and which it
 * awaits.
 * SPDX-License-Identifier: MIT
 *
 * Two ranks' ledgers together tell whether a letter that one of them awaits is on its way. Letters are
 * counted for each communicator, peer and tag; those of collectives for each communicator and peer. The GIL
 * guards it. */
#ifndef PYMPI_COMMON_LEDGER_H
#define PYMPI_COMMON_LEDGER_H

#include "modules/common/compat.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define PC_LEDGER_COLLECTIVES INT_MIN /* in place of a tag */
#define PC_LEDGER_BUCKETS     256
#define PC_LEDGER_MOST        65536 /* lines; a program with more tags is not judged */

typedef struct pc_ledger_line {
    struct pc_ledger_line *next; /* in the bucket */
    uint32_t comm; /* the communicator's number, the same on all its ranks; 0: unknown */
    int peer;      /* a rank in it, or MPI_ANY_SOURCE */
    int tag;       /* or MPI_ANY_TAG, or PC_LEDGER_COLLECTIVES */
    int world;     /* the peer's rank in the world; MPI_ANY_SOURCE, MPI_UNDEFINED */
    uint64_t sent, taken;
    int awaited; /* receives whose letter has not come */
    int pending; /* sends that end when the peer has taken them, and have not been seen to */
} pc_ledger_line;

typedef struct {
    pc_ledger_line *buckets[PC_LEDGER_BUCKETS];
    int count;
    bool spoilt;    /* there were letters that it does not know how to count: nothing is judged */
    int under_way;  /* letters that have been taken and are not complete */
    uint64_t epoch; /* grows whenever this rank begins or ends a wait, sends or takes anything */
    bool (*stuck)(void *what); /* false: what goes on beside waits can move on without letters */
    void *what;
} pc_ledger;

/* What a rank asks another. A receive: have you sent more than count? A send: have you taken more? */
typedef struct {
    uint32_t comm;
    int32_t asker, peer; /* ranks of the world */
    int32_t tag;
    int32_t sends;
    uint64_t count;
} pc_want;

/* True when there is a ledger: --check, and one application. */
bool pc_ledger_kept(void);

/* The line of a communicator's peer and tag, made when it is the first; NULL where there is no memory, and
 * the ledger is spoilt then. */
pc_ledger_line *pc_ledger_find(uint32_t number, MPI_Comm comm, int peer, int tag);

void pc_ledger_send(pc_ledger_line *line);
void pc_ledger_take(pc_ledger_line *line);
void pc_ledger_await(pc_ledger_line *line, int change);
void pc_ledger_pend(pc_ledger_line *line, int change);
void pc_ledger_under_way(int change);

/* Nothing is judged from now on. */
void pc_ledger_spoil(void);

/* What this rank wants to know before it says that nothing will come: the number of wants (malloc'ed), or -1
 * where that cannot be said. */
int pc_ledger_wants(pc_want **wants_p);

/* True when what is asked for is on its way, or has been taken. */
bool pc_ledger_moves(const pc_want *want);

#endif
