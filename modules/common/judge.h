/* The judge of deadlocks: what rank 0 does.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_JUDGE_H
#define PYMPI_COMMON_JUDGE_H

#include "modules/common/deadlock.h"

typedef struct {
    enum { PC_JUDGE_RESTS, PC_JUDGE_POLLS, PC_JUDGE_ASKS } phase;
    long next;           /* no new round before */
    int heard;           /* ranks that have answered in this phase */
    bool moves;          /* one of them said that something does */
    int ended;           /* ranks that have */
    bool dismissed;      /* they have been told */
    pc_parcel **reports; /* of this round, by rank */
} pc_judge;

/* Takes in a REPORT, an ANSWER or an ENDED; takes over the parcel. */
void pc_judge_hear(pc_parcel *parcel);

/* Goes on to the next phase when it is time. suspected: rank 0 itself may wait for ever. */
void pc_judge_turn(long now, bool suspected);

#endif
