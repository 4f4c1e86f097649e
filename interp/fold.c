/* Folds what ranks write: what all write alike is shown once, the rest per group of equal ranks.
 * SPDX-License-Identifier: MIT
 *
 * Every rank has a queue of lines. The first line that stands in all queues is shown bare; what stands
 * before it in each queue is a block, and ranks with equal blocks are shown together, tagged, in the
 * order of their lowest rank. What no such line follows is shown as blocks after half a second. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/fold.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "interp/ranks.h"
#include "interp/text.h"

#define LATE_MS    500        /* nothing is held back longer */
#define TURN_MS    20         /* how often equal lines are looked for */
#define MOST_LINES 512        /* of a queue that are looked at in one turn */
#define MOST_BYTES (1u << 20) /* of a queue that are held back */

typedef struct {
    size_t start; /* in the rank's text */
    size_t length;
    uint64_t hash;
} line;

typedef struct {
    pi_text text;
    line lines[MOST_LINES];
    int count; /* lines split off the text */
    int next;  /* the first line not shown yet */
    long last; /* when text came last: an unfinished line is shown when no more comes */
} queue;

struct pi_fold {
    pi_sink *sink; /* borrowed */
    int size;
    long since; /* when the oldest held text came; -1: nothing is held */
    queue *queues;
};

pi_fold *pi_fold_new(pi_sink *sink, int size)
{
    pi_fold *fold = calloc(1, sizeof *fold);
    queue *queues = calloc((size_t)size, sizeof *queues);
    if (!fold || !queues) {
        free(fold);
        free(queues);
        return NULL;
    }
    *fold = (pi_fold){.sink = sink, .size = size, .since = -1, .queues = queues};
    return fold;
}

void pi_fold_free(pi_fold *fold)
{
    if (!fold) {
        return;
    }
    for (int rank = 0; rank < fold->size; rank++) {
        pi_text_fini(&fold->queues[rank].text);
    }
    free(fold->queues);
    free(fold);
}

/* FNV-1a (Fowler, Noll, Vo). */
static uint64_t hash_of(const char *bytes, size_t count)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211u;
    }
    return hash;
}

static void split(queue *own, bool unfinished_too)
{
    size_t start = 0;
    own->count = own->next = 0;
    while (start < own->text.used && own->count < MOST_LINES) {
        const char *at = own->text.bytes + start;
        const char *newline = memchr(at, '\n', own->text.used - start);
        if (!newline && !unfinished_too) {
            break;
        }
        size_t length = newline ? (size_t)(newline - at) + 1 : own->text.used - start;
        own->lines[own->count++] = (line){start, length, hash_of(at, length)};
        start += length;
    }
}

static bool same_line(const queue *a, int i, const queue *b, int j)
{
    const line *x = &a->lines[i];
    const line *y = &b->lines[j];
    return x->hash == y->hash && x->length == y->length &&
           memcmp(a->text.bytes + x->start, b->text.bytes + y->start, x->length) == 0;
}

/* Where a line of rank 0's queue stands in another queue, or -1. */
static int find_line(const pi_fold *fold, int at, const queue *other)
{
    for (int j = other->next; j < other->count; j++) {
        if (same_line(&fold->queues[0], at, other, j)) {
            return j;
        }
    }
    return -1;
}

/* Finds the first line of rank 0 that every queue has; places[rank] is where. */
static bool find_common(const pi_fold *fold, int *places)
{
    const queue *first = &fold->queues[0];
    for (int at = first->next; at < first->count; at++) {
        int rank = 1;
        places[0] = at;
        while (rank < fold->size &&
               (places[rank] = find_line(fold, at, &fold->queues[rank])) >= 0) {
            rank++;
        }
        if (rank == fold->size) {
            return true;
        }
    }
    return false;
}

static bool same_block(const queue *a, int a_end, const queue *b, int b_end)
{
    if (a_end - a->next != b_end - b->next) {
        return false;
    }
    for (int i = 0; i < a_end - a->next; i++) {
        if (!same_line(a, a->next + i, b, b->next + i)) {
            return false;
        }
    }
    return true;
}

/* Shows the lines from next up to end, each behind the tag; an unfinished one gets its newline. */
static void show_block(pi_fold *fold, const queue *own, int end, const pi_text *tag)
{
    pi_text text = {0};
    for (int i = own->next; i < end; i++) {
        const char *bytes = own->text.bytes + own->lines[i].start;
        size_t length = own->lines[i].length;
        pi_text_add(&text, tag->bytes, tag->used);
        pi_text_add(&text, bytes, length);
        if (bytes[length - 1] != '\n') {
            pi_text_add_string(&text, "\n");
        }
    }
    pi_sink_write(fold->sink, text.bytes, text.used);
    pi_text_fini(&text);
}

/* Marks the ranks whose blocks equal the leader's. */
static bool mark_equal(const pi_fold *fold, const int *ends, int leader, bool *group, bool *shown)
{
    bool all = true;
    for (int rank = 0; rank < fold->size; rank++) {
        group[rank] = !shown[rank] && same_block(&fold->queues[leader], ends[leader],
                                                 &fold->queues[rank], ends[rank]);
        shown[rank] = shown[rank] || group[rank];
        all = all && group[rank];
    }
    return all;
}

/* Shows what stands before ends in each queue, per group of equal ranks. */
static void show_groups(pi_fold *fold, const int *ends)
{
    bool group[fold->size], shown[fold->size];
    memset(shown, 0, sizeof shown);
    for (int leader = 0; leader < fold->size; leader++) {
        queue *own = &fold->queues[leader];
        if (shown[leader] || own->next == ends[leader]) {
            continue;
        }
        pi_text tag = {0};
        if (!mark_equal(fold, ends, leader, group, shown)) {
            pi_text name = {0};
            pi_ranks_name(&name, group, fold->size);
            pi_text_add_string(&tag, "[");
            pi_text_add(&tag, name.bytes, name.used);
            pi_text_add_string(&tag, "] ");
            pi_text_fini(&name);
        }
        show_block(fold, own, ends[leader], &tag);
        pi_text_fini(&tag);
    }
    for (int rank = 0; rank < fold->size; rank++) {
        fold->queues[rank].next = ends[rank];
    }
}

static void show_common(pi_fold *fold, const int *places)
{
    show_groups(fold, places);
    const queue *first = &fold->queues[0];
    const line *common = &first->lines[places[0]];
    pi_sink_write(fold->sink, first->text.bytes + common->start, common->length);
    for (int rank = 0; rank < fold->size; rank++) {
        fold->queues[rank].next = places[rank] + 1;
    }
}

static bool drop_shown(pi_fold *fold)
{
    bool held = false;
    for (int rank = 0; rank < fold->size; rank++) {
        queue *own = &fold->queues[rank];
        if (own->next) {
            const line *last = &own->lines[own->next - 1];
            pi_text_drop(&own->text, last->start + last->length);
        }
        held = held || own->text.used;
    }
    return held;
}

/* Shows what can be shown; with late, everything that was split off. */
static void turn(pi_fold *fold, bool late, bool unfinished_too, long now)
{
    int places[fold->size];
    for (int rank = 0; rank < fold->size; rank++) {
        queue *own = &fold->queues[rank];
        split(own, unfinished_too && now - own->last >= LATE_MS);
    }
    while (find_common(fold, places)) {
        show_common(fold, places);
        fold->since = now;
    }
    if (late) {
        for (int rank = 0; rank < fold->size; rank++) {
            places[rank] = fold->queues[rank].count;
        }
        show_groups(fold, places);
        fold->since = now;
    }
    if (!drop_shown(fold)) {
        fold->since = -1;
    }
}

static bool overfull(const pi_fold *fold)
{
    for (int rank = 0; rank < fold->size; rank++) {
        if (fold->queues[rank].text.used > MOST_BYTES) {
            return true;
        }
    }
    return false;
}

void pi_fold_put(pi_fold *fold, int rank, const char *bytes, size_t count, long now)
{
    pi_text_add(&fold->queues[rank].text, bytes, count);
    fold->queues[rank].last = now;
    if (fold->since < 0) {
        fold->since = now;
    }
    for (bool shown = true; shown && overfull(fold);) {
        size_t before = fold->queues[rank].text.used;
        turn(fold, true, false, now);
        shown = fold->queues[rank].text.used < before; /* else one line that long: it has to grow */
    }
}

void pi_fold_end(pi_fold *fold, int rank)
{
    queue *own = &fold->queues[rank];
    if (own->text.used && own->text.bytes[own->text.used - 1] != '\n') {
        pi_text_add_string(&own->text, "\n");
    }
}

int pi_fold_tick(pi_fold *fold, long now)
{
    if (fold->since < 0) {
        return -1;
    }
    bool late = now - fold->since >= LATE_MS;
    turn(fold, late, late, now);
    return fold->since < 0 ? -1 : TURN_MS;
}

void pi_fold_finish(pi_fold *fold)
{
    while (fold->since >= 0) {
        turn(fold, true, true, LONG_MAX);
    }
}
