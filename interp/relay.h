/* What ranks write reaches the terminal through a relay: one process on the node that reads each
 * rank's standard output and error from pipes of its own and writes whole lines.
 * SPDX-License-Identifier: MIT
 *
 * The relay is no rank: it holds the reading ends, so that what a rank wrote is not lost when the rank
 * is killed, and it takes no part in MPI. `pympi -n` is the relay of the ranks on its own node. A rank
 * makes two pipes, sends the reading ends over a local socket, and keeps that socket: on it the rank
 * says how it ends. See interp/README.md for the messages. */
#ifndef PYMPI_INTERP_RELAY_H
#define PYMPI_INTERP_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "interp/fold.h"
#include "interp/text.h"

/* What a rank says on its socket. */
typedef enum {
    PI_RELAY_HELLO = 1, /* with the two reading ends; value: process id */
    PI_RELAY_FAILING,   /* a traceback follows on stderr; answered by GO before it is written */
    PI_RELAY_FAILED, /* value: the status; answered by HOLD, and by GO to the one that ends the job */
    PI_RELAY_BYE,    /* MPI is finalised, all is well */
    PI_RELAY_GO,
    PI_RELAY_HOLD,    /* GO will come, or the end */
    PI_RELAY_WELCOME, /* to rank 0's HELLO: with the job's standard input */
    PI_RELAY_PLACE,   /* SIGTERM ends this rank; with a text: where it was. HOLD: it was asked */
    PI_RELAY_WAKE,    /* in a session, to ranks: a statement comes */
    PI_RELAY_OVER,    /* a rank's statement is over; value 1: it has begun another */
    PI_RELAY_HERE,    /* at PC_PLACE_SIGNAL; with a text: where the rank is */
    PI_RELAY_ASK,     /* it wants a line of input; with the prompt; value 1: a secret one */
    PI_RELAY_ANSWER,  /* to the rank, with a piece of the line; value: a pi_relay_piece */
} pi_relay_kind;

typedef struct {
    uint32_t magic;
    uint32_t kind;
    int32_t rank;
    int32_t value;
} pi_relay_message;

typedef enum { PI_PIECE_LAST, PI_PIECE_MORE, PI_PIECE_END /* of the input */ } pi_relay_piece;

#define PI_RELAY_TEXT    4096        /* the longest text behind a message */
#define PI_RELAY_MAGIC   0x706d7069u /* "pmpi" */
#define PI_RELAY_STREAMS 2

typedef enum { PI_OUTPUT_RAW, PI_OUTPUT_LABEL, PI_OUTPUT_FOLD } pi_output_mode;

/* The mode that --output names; false when it names none. */
bool pi_relay_mode(const char *output, pi_output_mode *mode_p);

typedef struct pi_relay pi_relay;

/* Starts listening under a name; NULL with errno set when that cannot be. size: ranks in the job. */
pi_relay *pi_relay_new(const char *name, pi_output_mode mode, int size);

void pi_relay_free(pi_relay *relay);

#define PI_RELAY_WAKES 5

/* Offers rank 0 a descriptor as its standard input, and takes it over. */
void pi_relay_offer_input(pi_relay *relay, int fd);

/* Waits at most timeout_ms for something to do and does it. The wakes (or -1) are descriptors that
 * also end the wait. Returns the number of ranks that are connected, or -1 with errno set. */
int pi_relay_turn(pi_relay *relay, const int wakes[PI_RELAY_WAKES], int timeout_ms);

/* Interrupts the ranks: each gets KeyboardInterrupt, and what they fail with is awaited however long
 * their finally blocks take. Returns how many ranks could not be reached from here. */
int pi_relay_interrupt(pi_relay *relay);

/* Adds "rank 3" or "ranks 0,2-4" for those that still run; nothing when there is none. */
void pi_relay_name_running(const pi_relay *relay, pi_text *name);

/* In a session: what ranks write goes to a function, folded, and so do their words of a session. */
typedef struct {
    void (*show)(void *what, const pi_fold_group *group);
    void (*hear)(void *what, int rank, const pi_relay_message *word, const char *text,
                 size_t length);
} pi_relay_session;

/* stdout goes to show with out, stderr with err, at most so many groups of one block. The functions stay. */
void pi_relay_lead(pi_relay *relay, const pi_relay_session *session, void *out, void *err,
                   void *what, int most);

/* Says a word of a session to a rank. */
void pi_relay_say(pi_relay *relay, int rank, pi_relay_kind kind, int value, const char *text,
                  size_t length);

/* The rank writes nothing for now, or does again. */
void pi_relay_rest(pi_relay *relay, int rank, bool rests);

/* Sends a signal to a rank that runs. False: it does not. */
bool pi_relay_signal(pi_relay *relay, int rank, int number);

/* No report is written any more: nobody reads it. */
void pi_relay_hush(pi_relay *relay);

/* Does what time asks for, as every turn does. */
void pi_relay_tick(pi_relay *relay);

/* Shows all that the ranks have written by now. */
void pi_relay_flush(pi_relay *relay);

/* Kills the ranks that are still there. */
void pi_relay_kill(pi_relay *relay);

/* Writes all that is still in the pipes, unfinished lines and reports included. */
void pi_relay_drain(pi_relay *relay);

/* How the job went, as far as the ranks said it. */
typedef struct {
    int joined;      /* ranks that ever connected */
    int failed_rank; /* the first that failed, or -1 */
    int status;      /* its status */
    int lost_rank;   /* the first that went without a word, or -1 */
    bool ending;     /* a rank that failed was told to end the job */
    bool unwritten; /* what ranks wrote did not all reach its place, and somebody wanted it there */
} pi_relay_verdict;

pi_relay_verdict pi_relay_judge(const pi_relay *relay);

/* The rank's side (attach.c). */

/* Leads stdout and stderr of this process to the relay, and with_input its stdin from there. 0, or -1
 * with errno set. */
int pi_relay_attach(const char *name, int rank, int patience_ms, bool with_input);

/* Says something to the relay; waits for its GO where the kind has one. Without a relay: nothing. */
void pi_relay_tell(pi_relay_kind kind, int value);

/* Says where this rank was, in a handler of a signal. True when the relay had asked for it. */
bool pi_relay_tell_place(const char *text);

/* Says where this rank is, in a handler of a signal. */
void pi_relay_tell_here(const char *text);

/* Waits for the WAKE of a session's next statement. 1: it has come; 0: the time is over; -1: the relay is
 * gone. */
int pi_relay_wait_for_wake(int timeout_ms);

/* Asks for a line of input. */
void pi_relay_ask(const char *prompt, bool secret);

/* How many statements are over: who asked in one gets no answer behind it. */
unsigned pi_relay_overs(void);

/* Waits for a piece of it. 1: it is in the text; 0: the time is over; -1: the relay is gone. */
int pi_relay_hear_answer(pi_text *text, pi_relay_piece *piece_p, int timeout_ms);

bool pi_relay_attached(void);

#endif
