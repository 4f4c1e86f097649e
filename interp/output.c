/* One stream of a whole job, written in whole lines.
 * SPDX-License-Identifier: MIT
 *
 * A line is written when its newline has come. An unfinished one (a question, a progress bar) is shown
 * after a short while, and from then on the stream is this rank's until it ends the line; others wait,
 * but not for ever: then a newline is put in. */
#include "interp/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOW_UNFINISHED_MS 100  /* how long an unfinished line waits for its end */
#define OWN_STREAM_MS      1000 /* how long others wait behind an unfinished line */

typedef struct {
    pi_text text; /* not yet written */
    long since;   /* when the oldest of it came */
    bool ended;
} lines;

struct pi_output {
    pi_sink sink;
    pi_output_mode mode;
    int size;
    int owner; /* the rank whose unfinished line is on the screen, or -1 */
    long owned_since;
    lines *ranks;
    pi_fold *fold; /* NULL but in fold mode */
};

/* Adds the tag before each of the lines. */
static void add_tagged(pi_text *text, const char *tag, const char *bytes, size_t count)
{
    while (count) {
        const char *newline = memchr(bytes, '\n', count);
        size_t length = newline ? (size_t)(newline - bytes) + 1 : count;
        pi_text_add_string(text, tag);
        pi_text_add(text, bytes, length);
        bytes += length;
        count -= length;
    }
}

/* A group's lines, tagged, as --output fold shows them; an unfinished one gets its newline. */
static void show_tagged(void *what, const pi_fold_group *group)
{
    pi_output *output = what;
    pi_text tag = {0}, text = {0};
    if (group->ranks) {
        pi_text_add_string(&tag, "[");
        pi_text_add(&tag, group->ranks, group->ranks_size);
        pi_text_add_string(&tag, "] ");
    }
    pi_text_add(&tag, "", 1);
    add_tagged(&text, tag.bytes, group->bytes, group->count);
    if (text.used && text.bytes[text.used - 1] != '\n') {
        pi_text_add_string(&text, "\n");
    }
    pi_sink_write(&output->sink, text.bytes, text.used);
    pi_text_fini(&tag);
    pi_text_fini(&text);
}

pi_output *pi_output_new(int fd, pi_output_mode mode, int size)
{
    pi_output *output = calloc(1, sizeof *output);
    lines *ranks = calloc((size_t)size, sizeof *ranks);
    pi_fold *fold =
        output && mode == PI_OUTPUT_FOLD ? pi_fold_new(show_tagged, output, size, 0) : NULL;
    if (!output || !ranks || (mode == PI_OUTPUT_FOLD && !fold)) {
        free(output);
        free(ranks);
        pi_fold_free(fold);
        return NULL;
    }
    *output = (pi_output){
        .sink = {.fd = fd}, .mode = mode, .size = size, .owner = -1, .ranks = ranks, .fold = fold};
    return output;
}

void pi_output_free(pi_output *output)
{
    if (!output) {
        return;
    }
    for (int rank = 0; rank < output->size; rank++) {
        pi_text_fini(&output->ranks[rank].text);
    }
    pi_fold_free(output->fold);
    free(output->ranks);
    free(output);
}

void pi_output_lead(pi_output *output, pi_fold_show show, void *what, int most)
{
    pi_fold_free(output->fold);
    output->fold = pi_fold_new(show, what, output->size, most);
}

int pi_output_error(const pi_output *output)
{
    return output->sink.error;
}

/* Adds the rank before each line; the first one is being continued when the rank owns the stream. */
static void emit_labelled(pi_output *output, int rank, const char *bytes, size_t count)
{
    char label[24];
    pi_text text = {0};
    snprintf(label, sizeof label, "[%d] ", rank);
    if (output->owner == rank) {
        const char *newline = memchr(bytes, '\n', count);
        size_t length = newline ? (size_t)(newline - bytes) + 1 : count;
        pi_text_add(&text, bytes, length);
        bytes += length;
        count -= length;
    }
    add_tagged(&text, label, bytes, count);
    pi_sink_write(&output->sink, text.bytes, text.used);
    pi_text_fini(&text);
}

static void write_out(pi_output *output, int rank, size_t count)
{
    pi_text *text = &output->ranks[rank].text;
    if (!count) {
        return;
    }
    if (output->owner >= 0 && output->owner != rank) {
        pi_sink_write(&output->sink, "\n", 1);
    }
    if (output->mode == PI_OUTPUT_LABEL) {
        emit_labelled(output, rank, text->bytes, count);
    } else {
        pi_sink_write(&output->sink, text->bytes, count);
    }
    bool finished = text->bytes[count - 1] == '\n';
    if (!finished && output->owner != rank) {
        output->owned_since = pi_now_ms();
    }
    output->owner = finished ? -1 : rank;
    pi_text_drop(text, count);
}

/* A rank alone has the stream to itself, and so has the one whose line is open. */
static bool flows(const pi_output *output, int rank)
{
    return output->size == 1 || output->owner == rank;
}

static bool must_wait(const pi_output *output, int rank, long now)
{
    return output->owner >= 0 && output->owner != rank && !output->ranks[output->owner].ended &&
           now - output->owned_since < OWN_STREAM_MS;
}

static void write_due(pi_output *output, int rank, long now)
{
    lines *mine = &output->ranks[rank];
    if (!mine->text.used || must_wait(output, rank, now)) {
        return;
    }
    write_out(output, rank, flows(output, rank) ? mine->text.used : pi_text_lines(&mine->text));
    bool late = mine->ended || now - mine->since >= SHOW_UNFINISHED_MS;
    if (mine->text.used && late && output->owner < 0) {
        write_out(output, rank, mine->text.used);
    }
}

void pi_output_put(pi_output *output, int rank, const char *bytes, size_t count)
{
    long now = pi_now_ms();
    if (output->fold) {
        pi_fold_put(output->fold, rank, bytes, count, now);
        return;
    }
    if (!output->ranks[rank].text.used) {
        output->ranks[rank].since = now;
    }
    pi_text_add(&output->ranks[rank].text, bytes, count);
    write_due(output, rank, now);
}

void pi_output_rest(pi_output *output, int rank, bool rests)
{
    if (output->fold) {
        pi_fold_rest(output->fold, rank, rests);
    }
}

void pi_output_end(pi_output *output, int rank)
{
    if (output->fold) {
        pi_fold_end(output->fold, rank);
        return;
    }
    output->ranks[rank].ended = true;
    write_due(output, rank, pi_now_ms());
}

int pi_output_tick(pi_output *output, long now)
{
    if (output->fold) {
        return pi_fold_tick(output->fold, now);
    }
    int next = -1;
    for (int rank = 0; rank < output->size; rank++) {
        write_due(output, rank, now);
        if (output->ranks[rank].text.used) {
            next = SHOW_UNFINISHED_MS / 4;
        }
    }
    return next;
}

void pi_output_show_folded(pi_output *output)
{
    if (output->fold) {
        pi_fold_finish(output->fold);
    }
}

void pi_output_finish(pi_output *output)
{
    if (output->fold) {
        pi_fold_finish(output->fold);
        return;
    }
    for (int rank = 0; rank < output->size; rank++) {
        write_out(output, rank, output->ranks[rank].text.used);
    }
}
