/* Frames: what a front and a session tell each other; interp/README.md has the kinds.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_FRAMES_H
#define PYMPI_INTERP_FRAMES_H

#include <stdbool.h>

#include "interp/text.h"

typedef enum {
    PI_FRAME_EXECUTE = 1,
    PI_FRAME_COMPLETE,
    PI_FRAME_INSPECT,
    PI_FRAME_INTERRUPT,
    PI_FRAME_ANSWER,
    PI_FRAME_STATUS,
    PI_FRAME_SHUTDOWN,
    PI_FRAME_LEFT_OUT, /* to rank 0 alone: all of an output of which groups were left out */
    PI_FRAME_READY = 64,
    PI_FRAME_OUTPUT,
    PI_FRAME_RESULT,
    PI_FRAME_ERROR,
    PI_FRAME_DONE,
    PI_FRAME_INPUT,
    PI_FRAME_COMPLETED,
    PI_FRAME_INSPECTED,
    PI_FRAME_PLACES,
    PI_FRAME_ENDED,
} pi_frame_kind;

/* A frame inside the bytes that hold it. */
typedef struct {
    pi_frame_kind kind;
    const char *bytes; /* the whole frame */
    size_t size;
    const char *head;
    size_t head_size;
    const char *body;
    size_t body_size;
} pi_frame;

/* Adds a frame; head: a JSON object. */
void pi_frame_add(pi_text *text, pi_frame_kind kind, const char *head, const char *body,
                  size_t size);

/* Looks at the frame that begins here. 1: there it is; 0: more has to come; -1: it is damaged. */
int pi_frame_look(const char *bytes, size_t size, pi_frame *frame);

/* The text under a name of the head, without escapes; false when there is none. */
bool pi_frame_word(const pi_frame *frame, const char *name, char *word, size_t size);

/* True when the head has the name with true. */
bool pi_frame_flag(const pi_frame *frame, const char *name);

/* The number under a name of the head; 0 when there is none. */
long pi_frame_number(const pi_frame *frame, const char *name);

/* Adds a text as JSON's, in quotes. */
void pi_frame_quote(pi_text *text, const char *bytes, size_t size);

#endif
