/* MPI's state in this process: there is one MPI in a process, however many interpreters and modules.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_RUNTIME_H
#define PYMPI_COMMON_RUNTIME_H

#include "modules/common/compat.h"
#include "modules/common/ending.h"
#include "modules/common/entry.h"
#include "modules/common/judge.h"
#include "modules/common/progress.h"
#include "modules/common/session.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

typedef struct {
    int rank;
    int size;
    int apps;      /* applications in the job: `mpirun a : b` has two */
    int app;       /* the number of ours */
    int app_first; /* our application's ranks: from here */
    int app_size;  /* so many */
    int tag_most;
    int tag_half; /* a power of two: on the inner communicators parts of messages have the tags below,
                   * collectives as many from here up, the making of communicators those from twice this
                   * up to tag_most. UCX has 2^23 tags in all. */
    int threads;  /* the level MPI gives, MPI_THREAD_... */
    bool crowded; /* more ranks on this node than processors: waits give way at once */
    bool check;   /* ranks are watched for disagreement and deadlock; the same on all of them */
    bool bundle;  /* they import from rank 0's bundle; likewise, and only where there are others */

    /* Of a session, written by session.c alone; 0 in scripts. */
    unsigned statement; /* that runs on this rank */
    unsigned epoch;     /* statements that have been broken; the same on all ranks */

    /* Two duplicates of MPI_COMM_WORLD: for the user's messages; and for large parts of messages and
     * collectives. When other applications are in the job they could not take part in making them:
     * then the one is MPI_COMM_WORLD itself and the other MPI_COMM_NULL. */
    MPI_Comm world;
    MPI_Comm inner;

    MPI_Comm
        control; /* under --check with several ranks a third, for parcels; else MPI_COMM_NULL */

    /* The same two of the ranks that share memory with this one; else both are MPI_COMM_NULL. */
    MPI_Comm node;
    MPI_Comm node_inner;
} pc_runtime;

/* What a handler of signals may look at. */
typedef struct {
    pthread_t program;                         /* the thread that runs the user's program */
    const struct pc_board_wait *volatile wait; /* what that thread waits for; NULL: nothing */
    int stack;                                 /* the file with Python's stack; see lastword.c */
} pc_shown;

pc_shown *pc_runtime_shown(void);

/* An exception on its way through mpi4py; see breakout.c. The GIL guards it. */
typedef struct {
    PyObject *exception; /* owned; NULL: there is none */
    time_t since;
    newfunc make; /* the constructor that mpi4py's exception had */
} pc_breakout;

pc_breakout *pc_runtime_breakout(void);

/* What goes on beside a wait; see progress.c. The GIL guards it. */
pc_progress *pc_runtime_progress(void);

/* Watching for deadlocks; see ledger.h, deadlock.h, judge.h. The GIL guards it. */
pc_ledger *pc_runtime_ledger(void);
pc_parcels *pc_runtime_parcels(void);
pc_deadlock *pc_runtime_deadlock(void);
pc_judge *pc_runtime_judge(void);

/* MPI's key of the twins; see twins.c. */
int *pc_runtime_twins(void);

/* The session's part; see session.h, gate.h. */
pc_session *pc_runtime_session(void);

/* The end's part; see ending.c. */
pc_ending *pc_runtime_ending_state(void);

/* Notes the statement that runs on this rank, and how many have been broken. */
void pc_runtime_note_statement(unsigned statement, unsigned epoch);

/* Who is told that a SystemExit ends the program; see exitcode.c. */
void (**pc_runtime_ending(void))(int status);

/* The state; MPI has been started. */
const pc_runtime *pc_runtime_get(void);

/* Starts MPI unless it runs. Collective over the world under a launcher. See pc_entry_table. */
int pc_runtime_start(const pc_start *how, char *why, size_t size);

/* How the executable wants it, for together.c. */
const pc_start *pc_runtime_how(void);

/* True in the process that uses MPI, and not in a fork of it. */
bool pc_runtime_is_own(void);

/* The same until MPI is finalised. */
bool pc_runtime_usable(void);

/* The list of requests that broken waits left behind; wait.c keeps it, the GIL guards it. */
struct pc_abandoned **pc_runtime_abandoned(void);

/* Notes the status that an uncaught exception gives this rank; 0 notes nothing. Returns what is noted. */
int pc_runtime_failing(int status);

/* True for the first who asks: the thread that ends this process. */
bool pc_runtime_may_end(void);

/* Finalises MPI in the process that started it, unless somebody did. Behind Py_FinalizeEx. */
void pc_runtime_finish(void);

/* Ends the job with this status without another word. */
void pc_runtime_abort(int status) __attribute__((noreturn));

/* Numbers for the large parts of one message of this rank: the first of count. */
unsigned pc_runtime_next_parts(int count);

/* The tags of a part and of a collective by their numbers, which come round in time. */
int pc_runtime_part_tag(unsigned number);
int pc_runtime_collective_tag(unsigned number);

#endif
