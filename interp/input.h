/* The terminal as rank 0's standard input.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_INPUT_H
#define PYMPI_INTERP_INPUT_H

/* The launcher is in a background group, where it may not read the terminal: the front reads it and
 * passes it on through a pipe. Input that is no terminal is the launcher's own. */
typedef struct {
    int reading; /* the launcher's end; -1: it has the front's own input */
    int writing; /* the front's end; -1: nothing (more) is passed on */
} pi_input;

/* 0, or -1 with errno set. */
int pi_input_open(pi_input *input);

/* The launcher has its end. */
void pi_input_started(pi_input *input);

/* The descriptor to watch, or -1 while the terminal is not the front's to read. */
int pi_input_watch(const pi_input *input);

/* Passes on what has been typed. */
void pi_input_pass(pi_input *input);

void pi_input_close(pi_input *input);

#endif
