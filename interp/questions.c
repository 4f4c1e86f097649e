/* Lines of input that ranks of a session ask for.
 * SPDX-License-Identifier: MIT */
#include "interp/questions.h"

#include <stdlib.h>
#include <string.h>

#include "interp/ranks.h"

#define GATHER_MS 150 /* how long one that asks waits for others that run and may ask the same */

typedef struct {
    bool asks;
    bool put; /* to the front, which has not answered */
    bool secret;
    pi_text prompt;
} question;

struct pi_questions {
    pi_relay *relay;
    int size;
    long since; /* when the last one asked */
    question *ranks;
    bool *marked; /* those of one request or answer */
};

pi_questions *pi_questions_new(pi_relay *relay, int ranks)
{
    pi_questions *questions = calloc(1, sizeof *questions);
    question *all = calloc((size_t)ranks, sizeof *all);
    bool *marked = calloc((size_t)ranks, sizeof *marked);
    if (!questions || !all || !marked) {
        free(questions);
        free(all);
        free(marked);
        return NULL;
    }
    *questions = (pi_questions){.relay = relay, .size = ranks, .ranks = all, .marked = marked};
    return questions;
}

void pi_questions_free(pi_questions *questions)
{
    if (!questions) {
        return;
    }
    for (int rank = 0; rank < questions->size; rank++) {
        pi_text_fini(&questions->ranks[rank].prompt);
    }
    free(questions->ranks);
    free(questions->marked);
    free(questions);
}

void pi_questions_add(pi_questions *questions, int rank, const char *prompt, size_t size,
                      bool secret)
{
    question *own = &questions->ranks[rank];
    pi_questions_drop(questions, rank);
    own->asks = true;
    own->secret = secret;
    pi_text_add(&own->prompt, prompt, size);
    questions->since = pi_now_ms();
}

bool pi_questions_has(const pi_questions *questions, int rank)
{
    return questions->ranks[rank].asks;
}

void pi_questions_drop(pi_questions *questions, int rank)
{
    question *own = &questions->ranks[rank];
    own->asks = own->put = false;
    pi_text_drop(&own->prompt, own->prompt.used);
}

void pi_questions_clear(pi_questions *questions)
{
    for (int rank = 0; rank < questions->size; rank++) {
        pi_questions_drop(questions, rank);
    }
}

/* The lowest rank that asks; -1: none does, or the front has a request to answer. */
static int next_to_put(const pi_questions *questions)
{
    int first = -1;
    for (int rank = questions->size - 1; rank >= 0; rank--) {
        if (questions->ranks[rank].put) {
            return -1;
        }
        first = questions->ranks[rank].asks ? rank : first;
    }
    return first;
}

static bool all_ask(const pi_questions *questions, const bool *busy)
{
    for (int rank = 0; rank < questions->size; rank++) {
        if (busy[rank] && !questions->ranks[rank].asks) {
            return false;
        }
    }
    return true;
}

int pi_questions_due(const pi_questions *questions, const bool *busy)
{
    long waited = pi_now_ms() - questions->since;
    if (next_to_put(questions) < 0) {
        return -1;
    }
    if (all_ask(questions, busy)) {
        return 0;
    }
    return waited >= GATHER_MS ? 0 : (int)(GATHER_MS - waited);
}

static bool same_question(const question *a, const question *b)
{
    return a->asks && b->asks && a->secret == b->secret && a->prompt.used == b->prompt.used &&
           (!a->prompt.used || memcmp(a->prompt.bytes, b->prompt.bytes, a->prompt.used) == 0);
}

void pi_questions_put(pi_questions *questions, pi_text *frame)
{
    bool *marked = questions->marked, all = true;
    int first = next_to_put(questions);
    pi_text head = {0}, name = {0};
    for (int rank = 0; rank < questions->size; rank++) {
        question *own = &questions->ranks[rank];
        marked[rank] = own->put = same_question(&questions->ranks[first], own);
        all = all && marked[rank];
    }
    pi_ranks_name(&name, marked, questions->size);
    pi_text_add_string(&head, "{\"ranks\": ");
    pi_frame_quote(&head, name.bytes, name.used);
    pi_text_add_string(&head, all ? ", \"all\": true" : ", \"all\": false");
    pi_text_add_string(&head, questions->ranks[first].secret ? ", \"secret\": true}"
                                                             : ", \"secret\": false}");
    pi_text_add(&head, "", 1);
    const pi_text *prompt = &questions->ranks[first].prompt;
    pi_frame_add(frame, PI_FRAME_INPUT, head.bytes, prompt->bytes, prompt->used);
    pi_text_fini(&head);
    pi_text_fini(&name);
}

/* A line in pieces that fit the relay's messages. */
static void send_line(pi_questions *questions, int rank, const char *bytes, size_t size)
{
    while (size > PI_RELAY_TEXT) {
        pi_relay_say(questions->relay, rank, PI_RELAY_ANSWER, PI_PIECE_MORE, bytes, PI_RELAY_TEXT);
        bytes += PI_RELAY_TEXT;
        size -= PI_RELAY_TEXT;
    }
    pi_relay_say(questions->relay, rank, PI_RELAY_ANSWER, PI_PIECE_LAST, bytes, size);
}

void pi_questions_answer(pi_questions *questions, const pi_frame *answer)
{
    char ranks[256];
    bool *marked = questions->marked, end = pi_frame_flag(answer, "end");
    bool named = pi_frame_word(answer, "ranks", ranks, sizeof ranks) &&
                 pi_ranks_read(ranks, marked, questions->size);
    for (int rank = 0; rank < questions->size; rank++) {
        question *own = &questions->ranks[rank];
        if (own->put && (!named || marked[rank])) {
            if (end) {
                pi_relay_say(questions->relay, rank, PI_RELAY_ANSWER, PI_PIECE_END, NULL, 0);
            } else {
                send_line(questions, rank, answer->body, answer->body_size);
            }
            pi_questions_drop(questions, rank);
        }
        own->put = false;
    }
    questions->since = pi_now_ms(); /* who was answered may ask again: a debugger does */
}
