/* Folds what ranks write: what all write alike is shown once, the rest per group of equal ranks.
 * SPDX-License-Identifier: MIT
 *
 * Every rank has a queue of lines. The first line that stands in all queues is shown bare; what stands
 * before it in each queue is a block, and ranks with equal blocks are shown together, tagged, in the
 * order of their lowest rank. What no such line follows is shown as blocks after half a second; from a
 * display on (a line for a notebook, lib/pympi/displays.py) later: a picture is not to come twice because one
 * rank took longer to draw it. What a widget is told comes at once: it is rank 0's alone. */
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

#define LATE_MS    500  /* no text is held back longer */
#define DISPLAY_MS 5000 /* nor a display that some ranks have and others may have yet */
#define MARK       "\x1b_pympi:"
#define TURN_MS    20         /* how often equal lines are looked for */
#define MOST_LINES 512        /* of a queue that are looked at in one turn */
#define MOST_BYTES (1u << 20) /* of a queue that are held back */
#define MOST_SHOWN (1u << 24) /* the same with displays */

typedef struct {
    size_t start; /* in the rank's text */
    size_t length;
    uint64_t hash;
} line;

typedef struct {
    pi_text text;
    line lines[MOST_LINES];
    int count;  /* lines split off the text */
    int next;   /* the first line not shown yet */
    long last;  /* when text came last: an unfinished line is shown when no more comes */
    bool rests; /* it writes nothing for now */
} queue;

struct pi_fold {
    pi_fold_show show;
    void *what; /* borrowed */
    int size;
    int most;
    long since;          /* when the oldest held text came; -1: nothing is held */
    long displays_since; /* when a display was first held that is late; -1: none is */
    bool in_vain;        /* one was held for nothing: no more are until a rank rests */
    queue *queues;
};

pi_fold *pi_fold_new(pi_fold_show show, void *what, int size, int most)
{
    pi_fold *fold = calloc(1, sizeof *fold);
    queue *queues = calloc((size_t)size, sizeof *queues);
    if (!fold || !queues) {
        free(fold);
        free(queues);
        return NULL;
    }
    *fold = (pi_fold){
        .show = show, .what = what, .size = size, .most = most, .since = -1, .queues = queues};
    fold->displays_since = -1;
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

static void show_lines(pi_fold *fold, const queue *own, int begin, int end, pi_fold_group *group)
{
    const line *first = &own->lines[begin], *last = &own->lines[end - 1];
    group->bytes = own->text.bytes + first->start;
    group->count = last->start + last->length - first->start;
    fold->show(fold->what, group);
}

/* Numbers the groups of equal blocks in the order of their first ranks; -1: a rank has nothing to show. The
 * count of groups. */
static int number_groups(const pi_fold *fold, const int *ends, int *numbers)
{
    int count = 0;
    for (int rank = 0; rank < fold->size; rank++) {
        numbers[rank] = -1;
    }
    for (int leader = 0; leader < fold->size; leader++) {
        const queue *own = &fold->queues[leader];
        if (numbers[leader] >= 0 || own->next == ends[leader]) {
            continue;
        }
        for (int rank = leader; rank < fold->size; rank++) {
            if (numbers[rank] < 0 &&
                same_block(own, ends[leader], &fold->queues[rank], ends[rank])) {
                numbers[rank] = count;
            }
        }
        count++;
    }
    return count;
}

/* Finds the ranks of a group; the first of them. */
static int mark_group(const pi_fold *fold, const int *numbers, int number, bool *marked,
                      bool *all_p)
{
    int first = -1;
    *all_p = true;
    for (int rank = 0; rank < fold->size; rank++) {
        marked[rank] = numbers[rank] == number;
        first = marked[rank] && first < 0 ? rank : first;
        *all_p = *all_p && marked[rank];
    }
    return first;
}

static bool is_hidden(const pi_fold *fold, int number, int count)
{
    return fold->most && count > fold->most && number >= fold->most / 2 && number < count - 1;
}

/* Shows what stands before ends in each queue, per group of equal ranks. */
static void show_groups(pi_fold *fold, const int *ends)
{
    bool marked[fold->size], all;
    int numbers[fold->size], count = number_groups(fold, ends, numbers), hidden = 0;
    for (int number = 0; number < count; number++) {
        int leader = mark_group(fold, numbers, number, marked, &all);
        pi_text name = {0};
        pi_fold_group group = {.hidden = is_hidden(fold, number, count)};
        if (!all) {
            pi_ranks_name(&name, marked, fold->size);
            group.ranks = name.bytes;
            group.ranks_size = name.used;
        }
        group.more = group.hidden ? 0 : hidden;
        hidden = group.hidden ? hidden + 1 : 0;
        const queue *own = &fold->queues[leader];
        show_lines(fold, own, own->next, ends[leader], &group);
        pi_text_fini(&name);
    }
    for (int rank = 0; rank < fold->size; rank++) {
        fold->queues[rank].next = ends[rank];
    }
}

static bool begins(const queue *own, int at, const char *mark)
{
    const line *one = &own->lines[at];
    size_t length = strlen(mark);
    return one->length > length && memcmp(own->text.bytes + one->start, mark, length) == 0;
}

/* What rank 0 alone has: a widget is told something. */
static bool is_comm(const queue *own, int at)
{
    return begins(own, at, MARK "comm ");
}

/* Where the first display stands before end, or end. */
static int find_display(const queue *own, int end, bool comms_too)
{
    int at = own->next;
    while (at < end && !(begins(own, at, MARK) && (comms_too || !is_comm(own, at)))) {
        at++;
    }
    return at;
}

/* Shows what stands before ends. A display is a block of its own: who shows the same is not who printed the
 * same before. */
static void show_blocks(pi_fold *fold, const int *ends)
{
    int stops[fold->size];
    bool more = true;
    while (more) {
        more = false;
        for (int rank = 0; rank < fold->size; rank++) {
            stops[rank] = find_display(&fold->queues[rank], ends[rank], true);
        }
        show_groups(fold, stops);
        for (int rank = 0; rank < fold->size; rank++) {
            stops[rank] += stops[rank] < ends[rank];
            more = more || stops[rank] < ends[rank];
        }
        show_groups(fold, stops);
    }
}

static void show_common(pi_fold *fold, const int *places)
{
    show_blocks(fold, places);
    pi_fold_group group = {0};
    show_lines(fold, &fold->queues[0], places[0], places[0] + 1, &group);
    for (int rank = 0; rank < fold->size; rank++) {
        fold->queues[rank].next = places[rank] + 1;
    }
}

/* Comms that stand at the front of a queue. */
static void show_comms(pi_fold *fold)
{
    int ends[fold->size];
    for (int rank = 0; rank < fold->size; rank++) {
        const queue *own = &fold->queues[rank];
        ends[rank] = own->next;
        while (ends[rank] < own->count && is_comm(own, ends[rank])) {
            ends[rank]++;
        }
    }
    show_blocks(fold, ends);
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

/* Only one rank has something to show, and the others write nothing for now: no line can be equal. */
static bool is_alone(const pi_fold *fold)
{
    int writers = 0;
    for (int rank = 0; rank < fold->size; rank++) {
        const queue *own = &fold->queues[rank];
        writers += own->text.used || !own->rests;
    }
    return writers == 1;
}

/* Every rank that may still write has a display to show, and they are not equal. */
static bool all_have_displays(const pi_fold *fold)
{
    for (int rank = 0; rank < fold->size; rank++) {
        const queue *own = &fold->queues[rank];
        if (find_display(own, own->count, false) == own->count &&
            !(own->rests && !own->text.used)) {
            return false;
        }
    }
    return true;
}

/* Each queue up to a display, unless that is late too. */
static void show_late(pi_fold *fold, int *ends, bool late, bool displays_too, long now)
{
    bool held = false, shown = false;
    for (int rank = 0; rank < fold->size; rank++) {
        const queue *own = &fold->queues[rank];
        ends[rank] = displays_too ? own->count : find_display(own, own->count, false);
        held = held || ends[rank] < own->count;
        shown = shown || ends[rank] > own->next;
    }
    show_blocks(fold, ends);
    if (shown || late) { /* else there is an unfinished line, which is not late yet */
        fold->since = now;
    }
    if (!held || fold->displays_since < 0) {
        fold->displays_since = held ? now : -1;
    }
}

static bool overfull(const pi_fold *fold, size_t most)
{
    for (int rank = 0; rank < fold->size; rank++) {
        if (fold->queues[rank].text.used > most) {
            return true;
        }
    }
    return false;
}

/* Shows what can be shown; with late, everything that was split off, but for displays at first. */
static void turn(pi_fold *fold, bool late, bool unfinished_too, long now)
{
    int places[fold->size];
    bool alone = is_alone(fold);
    bool waited = fold->displays_since >= 0 && now - fold->displays_since >= DISPLAY_MS - LATE_MS;
    fold->in_vain = fold->in_vain || waited;
    for (int rank = 0; rank < fold->size; rank++) {
        queue *own = &fold->queues[rank];
        split(own, unfinished_too && now - own->last >= LATE_MS);
    }
    show_comms(fold);
    while (find_common(fold, places)) {
        show_common(fold, places);
        show_comms(fold);
        fold->since = now;
        fold->displays_since = -1;
        late = false; /* what stands behind it has just begun to wait */
    }
    if (late || alone) {
        waited = fold->in_vain || alone || now == LONG_MAX || all_have_displays(fold) ||
                 overfull(fold, MOST_SHOWN);
        show_late(fold, places, late, waited, now);
    }
    if (!drop_shown(fold)) {
        fold->since = -1;
    }
}

void pi_fold_put(pi_fold *fold, int rank, const char *bytes, size_t count, long now)
{
    pi_text_add(&fold->queues[rank].text, bytes, count);
    fold->queues[rank].last = now;
    if (fold->since < 0) {
        fold->since = now;
    }
    for (bool shown = true; shown && overfull(fold, MOST_BYTES);) {
        size_t before = fold->queues[rank].text.used;
        turn(fold, true, false, now);
        shown = fold->queues[rank].text.used < before; /* else one line that long: it has to grow */
    }
}

void pi_fold_rest(pi_fold *fold, int rank, bool rests)
{
    fold->queues[rank].rests = rests;
    fold->in_vain = fold->in_vain && !rests;
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
