/* The desk: the job's own process between a front, rank 0 and the other ranks of a session.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/desk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "interp/frames.h"
#include "interp/questions.h"
#include "interp/ranks.h"
#include "interp/say.h"
#include "modules/common/entry.h"

#define MOST_GROUPS 8
#define PLACES_MS   150         /* how long ranks may take to say where they are */
#define MOST_KEPT   (64u << 20) /* bytes of one statement's output that are kept for _out */

/* A stream of the job's output; the lines of one group are put together. */
typedef struct {
    pi_desk *desk;
    const char *name;
    pi_text ranks; /* of the text that is held */
    pi_text text;
    int more;
} stream;

struct pi_desk {
    pi_relay *relay; /* borrowed */
    int size;
    int front;                 /* where requests come from; -1: it is gone */
    int channel;               /* to rank 0; -1: it is gone */
    pi_text requests, replies; /* what has come, less than a frame */
    pi_text waiting;           /* frames for rank 0 behind the running statement */
    bool running;
    bool *busy; /* the ranks that run it */
    stream streams[2];
    pi_text output; /* all that the statement wrote, group by group */
    bool left_out;  /* not all of it was shown */
    bool full;      /* nor kept */
    pi_questions *questions;
    pi_text *places;
    long asked_since; /* when ranks were asked where they are; -1: they were not */
    long began;       /* when the statement did */
    long ask_again; /* when places are old: as old as the statement was when they were asked for */
    int status;     /* that the session ends with */
};

static void send_out(pi_desk *desk, const pi_text *frame)
{
    if (desk->front >= 0 && pi_write_all(STDOUT_FILENO, frame->bytes, frame->used) < 0) {
        desk->front = -1;
    }
}

static void send_frame(pi_desk *desk, pi_frame_kind kind, const char *head, const char *body,
                       size_t size)
{
    pi_text frame = {0};
    pi_frame_add(&frame, kind, head, body, size);
    send_out(desk, &frame);
    pi_text_fini(&frame);
}

/* --- output */

static void send_held(stream *held)
{
    pi_text head = {0};
    char more[48] = "";
    if (!held->text.used) {
        return;
    }
    if (held->more) {
        snprintf(more, sizeof more, ", \"more\": %d", held->more);
    }
    pi_text_add_string(&head, "{\"stream\": \"");
    pi_text_add_string(&head, held->name);
    pi_text_add_string(&head, "\", \"ranks\": \"");
    pi_text_add(&head, held->ranks.bytes, held->ranks.used);
    pi_text_add_string(&head, "\", \"all\": ");
    pi_text_add_string(&head, held->ranks.used ? "false" : "true");
    pi_text_add_string(&head, more);
    pi_text_add(&head, "}", 2);
    send_frame(held->desk, PI_FRAME_OUTPUT, head.bytes, held->text.bytes, held->text.used);
    pi_text_fini(&head);
    pi_text_drop(&held->text, held->text.used);
}

static void send_all_held(pi_desk *desk)
{
    send_held(&desk->streams[0]);
    send_held(&desk->streams[1]);
}

static void keep(pi_desk *desk, const pi_fold_group *group)
{
    pi_text *all = &desk->output;
    if (desk->full || all->used + group->count > MOST_KEPT) {
        pi_text_add_string(all, desk->full ? "" : "\n(and more than is kept)\n");
        desk->full = true;
        return;
    }
    if (all->used && all->bytes[all->used - 1] != '\n') {
        pi_text_add_string(all, "\n");
    }
    if (group->ranks) {
        pi_text_add_string(all, "[");
        pi_text_add(all, group->ranks, group->ranks_size);
        pi_text_add_string(all, "]\n");
    }
    pi_text_add(all, group->bytes, group->count);
}

static bool same_ranks(const stream *held, const pi_fold_group *group)
{
    return held->ranks.used == group->ranks_size &&
           (!group->ranks_size || memcmp(held->ranks.bytes, group->ranks, group->ranks_size) == 0);
}

static void show(void *what, const pi_fold_group *group)
{
    stream *held = what;
    pi_desk *desk = held->desk;
    keep(desk, group);
    desk->left_out = desk->left_out || group->hidden;
    if (group->hidden) {
        return;
    }
    if (held->text.used && (group->more || !same_ranks(held, group))) {
        send_held(held);
    }
    if (!held->text.used) {
        send_held(held == desk->streams ? held + 1 : held - 1); /* streams stay in order */
        pi_text_drop(&held->ranks, held->ranks.used);
        pi_text_add(&held->ranks, group->ranks, group->ranks_size);
        held->more = group->more;
    }
    pi_text_add(&held->text, group->bytes, group->count);
}

/* --- where ranks are */

static void hear(void *what, int rank, const pi_relay_message *word, const char *text,
                 size_t length)
{
    pi_desk *desk = what;
    switch (word->kind) {
    case PI_RELAY_OVER:
        desk->busy[rank] = word->value != 0;
        pi_relay_rest(desk->relay, rank, !desk->busy[rank]);
        pi_questions_drop(desk->questions, rank);
        break;
    case PI_RELAY_ASK:
        pi_questions_add(desk->questions, rank, text, length, word->value != 0);
        break;
    case PI_RELAY_HERE:
        pi_text_drop(&desk->places[rank], desk->places[rank].used);
        pi_text_add(&desk->places[rank], text, length);
        break;
    default:
        break;
    }
}

/* What a rank does in C may end early at a signal (sleep, poll): it is not asked often, and a place is as
 * old as it says. Who runs at all is known without asking. */
static void ask_rank(pi_desk *desk, int rank, bool again)
{
    static const char waits[] = "waits for input";
    pi_text *place = &desk->places[rank];
    bool asks = pi_questions_has(desk->questions, rank);
    bool waited = place->used == sizeof waits - 1 && memcmp(place->bytes, waits, place->used) == 0;
    if (asks || waited || again) {
        pi_text_drop(place, place->used);
    }
    if (asks) {
        pi_text_add_string(place, waits);
    } else if (!place->used) {
        pi_relay_signal(desk->relay, rank, PC_PLACE_SIGNAL);
    }
}

static void ask_places(pi_desk *desk)
{
    long now = pi_now_ms();
    bool again = now >= desk->ask_again;
    if (again) {
        desk->ask_again = now + (now - desk->began);
    }
    for (int rank = 0; rank < desk->size; rank++) {
        if (desk->busy[rank]) {
            ask_rank(desk, rank, again);
        }
    }
    desk->asked_since = desk->running ? now : -1;
}

static bool have_said_where(const pi_desk *desk)
{
    for (int rank = 0; rank < desk->size; rank++) {
        if (desk->busy[rank] && !desk->places[rank].used) {
            return false;
        }
    }
    return true;
}

static bool same_place(const pi_text *a, const pi_text *b)
{
    return a->used == b->used && memcmp(a->bytes, b->bytes, a->used) == 0;
}

/* One entry of the list: the ranks that are where this one is. */
static void add_place(const pi_desk *desk, int first, bool *told, pi_text *list)
{
    bool marked[desk->size];
    pi_text name = {0};
    for (int rank = 0; rank < desk->size; rank++) {
        marked[rank] = desk->busy[rank] && !told[rank] &&
                       same_place(&desk->places[first], &desk->places[rank]);
        told[rank] = told[rank] || marked[rank];
    }
    pi_ranks_name(&name, marked, desk->size);
    pi_text_add_string(list, list->used > 1 ? ", {\"ranks\": " : "{\"ranks\": ");
    pi_frame_quote(list, name.bytes, name.used);
    pi_text_add_string(list, ", \"place\": ");
    pi_frame_quote(list, desk->places[first].bytes, desk->places[first].used);
    pi_text_add_string(list, "}");
    pi_text_fini(&name);
}

static void send_places(pi_desk *desk)
{
    bool told[desk->size];
    pi_text list = {0}, head = {0};
    memset(told, 0, sizeof told);
    pi_text_add_string(&list, "[");
    for (int rank = 0; rank < desk->size; rank++) {
        if (desk->busy[rank] && !told[rank]) {
            add_place(desk, rank, told, &list);
        }
    }
    pi_text_add_string(&head, "{\"running\": ");
    pi_text_add(&head, list.bytes, list.used);
    pi_text_add(&head, "]}", 3);
    send_frame(desk, PI_FRAME_PLACES, head.bytes, NULL, 0);
    pi_text_fini(&list);
    pi_text_fini(&head);
    desk->asked_since = -1;
}

/* --- requests */

static void wake_ranks(pi_desk *desk)
{
    for (int rank = 1; rank < desk->size; rank++) {
        pi_relay_say(desk->relay, rank, PI_RELAY_WAKE, 0, NULL, 0);
    }
}

static void begin(pi_desk *desk)
{
    desk->running = true;
    desk->began = desk->ask_again = pi_now_ms();
    for (int rank = 0; rank < desk->size; rank++) {
        desk->busy[rank] = true;
        pi_relay_rest(desk->relay, rank, false);
        pi_text_drop(&desk->places[rank], desk->places[rank].used);
    }
}

static void pass_on(pi_desk *desk, const pi_frame *frame)
{
    if (desk->channel < 0 || pi_write_all(desk->channel, frame->bytes, frame->size) < 0) {
        return; /* rank 0 is gone, and the job with it */
    }
    if (frame->kind == PI_FRAME_EXECUTE) {
        begin(desk);
    }
    if (frame->kind == PI_FRAME_EXECUTE || frame->kind == PI_FRAME_SHUTDOWN) {
        wake_ranks(desk);
    }
}

/* Gives rank 0 what came while the statement ran, up to the next statement. */
static void pass_waiting(pi_desk *desk)
{
    pi_frame frame;
    while (!desk->running && pi_frame_look(desk->waiting.bytes, desk->waiting.used, &frame) == 1) {
        pass_on(desk, &frame);
        pi_text_drop(&desk->waiting, frame.size);
    }
}

void pi_desk_interrupt(pi_desk *desk)
{
    for (int rank = 0; rank < desk->size; rank++) {
        if (desk->running && desk->busy[rank]) {
            pi_relay_signal(desk->relay, rank, SIGURG);
        }
    }
}

static void take_request(pi_desk *desk, const pi_frame *frame)
{
    switch (frame->kind) {
    case PI_FRAME_EXECUTE:
    case PI_FRAME_COMPLETE:
    case PI_FRAME_INSPECT:
        pi_text_add(&desk->waiting, frame->bytes, frame->size);
        pass_waiting(desk);
        break;
    case PI_FRAME_INTERRUPT:
        pi_desk_interrupt(desk);
        break;
    case PI_FRAME_ANSWER:
        pi_questions_answer(desk->questions, frame);
        break;
    case PI_FRAME_STATUS:
        ask_places(desk);
        break;
    case PI_FRAME_SHUTDOWN:
        pass_on(desk, frame);
        break;
    default:
        break; /* of a later version */
    }
}

/* All output comes before what tells that there will be no more. */
static void take_reply(pi_desk *desk, const pi_frame *frame)
{
    const pi_text whole = {(char *)frame->bytes, frame->size, 0};
    if (frame->kind == PI_FRAME_ENDED) {
        desk->status = (int)pi_frame_number(frame, "status");
        return;
    }
    if (frame->kind == PI_FRAME_RESULT || frame->kind == PI_FRAME_ERROR ||
        frame->kind == PI_FRAME_DONE) {
        pi_relay_flush(desk->relay);
        send_all_held(desk);
    }
    send_out(desk, &whole);
    if (frame->kind == PI_FRAME_READY && pi_frame_number(frame, "script")) {
        begin(desk);
    }
    if (frame->kind != PI_FRAME_DONE) {
        return;
    }
    desk->running = false;
    pi_questions_clear(desk->questions);
    if (desk->left_out && desk->channel >= 0) {
        pi_text output = {0};
        pi_frame_add(&output, PI_FRAME_LEFT_OUT, "{}", desk->output.bytes, desk->output.used);
        pi_write_all(desk->channel, output.bytes, output.used);
        pi_text_fini(&output);
    }
    desk->left_out = desk->full = false;
    pi_text_drop(&desk->output, desk->output.used);
    pass_waiting(desk);
}

typedef void (*take)(pi_desk *desk, const pi_frame *frame);

/* Takes the whole frames that have come; false when nothing more will, or what comes is none. */
static bool read_frames(pi_desk *desk, int fd, pi_text *text, take take)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    pi_frame frame;
    size_t at = 0;
    int found;
    if (fd < 0 || poll(&one, 1, 0) != 1) {
        return fd >= 0;
    }
    ssize_t got = pi_text_read(text, fd);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        return false;
    }
    while ((found = pi_frame_look(text->bytes + at, text->used - at, &frame)) == 1) {
        take(desk, &frame);
        at += frame.size;
    }
    pi_text_drop(text, at);
    if (found < 0) {
        pi_say("session: what comes on %s is no frame",
               fd == desk->front ? "standard input" : "rank 0's channel");
    }
    return found >= 0;
}

bool pi_desk_turn(pi_desk *desk)
{
    if (!read_frames(desk, desk->channel, &desk->replies, take_reply) && desk->channel >= 0) {
        close(desk->channel);
        desk->channel = -1;
    }
    if (!read_frames(desk, desk->front, &desk->requests, take_request)) {
        desk->front = -1;
    }
    send_all_held(desk);
    if (pi_questions_due(desk->questions, desk->busy) == 0) {
        pi_relay_flush(desk->relay);
        send_all_held(desk);
        pi_text frame = {0};
        pi_questions_put(desk->questions, &frame);
        send_out(desk, &frame);
        pi_text_fini(&frame);
    }
    if (desk->asked_since >= 0 &&
        (have_said_where(desk) || pi_now_ms() - desk->asked_since > PLACES_MS)) {
        send_places(desk);
    }
    return desk->front >= 0;
}

int pi_desk_due(pi_desk *desk)
{
    pi_relay_tick(desk->relay);
    send_all_held(desk); /* what was held back long enough */
    int due = pi_questions_due(desk->questions, desk->busy);
    return desk->asked_since >= 0 && (due < 0 || due > PLACES_MS / 10) ? PLACES_MS / 10 : due;
}

void pi_desk_watch(const pi_desk *desk, int fds[2])
{
    fds[0] = desk->front;
    fds[1] = desk->channel;
}

int pi_desk_status(const pi_desk *desk)
{
    return desk->status;
}

void pi_desk_end(pi_desk *desk, int status, int number, int rank)
{
    char head[96];
    snprintf(head, sizeof head, "{\"status\": %d, \"signal\": %d, \"rank\": %d}", status, number,
             rank);
    send_all_held(desk);
    send_frame(desk, PI_FRAME_ENDED, head, NULL, 0);
}

/* --- life */

static int open_channel(pi_desk *desk, int *input_p)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        return -1;
    }
    desk->channel = ends[0];
    *input_p = ends[1];
    return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

pi_desk *pi_desk_new(pi_relay *relay, int ranks, int *input_p)
{
    static const pi_relay_session session = {show, hear};
    pi_desk *desk = calloc(1, sizeof *desk);
    if (!desk) {
        return NULL;
    }
    desk->relay = relay;
    desk->size = ranks;
    desk->channel = -1;
    desk->front = STDIN_FILENO;
    desk->asked_since = -1;
    desk->streams[0] = (stream){.desk = desk, .name = "stdout"};
    desk->streams[1] = (stream){.desk = desk, .name = "stderr"};
    desk->busy = calloc((size_t)ranks, sizeof *desk->busy);
    desk->places = calloc((size_t)ranks, sizeof *desk->places);
    desk->questions = pi_questions_new(relay, ranks);
    if (!desk->busy || !desk->places || !desk->questions || open_channel(desk, input_p) < 0) {
        pi_desk_free(desk);
        return NULL;
    }
    pi_relay_lead(relay, &session, &desk->streams[0], &desk->streams[1], desk, MOST_GROUPS);
    return desk;
}

void pi_desk_free(pi_desk *desk)
{
    pi_text *const texts[] = {&desk->requests,         &desk->replies,
                              &desk->waiting,          &desk->output,
                              &desk->streams[0].text,  &desk->streams[1].text,
                              &desk->streams[0].ranks, &desk->streams[1].ranks};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        pi_text_fini(texts[i]);
    }
    for (int rank = 0; desk->places && rank < desk->size; rank++) {
        pi_text_fini(&desk->places[rank]);
    }
    if (desk->channel >= 0) {
        close(desk->channel);
    }
    pi_questions_free(desk->questions);
    free(desk->places);
    free(desk->busy);
    free(desk);
}
