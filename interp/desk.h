/* The desk: the job's own process between a front, rank 0 and the other ranks of a session.
 * SPDX-License-Identifier: MIT
 *
 * Frames of the front come in on standard input. Those for rank 0 go to it over a socket, which is that
 * rank's standard input; the others are dealt with here, over the relay. What rank 0 answers and what the
 * ranks print goes out as frames on standard output. */
#ifndef PYMPI_INTERP_DESK_H
#define PYMPI_INTERP_DESK_H

#include <stdbool.h>

#include "interp/relay.h"

typedef struct pi_desk pi_desk;

/* Takes over the relay's output; NULL with errno set. *input_p: what rank 0 gets, the caller's. */
pi_desk *pi_desk_new(pi_relay *relay, int ranks, int *input_p);
void pi_desk_free(pi_desk *desk);

/* The descriptors to watch: the front's and rank 0's; -1: closed. */
void pi_desk_watch(const pi_desk *desk, int fds[2]);

/* Deals with what has come. False: the front is gone, or not to be understood. */
bool pi_desk_turn(pi_desk *desk);

/* Does what is due by time; the milliseconds until something will be, -1 when nothing is. */
int pi_desk_due(pi_desk *desk);

/* KeyboardInterrupt on the ranks that run the statement. */
void pi_desk_interrupt(pi_desk *desk);

/* The status that the session ends with, where all its ranks end well. */
int pi_desk_status(const pi_desk *desk);

/* Says that the job is over: with this status, by this signal (0: none) of this rank (-1: none). */
void pi_desk_end(pi_desk *desk, int status, int number, int rank);

#endif
