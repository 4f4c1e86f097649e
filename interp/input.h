/* The job's standard input, which is rank 0's.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_INPUT_H
#define PYMPI_INTERP_INPUT_H

/* Ranks and launcher are in background groups, where they may not read the terminal: the front reads
 * it and passes it on through a pipe. Input that is no terminal is rank 0's as it is. */
typedef struct {
    int reading; /* what rank 0, or the launcher for it, reads; -1: there is none */
    int writing; /* the front's end of the pipe; -1: nothing (more) is passed on */
} pi_input;

/* 0, or -1 with errno set. */
int pi_input_open(pi_input *input);

/* Whoever reads has its end. */
void pi_input_given(pi_input *input);

/* The descriptor to watch, or -1 while the terminal is not the front's to read. */
int pi_input_watch(const pi_input *input);

/* Passes on what has been typed. */
void pi_input_pass(pi_input *input);

void pi_input_close(pi_input *input);

#endif
