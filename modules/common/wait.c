/* Waiting: the one place where anything blocks.
 * SPDX-License-Identifier: MIT
 *
 * A wait goes through three moods. It spins with the GIL, for what is about to come; it spins without
 * it, so that other threads of Python run; it sleeps between looks, longer and longer. With more ranks
 * than processors it gives way instead of spinning: the one it waits for needs the core. */
#include "modules/common/wait.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "modules/common/breakout.h"
#include "modules/common/errors.h"
#include "modules/common/progress.h"
#include "modules/common/runtime.h"

#define SPINS_HELD    400 /* looks with the GIL: some ten microseconds */
#define SPINS_CROWDED 8
#define BUSY_NS       5000000L  /* spinning without the GIL before the first sleep */
#define SIGNALS_NS    2000000L  /* between looks at signals */
#define PROGRESS_NS   50000L    /* between looks at what else is under way, if anything is */
#define HANDLERS_NS   20000000L /* the same where the GIL has to be taken for it */
#define CHECK_NS      50000000L /* before this rank looks for deadlocks, if it is to */
#define SLEEP_MOST_NS 2000000L
#define SLEEP_SHARE                                                                                \
    64 /* a sleep is at most this part of what has been waited: late by 2 % at worst */

/* Requests that nobody waits for. */
typedef struct pc_abandoned {
    struct pc_abandoned *next;
    PyObject *owner;
    int count;
    MPI_Request requests[];
} pc_abandoned;

static long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Passes the time between two looks: not at all at first, then asleep. */
static void rest(long waited)
{
    if (waited < BUSY_NS) {
        if (pc_runtime_get()->crowded) {
            sched_yield();
        }
        return;
    }
    long nap = waited / SLEEP_SHARE;
    nanosleep(&(struct timespec){.tv_nsec = nap < SLEEP_MOST_NS ? nap : SLEEP_MOST_NS}, NULL);
}

/* Looks without the GIL until done, or until it is time to look at signals. */
static int poll_released(pc_poll poll, void *what, int *done_p, long begun)
{
    int code = MPI_SUCCESS;
    long start = now_ns(), slice = pc_progress_due() ? PROGRESS_NS : SIGNALS_NS;
    Py_BEGIN_ALLOW_THREADS;
    for (long now = start; now - start < slice; now = now_ns()) {
        code = poll(what, done_p);
        if (code != MPI_SUCCESS || *done_p) {
            break;
        }
        rest(now - begun);
    }
    Py_END_ALLOW_THREADS;
    return code;
}

/* The same where MPI allows one thread at a time: the GIL sees to that, and is let go in between. */
static int poll_held(pc_poll poll, void *what, int *done_p, long begun)
{
    int code = poll(what, done_p);
    if (code == MPI_SUCCESS && !*done_p) {
        Py_BEGIN_ALLOW_THREADS;
        rest(now_ns() - begun);
        Py_END_ALLOW_THREADS;
    }
    return code;
}

/* The first mood, in which most waits end. */
static int spin(pc_poll poll, void *what, int *done_p)
{
    int spins = pc_runtime_get()->crowded ? SPINS_CROWDED : SPINS_HELD;
    int code = MPI_SUCCESS;
    while (spins-- > 0 && code == MPI_SUCCESS && !*done_p) {
        code = poll(what, done_p);
    }
    return code;
}

/* Hears of failures; true when the wait is to be broken by one. */
static bool hear_of_peers(unsigned statement)
{
    if (!pc_runtime_session()->on) {
        return false;
    }
    pc_session_listen();
    return statement && pc_session_is_due(statement);
}

/* What there is to be done beside a wait that lasts; -1 with an exception set. A firm one goes on with an
 * exception that may be set, so no code of Python's may run. */
static int look_aside(const pc_board_wait *wait, long waited, unsigned statement)
{
    if (wait->firm) {
        pc_session_listen();
        return 0;
    }
    if (PyErr_CheckSignals() < 0) {
        return -1;
    }
    pc_progress_run();
    if (hear_of_peers(statement)) {
        return pc_session_raise(wait->call);
    }
    return pc_runtime_get()->check && waited > CHECK_NS ? pc_deadlock_turn(wait) : 0;
}

static int wait_on(pc_poll poll, void *what, const pc_board_wait *wait)
{
    bool many = pc_runtime_get()->threads == MPI_THREAD_MULTIPLE;
    long begun = now_ns();
    unsigned statement = pc_runtime_get()->statement;
    int done = 0;
    while (!done) {
        if (look_aside(wait, now_ns() - begun, statement) < 0) {
            return -1;
        }
        int code =
            many ? poll_released(poll, what, &done, begun) : poll_held(poll, what, &done, begun);
        if (code != MPI_SUCCESS) {
            return pc_error_set(wait->call, code);
        }
    }
    return 0;
}

int pc_wait_until(pc_poll poll, void *what, const pc_board_wait *wait)
{
    int done = 0, code = spin(poll, what, &done);
    if (code != MPI_SUCCESS || done) {
        return pc_error_check(wait->call, code);
    }
    pc_board_note(wait);
    pc_runtime_ledger()->epoch++;
    int result = wait_on(poll, what, wait);
    pc_runtime_ledger()->epoch++;
    pc_board_note(NULL);
    return result;
}

/* Runs handlers of signals if this thread is the one that may, and what else is under way. */
static int run_handlers(void)
{
    if (!pthread_equal(pc_runtime_shown()->program, pthread_self()) || !Py_IsInitialized()) {
        return 0;
    }
    PyGILState_STATE state = PyGILState_Ensure();
    int result = PyErr_CheckSignals();
    if (result < 0) {
        pc_breakout_prepare();
    } else {
        pc_progress_run();
    }
    PyGILState_Release(state);
    return result;
}

int pc_wait_break_plain(const char *call)
{
    if (Py_IsInitialized()) {
        PyGILState_STATE state = PyGILState_Ensure();
        pc_session_raise(call);
        pc_breakout_prepare();
        PyGILState_Release(state);
    }
    return PC_WAIT_BROKEN;
}

/* When a plain wait has looked aside. */
typedef struct {
    long handlers, peers;
    unsigned statement;
} looks;

/* The same for a wait without the GIL: MPI_SUCCESS or PC_WAIT_BROKEN. */
static int look_aside_plain(const pc_board_wait *wait, looks *last, long now)
{
    if (now - last->peers > SIGNALS_NS) {
        last->peers = now;
        if (hear_of_peers(last->statement) && !wait->firm) {
            return pc_wait_break_plain(wait->call);
        }
    }
    if (!wait->firm && now - last->handlers > HANDLERS_NS) {
        last->handlers = now;
        return run_handlers() < 0 ? PC_WAIT_BROKEN : MPI_SUCCESS;
    }
    return MPI_SUCCESS;
}

int pc_wait_plain(pc_poll poll, void *what, const pc_board_wait *wait)
{
    int done = 0, code = spin(poll, what, &done);
    if (code != MPI_SUCCESS || done) {
        return code;
    }
    long begun = now_ns();
    looks last = {begun, begun, pc_runtime_get()->statement};
    pc_board_note(wait);
    while (code == MPI_SUCCESS && !done) {
        long now = now_ns();
        code = look_aside_plain(wait, &last, now);
        if (code == MPI_SUCCESS) {
            rest(now - begun);
            code = poll(what, &done);
        }
    }
    pc_board_note(NULL);
    return code;
}

typedef struct {
    MPI_Request *requests;
    int count;
} request_list;

static int poll_requests(void *what, int *done_p)
{
    request_list *list = what;
    return list->count == 1
               ? PMPI_Test(list->requests, done_p, MPI_STATUS_IGNORE)
               : PMPI_Testall(list->count, list->requests, done_p, MPI_STATUSES_IGNORE);
}

int pc_wait_code(MPI_Request *requests, int count, const pc_board_wait *wait)
{
    request_list list = {requests, count};
    return pc_wait_until(poll_requests, &list, wait) < 0 ? PC_WAIT_BROKEN : MPI_SUCCESS;
}

int pc_wait_code_plain(MPI_Request *requests, int count, const pc_board_wait *wait)
{
    request_list list = {requests, count};
    return pc_wait_plain(poll_requests, &list, wait);
}

void pc_wait_leave(const MPI_Request *requests, int count, PyObject *owner)
{
    pc_abandoned **list = pc_runtime_abandoned();
    size_t size = sizeof(MPI_Request) * (size_t)count;
    pc_abandoned *entry = malloc(sizeof *entry + size);
    Py_XINCREF(owner); /* for good if there is no memory to note it: MPI may still write there */
    if (entry) {
        *entry = (pc_abandoned){*list, owner, count};
        memcpy(entry->requests, requests, size);
        *list = entry;
    }
}

/* Takes those that are done out of the list. */
static pc_abandoned *take_done(void)
{
    pc_abandoned **link = pc_runtime_abandoned(), *taken = NULL;
    while (*link) {
        pc_abandoned *entry = *link;
        int done = 0;
        MPI_Testall(entry->count, entry->requests, &done, MPI_STATUSES_IGNORE);
        if (done) {
            *link = entry->next;
            entry->next = taken;
            taken = entry;
        } else {
            link = &entry->next;
        }
    }
    return taken;
}

/* An owner's end may run any code, which may come here again, so the list is left alone by then. */
void pc_wait_reap(void)
{
    pc_abandoned *taken = take_done();
    while (taken) {
        pc_abandoned *entry = taken;
        taken = entry->next;
        Py_XDECREF(entry->owner);
        free(entry);
    }
}

int pc_wait_all(MPI_Request *requests, int count, PyObject *owner, const char *call)
{
    pc_board_wait wait = {.call = call, .peer = PC_BOARD_NOBODY};
    return pc_wait_all_noted(requests, count, owner, &wait);
}

int pc_wait_all_noted(MPI_Request *requests, int count, PyObject *owner, const pc_board_wait *wait)
{
    request_list list = {requests, count};
    if (*pc_runtime_abandoned()) {
        pc_wait_reap();
    }
    if (pc_wait_until(poll_requests, &list, wait) < 0) {
        pc_wait_leave(requests, count, owner);
        return -1;
    }
    return 0;
}
