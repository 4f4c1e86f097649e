/* Lines of input that ranks of a session ask for.
 * SPDX-License-Identifier: MIT
 *
 * Ranks that ask the same at about the same time are one request; an answer goes to those it names, and
 * the rest is asked for again. */
#ifndef PYMPI_INTERP_QUESTIONS_H
#define PYMPI_INTERP_QUESTIONS_H

#include "interp/frames.h"
#include "interp/relay.h"

typedef struct pi_questions pi_questions;

/* The relay is borrowed; NULL where there is no memory. */
pi_questions *pi_questions_new(pi_relay *relay, int ranks);
void pi_questions_free(pi_questions *questions);

void pi_questions_add(pi_questions *questions, int rank, const char *prompt, size_t size,
                      bool secret);
bool pi_questions_has(const pi_questions *questions, int rank);

/* The rank asks no more; or none does. */
void pi_questions_drop(pi_questions *questions, int rank);
void pi_questions_clear(pi_questions *questions);

/* The milliseconds until the next request should be put to the front, 0 when all ranks that run ask;
 * -1: there is none to be put. */
int pi_questions_due(const pi_questions *questions, const bool *busy);

/* Adds the frame of the next request. */
void pi_questions_put(pi_questions *questions, pi_text *frame);

/* Hands the front's answer on. */
void pi_questions_answer(pi_questions *questions, const pi_frame *answer);

#endif
