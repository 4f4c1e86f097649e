/* The session: statements that all ranks run together, and what breaks them.
 * SPDX-License-Identifier: MIT
 *
 * Statements are numbered. A rank that fails in one tells the others; their waits in it are broken then
 * (wait.c), and all meet (modules/session). Words between the ranks travel on a communicator of the session's
 * own. They are heard in passing, with or without the GIL: a lock guards what they change. */
#ifndef PYMPI_COMMON_SESSION_H
#define PYMPI_COMMON_SESSION_H

#include "modules/common/compat.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define PC_SESSION_NAMED  8  /* failed ranks that a message names */
#define PC_SESSION_BROKEN 64 /* broken statements that are remembered */

typedef enum {
    PC_WORD_FAILED, /* a rank has failed in the statement */
    PC_WORD_ENTER,  /* the rest of gate.h */
    PC_WORD_GO,
    PC_WORD_ABORT,
    PC_WORD_ASK,
} pc_word_kind;

typedef struct {
    int32_t kind;
    uint32_t statement;
    int32_t rank;  /* who has failed; of a gate's word: who says it */
    int32_t count; /* of a gate's ENTER: the members that are there */
    uint64_t key;  /* of the gate */
} pc_word;

/* A word on its way out. */
typedef struct pc_going_word {
    struct pc_going_word *next;
    MPI_Request request;
    pc_word word;
} pc_going_word;

/* What modules/mpi does at the ends of statements; all with the GIL, none waits. */
typedef struct {
    void *what;
    void (*begin)(void *what);
    void (*drop)(void *what);        /* gives up what was begun in broken statements */
    unsigned (*highest)(void *what); /* the number of the next collective, of any communicator */
    bool (*sift)(void *what,
                 unsigned highest); /* takes what waits for receivers; true: there is more */
    void (*restart)(void *what, unsigned number); /* collectives go on from there */
} pc_recovery;

typedef struct {
    bool on;
    pthread_mutex_t lock;
    MPI_Comm words;   /* the two duplicates of the world */
    MPI_Comm meeting; /* for those who have all come */
    unsigned latest;  /* the statement that runs, or the last that did */

    unsigned heard; /* the statement that is known to be broken */
    long since;     /* from this time on, in nanoseconds */
    int failed[PC_SESSION_NAMED];
    int failed_count;
    unsigned broken[PC_SESSION_BROKEN]; /* a ring; 0: none */
    pc_going_word *going;

    /* Letters of the user's between this rank and the others in the statement `counted`. */
    unsigned counted;
    int *sent, *seen;

    struct pc_gates *gates; /* see gate.c */
    bool late;              /* behind the collective whose gate was passed an exception is raised */
    struct pc_foreign_copy *copies; /* that others' sends are made from; see foreign.c */
    struct pc_twin *twins;          /* all there are; see twins.c */
    pc_recovery recovery;
} pc_session;

/* Collective over the world. MPI's code. */
int pc_session_start(void);

/* A statement begins on this rank, or (0) is over. */
void pc_session_begin(unsigned number);

/* This rank has failed in the statement: tells the others. */
void pc_session_fail(unsigned number);

/* The statement is broken, as all ranks know. */
void pc_session_note_broken(unsigned number);

/* Hears what has been said. Knows no Python. */
void pc_session_listen(void);

/* Says it to a rank of the world. */
void pc_session_say(const pc_word *word, int peer);

/* True when a wait that belongs to this statement is to be broken. */
bool pc_session_is_due(unsigned statement);

/* True when it is known to be broken. */
bool pc_session_is_broken(unsigned statement);

/* Raises mpi.PeerError; returns -1. With the GIL. */
int pc_session_raise(const char *call);

/* Counts a letter of the user's to or from a rank of the world. */
void pc_session_count_sent(int peer, unsigned statement);
void pc_session_count_seen(int peer, unsigned statement);

#endif
