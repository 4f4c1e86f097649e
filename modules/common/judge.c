/* The judge of deadlocks: what rank 0 does.
 * SPDX-License-Identifier: MIT
 *
 * A round begins when rank 0 itself has waited for a while. Each rank reports as soon as it has waited as
 * long: what its ledger says of the letters it awaits. When all have, each is asked whether it still is in
 * the same wait, and what the others want of it. If none has moved, then at the moment between the two
 * there was nobody who did not wait, and no letter on its way that anybody awaited: that stays so for
 * ever. No clock and no speed of messages is relied on. There is one round at a time, so what travels is
 * little, and nothing unless rank 0 waits. */
#include "modules/common/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modules/common/runtime.h"

#define PAUSE_NS 500000000L /* between two rounds */

static void send_all(int kind)
{
    for (int rank = 0; rank < pc_runtime_get()->size; rank++) {
        pc_parcel_send(pc_parcel_new(kind, 0), rank);
    }
}

static pc_want *wants_of(pc_parcel *report)
{
    return (pc_want *)report->body;
}

static const char *text_of(pc_parcel *report)
{
    return report->body + report->head.count * sizeof(pc_want);
}

static void drop_reports(pc_judge *judge)
{
    for (int rank = 0; judge->reports && rank < pc_runtime_get()->size; rank++) {
        free(judge->reports[rank]);
        judge->reports[rank] = NULL;
    }
}

void pc_judge_hear(pc_parcel *parcel)
{
    pc_judge *judge = pc_runtime_judge();
    if (parcel->head.kind == PC_DEADLOCK_REPORT) {
        judge->reports[parcel->peer] = parcel;
        judge->heard++;
        return;
    }
    if (parcel->head.kind == PC_DEADLOCK_ANSWER) {
        judge->heard++;
        judge->moves = judge->moves || !parcel->head.flag;
    } else {
        judge->ended++;
    }
    free(parcel);
}

static size_t count_wants_of(pc_judge *judge, int peer, pc_want *list)
{
    size_t count = 0;
    for (int rank = 0; rank < pc_runtime_get()->size; rank++) {
        pc_parcel *report = judge->reports[rank];
        for (uint64_t i = 0; i < report->head.count; i++) {
            if (wants_of(report)[i].peer == peer) {
                if (list) {
                    list[count] = wants_of(report)[i];
                }
                count++;
            }
        }
    }
    return count;
}

/* Each rank is asked what the others want of it. */
static void ask(pc_judge *judge, int peer)
{
    size_t count = count_wants_of(judge, peer, NULL);
    pc_parcel *parcel = pc_parcel_new(PC_DEADLOCK_ASK, count * sizeof(pc_want));
    if (parcel) {
        parcel->head.count = count;
        parcel->head.epoch = judge->reports[peer]->head.epoch;
        count_wants_of(judge, peer, wants_of(parcel));
    }
    pc_parcel_send(parcel, peer);
}

static bool all_have_ended(pc_judge *judge)
{
    int ended = 0;
    for (int rank = 0; rank < pc_runtime_get()->size; rank++) {
        ended += judge->reports[rank]->head.flag;
    }
    return ended == pc_runtime_get()->size;
}

/* The last of the ranks from here on that report the same. */
static int last_alike(pc_judge *judge, int rank)
{
    const char *text = text_of(judge->reports[rank]);
    while (rank + 1 < pc_runtime_get()->size &&
           strcmp(text, text_of(judge->reports[rank + 1])) == 0) {
        rank++;
    }
    return rank;
}

/* "rank 0: recv from rank 1, tag 3 (prog.py:8)\nranks 1-3: ended"; malloc'ed. */
static char *write_table(pc_judge *judge)
{
    char *table = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&table, &size);
    if (!out) {
        return NULL;
    }
    fprintf(out, "every rank waits, and nothing is on its way:");
    for (int rank = 0; rank < pc_runtime_get()->size; rank++) {
        int last = last_alike(judge, rank);
        const char *text = text_of(judge->reports[rank]);
        if (last == rank) {
            fprintf(out, "\nrank %d: %s", rank, text);
        } else {
            fprintf(out, "\nranks %d-%d: %s", rank, last, text);
        }
        rank = last;
    }
    fclose(out);
    return table;
}

static void sentence(pc_judge *judge)
{
    char *table = write_table(judge);
    size_t size = table ? strlen(table) + 1 : 0;
    for (int rank = 0; table && rank < pc_runtime_get()->size; rank++) {
        pc_parcel *parcel = pc_parcel_new(PC_DEADLOCK_VERDICT, size);
        if (parcel) {
            memcpy(parcel->body, table, size);
            parcel->head.epoch = judge->reports[rank]->head.epoch;
        }
        pc_parcel_send(parcel, rank);
    }
    free(table);
}

static void begin_round(pc_judge *judge)
{
    if (!judge->reports) {
        judge->reports = calloc((size_t)pc_runtime_get()->size, sizeof(pc_parcel *));
    }
    if (judge->reports) {
        judge->heard = 0;
        judge->phase = PC_JUDGE_POLLS;
        send_all(PC_DEADLOCK_POLL);
    }
}

static void ask_all(pc_judge *judge)
{
    judge->heard = 0;
    judge->moves = false;
    judge->phase = PC_JUDGE_ASKS;
    for (int rank = 0; rank < pc_runtime_get()->size; rank++) {
        ask(judge, rank);
    }
}

static void end_round(pc_judge *judge, long now)
{
    if (!judge->moves && !all_have_ended(judge)) {
        sentence(judge);
    }
    drop_reports(judge);
    judge->phase = PC_JUDGE_RESTS;
    judge->next = now + PAUSE_NS;
}

void pc_judge_turn(long now, bool suspected)
{
    pc_judge *judge = pc_runtime_judge();
    bool all = judge->heard == pc_runtime_get()->size;
    if (judge->phase == PC_JUDGE_ASKS && all) {
        end_round(judge, now);
    } else if (judge->phase == PC_JUDGE_POLLS && all) {
        ask_all(judge);
    } else if (judge->phase == PC_JUDGE_RESTS && judge->ended == pc_runtime_get()->size) {
        if (!judge->dismissed) {
            judge->dismissed = true;
            send_all(PC_DEADLOCK_BYE);
        }
    } else if (judge->phase == PC_JUDGE_RESTS && suspected && now >= judge->next) {
        begin_round(judge);
    }
}
