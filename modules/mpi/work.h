/* Work under way: letters on their way, round after round, until there is a result.
 * SPDX-License-Identifier: MIT
 *
 * A verb is a function from the number of a round to the letters that it sends and awaits in it. The
 * same function serves the verb that waits and the one that gives a Request. The GIL guards all of it;
 * only pm_work_look may be called without. */
#ifndef PYMPI_MPI_WORK_H
#define PYMPI_MPI_WORK_H

#include "modules/mpi/post.h"

typedef struct pm_work pm_work;

/* Posts what comes next; the letters of the round before are work->arrivals. 1: something is under way,
 * 0: the work is over and work->result made, -1: an exception is set. */
typedef int (*pm_work_next)(pm_work *work);

typedef enum { PM_WORK_UNDER_WAY, PM_WORK_OVER, PM_WORK_CANCELLED } pm_work_condition;

struct pm_work {
    pm_state *state; /* borrowed */
    pm_comm *comm;   /* owned */
    const char *call;
    pm_channel channel;
    int tag;            /* of a collective's letters */
    unsigned statement; /* of the session, in which it was begun */
    pm_work_next next;
    pm_work_next then; /* while ranks check that they agree: what comes behind; see check.c */
    PyObject *print;   /* what this rank has heard by then */
    bool begun;        /* by an i… verb */
    int round;
    pm_work_condition condition;
    bool busy;   /* a thread waits for it, or runs its next round */
    bool listed; /* it is moved on by progress */
    int refs;
    pm_work *before, *behind; /* in the list */

    pm_sending *sendings;
    int sending_count, sending_room;
    pm_sending one_sending;
    pm_receiving *receivings;
    int receiving_count, receiving_room;
    pm_receiving one_receiving;
    pm_letter **arrivals; /* owned; of the round before, in the order in which they were expected */
    pm_letter *one_arrival;
    int arrival_count;

    /* What verbs keep from round to round; all owned. */
    PyObject *value, *op, *into, *items, *axis, *counts;
    PyObject *before_own; /* of a scan: the value of the ranks before this one */
    PyObject *own;        /* of a reduce_scatter: this rank's item */
    PyObject *gathered;   /* a list, one value a rank */
    pm_letter *letter;
    PyObject *failed; /* an exception of this rank's, raised when its part is done */
    int root, step, phase;
    bool direct;   /* arrivals may go to into at once */
    bool per_item; /* the operator combines lists item by item */
    bool exclusive;
    bool commutes; /* the operator may take the ranks in any order */

    MPI_Status status; /* of a received message */
    PyObject *result;  /* NULL: None */
    PyObject *exception;
};

/* New work with nothing under way; NULL with an exception set. */
pm_work *pm_work_new(pm_comm *comm, const char *call, pm_work_next next);
void pm_work_release(pm_work *work); /* NULL is fine; an exception that is set stays */

/* New work of a collective: takes its number. NULL with an exception set. */
pm_work *pm_work_collective(pm_comm *comm, const char *call, pm_work_next next);

/* The same for one that gathers a value of each rank. */
pm_work *pm_work_collecting(pm_comm *comm, const char *call, pm_work_next next);

/* The check is over: posts the first round of what comes behind. As a pm_work_next. */
int pm_work_begin_again(pm_work *work);

/* Keeps the value of a rank, which it takes over; NULL: the first exception fails this rank. */
void pm_work_keep(pm_work *work, int rank, PyObject *value);

/* Posts a letter (borrowed), or waits for one in this round. 1, or -1 with an exception set. */
int pm_work_send(pm_work *work, pm_letter *letter, int dest);
int pm_work_expect(pm_work *work, int source);

/* The value of an arrival; NULL with an exception set. */
PyObject *pm_work_value(pm_work *work, int arrival);

/* The value as a letter; where there is none (NULL with an exception set, or it cannot be sent) one that
 * says why, and work->failed takes the exception. */
pm_letter *pm_work_encode(pm_work *work, PyObject *value, bool inside);

/* Ends the work with this result, which it takes over; NULL: with the exception that is set. What failed
 * on this rank before goes first. 0 or -1. */
int pm_work_end(pm_work *work, PyObject *result);

/* Starts the first round. 0, or -1 with an exception set, and then the work is over. */
int pm_work_start(pm_work *work);

/* False, with an exception set, where MPI does not run (any more): in a fork, after its end. */
bool pm_work_usable(const pm_work *work);

/* Looks without waiting whether something has come. MPI's code. */
int pm_work_look(void *work, int *done_p);

/* Moves on what has come. */
void pm_work_step(pm_work *work);

/* What it waits for, where that is letters alone: the first line of the ledger; else NULL. *sends_p: the
 * letter is its own. */
const pc_ledger_line *pm_work_line(const pm_work *work, bool *sends_p);

/* Waits until it is over. 0, or -1 with an exception of a signal's, and then it still is under way. */
int pm_work_wait(pm_work *work);

/* Starts it, waits, gives the result and releases the work; a broken wait gives it up. work may be NULL. */
PyObject *pm_work_run(pm_work *work);

/* The result of work that is over, or its exception. */
PyObject *pm_work_result(const pm_work *work);

/* Gives up what is under way: pm_post_drop() of each letter. */
void pm_work_drop(pm_work *work, bool goes_on);

/* Gives up what is under way; the work is over, with the exception that is set. */
void pm_work_fail(pm_work *work);

/* Takes a receive back where its message has not come, and lets go of a send: the work is over then.
 * Where it has come, the work goes on. */
void pm_work_cancel(pm_work *work);

/* Lets progress move it on until it is over. */
void pm_work_list(pm_work *work);

/* Takes and restores the current exception. */
PyObject *pm_work_take_exception(void);
void pm_work_raise(PyObject *exception);

/* The module's list of work is moved on by waits from now on. */
int pm_work_setup(pm_state *state);
void pm_work_clear(pm_state *state);

#endif
