/* The relay: reads what the ranks of a node write and say, and writes it whole.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "interp/local.h"
#include "interp/output.h"
#include "interp/ranks.h"
#include "interp/report.h"

#define PLACES_MS    300  /* how long the others may take to say where they are */
#define EQUALS_MS    200  /* how long the first to fail waits for others that fail alike */
#define TRACEBACK_MS 1000 /* and for those that have begun to say why */

typedef enum { ABSENT, RUNNING, FAILING, FAILED, ENDED, DONE, LOST } rank_state;

typedef struct {
    rank_state state;
    pid_t pid;
    int socket;                    /* -1: not connected, or closed */
    int streams[PI_RELAY_STREAMS]; /* reading ends of stdout and stderr; -1 likewise */
    bool waits;                    /* for GO, after FAILED */
} rank_side;

struct pi_relay {
    int listening;
    int input; /* for rank 0; -1: none, or given */
    int size;
    rank_side *ranks;
    int connected;
    pi_output *outputs[PI_RELAY_STREAMS];
    pi_report *report; /* takes a rank's stderr from FAILING on */
    long failed_since; /* when the first rank failed or was lost; -1: none was */
    long asked_since;  /* when the others were asked where they are; -1: they were not */
    bool patient;      /* interrupted: no rank ends the job while others run their finally blocks */
    pi_relay_verdict verdict;
    bool hushed; /* nobody reads reports any more */
    pi_relay_session session;
    void *session_what;
    struct pollfd *watched;
};

bool pi_relay_mode(const char *output, pi_output_mode *mode_p)
{
    static const char *const names[] = {"raw", "label", "fold"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(output, names[i]) == 0) {
            *mode_p = (pi_output_mode)i;
            return true;
        }
    }
    return false;
}

static int set_ranks(pi_relay *relay, int size)
{
    relay->ranks = calloc((size_t)size, sizeof *relay->ranks);
    relay->watched =
        calloc((size_t)size * (1 + PI_RELAY_STREAMS) + 1 + PI_RELAY_WAKES, sizeof *relay->watched);
    if (!relay->ranks || !relay->watched) {
        return -1;
    }
    relay->size = size;
    for (int i = 0; i < size; i++) {
        relay->ranks[i] = (rank_side){.socket = -1, .streams = {-1, -1}};
    }
    return 0;
}

pi_relay *pi_relay_new(const char *name, pi_output_mode mode, int size)
{
    pi_relay *relay = calloc(1, sizeof *relay);
    if (!relay) {
        return NULL;
    }
    relay->failed_since = relay->asked_since = -1;
    relay->input = -1;
    relay->verdict = (pi_relay_verdict){.failed_rank = -1, .lost_rank = -1};
    relay->listening = pi_local_listen(name);
    relay->report = pi_report_new(size);
    bool complete = relay->listening >= 0 && relay->report && set_ranks(relay, size) == 0;
    for (int i = 0; complete && i < PI_RELAY_STREAMS; i++) {
        relay->outputs[i] = pi_output_new(STDOUT_FILENO + i, mode, size);
        complete = relay->outputs[i] != NULL;
    }
    if (!complete) {
        int cause = errno;
        pi_relay_free(relay);
        errno = cause;
        return NULL;
    }
    return relay;
}

static void close_fd(int *fd_p)
{
    if (*fd_p >= 0) {
        close(*fd_p);
        *fd_p = -1;
    }
}

void pi_relay_offer_input(pi_relay *relay, int fd)
{
    relay->input = fd;
}

void pi_relay_free(pi_relay *relay)
{
    for (int rank = 0; relay->ranks && rank < relay->size; rank++) {
        close_fd(&relay->ranks[rank].socket);
        close_fd(&relay->ranks[rank].streams[0]);
        close_fd(&relay->ranks[rank].streams[1]);
    }
    for (int i = 0; i < PI_RELAY_STREAMS; i++) {
        pi_output_free(relay->outputs[i]);
    }
    close_fd(&relay->listening);
    close_fd(&relay->input);
    pi_report_free(relay->report);
    free(relay->watched);
    free(relay->ranks);
    free(relay);
}

/* Hands on what a rank's stream holds now. True when there was something. */
static bool read_stream(pi_relay *relay, int rank, int stream)
{
    rank_side *side = &relay->ranks[rank];
    bool reported = stream == 1 && (side->state == FAILING || side->state == FAILED);
    pi_text text = {0};
    ssize_t got = pi_text_read(&text, side->streams[stream]);
    if (got > 0 && reported) {
        pi_report_put(relay->report, rank, text.bytes, text.used);
    } else if (got > 0) {
        pi_output_put(relay->outputs[stream], rank, text.bytes, text.used);
    } else if (got == 0 || errno != EAGAIN) {
        pi_output_end(relay->outputs[stream], rank);
        close_fd(&side->streams[stream]);
    }
    pi_text_fini(&text);
    return got > 0;
}

static void read_all(pi_relay *relay, int rank)
{
    for (int stream = 0; stream < PI_RELAY_STREAMS; stream++) {
        while (relay->ranks[rank].streams[stream] >= 0 && read_stream(relay, rank, stream)) {
        }
    }
}

/* When nobody reads the job's output, its ranks get EPIPE as a lone process would. */
static void pass_on_closing(pi_relay *relay)
{
    for (int stream = 0; stream < PI_RELAY_STREAMS; stream++) {
        for (int rank = 0; rank < relay->size && pi_output_error(relay->outputs[stream]); rank++) {
            close_fd(&relay->ranks[rank].streams[stream]);
        }
    }
}

static void answer(const rank_side *side, pi_relay_kind kind)
{
    pi_relay_message word = {PI_RELAY_MAGIC, kind, 0, 0};
    ssize_t sent = send(side->socket, &word, sizeof word, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* a rank that does not listen goes on by itself */
}

static void note_failure(pi_relay *relay, int rank, int status)
{
    if (relay->verdict.failed_rank < 0) {
        relay->verdict.failed_rank = rank;
        relay->verdict.status = status;
        relay->failed_since = pi_now_ms();
    }
    relay->ranks[rank].state = FAILED;
    relay->ranks[rank].waits = true;
}

static void take_message(pi_relay *relay, int rank, const pi_relay_message *message,
                         const char *text, size_t length)
{
    rank_side *side = &relay->ranks[rank];
    read_all(relay, rank); /* what it wrote before it said this */
    switch (message->kind) {
    case PI_RELAY_FAILING:
        side->state = FAILING;
        answer(side, PI_RELAY_GO);
        break;
    case PI_RELAY_FAILED:
        answer(side, PI_RELAY_HOLD);
        note_failure(relay, rank, message->value);
        break;
    case PI_RELAY_BYE:
        side->state = DONE;
        break;
    case PI_RELAY_PLACE:
        if (side->state == RUNNING) {
            side->state = ENDED;
            pi_report_place(relay->report, rank, text, length);
        }
        if (relay->asked_since >= 0) {
            answer(side, PI_RELAY_HOLD);
        }
        break;
    default:
        if (relay->session.hear) {
            relay->session.hear(relay->session_what, rank, message, text, length);
        }
    }
}

static void lose_rank(pi_relay *relay, int rank)
{
    rank_side *side = &relay->ranks[rank];
    close_fd(&side->socket);
    relay->connected--;
    read_all(relay, rank);
    if (side->state == RUNNING || side->state == FAILING) {
        side->state = LOST;
        if (relay->verdict.lost_rank < 0) {
            relay->verdict.lost_rank = rank;
            relay->failed_since = relay->failed_since < 0 ? pi_now_ms() : relay->failed_since;
        }
    }
    side->waits = false;
}

static void read_socket(pi_relay *relay, int rank)
{
    struct {
        pi_relay_message head;
        char text[PI_RELAY_TEXT];
    } word;
    ssize_t got = recv(relay->ranks[rank].socket, &word, sizeof word, MSG_DONTWAIT);
    if (got >= (ssize_t)sizeof word.head && word.head.magic == PI_RELAY_MAGIC) {
        take_message(relay, rank, &word.head, word.text, (size_t)got - sizeof word.head);
    } else if (got >= 0 || (errno != EAGAIN && errno != EINTR)) {
        lose_rank(relay, rank);
    }
}

/* Receives HELLO with its two descriptors; -1 when it is none. */
static int read_hello(int socket, pi_relay_message *hello, int streams[PI_RELAY_STREAMS])
{
    struct pollfd one = {.fd = socket, .events = POLLIN};
    poll(&one, 1, 1000); /* a rank says it right after it connects */
    ssize_t got = pi_local_receive(socket, hello, sizeof *hello, streams, PI_RELAY_STREAMS);
    return got == (ssize_t)sizeof *hello && streams[PI_RELAY_STREAMS - 1] >= 0 ? 0 : -1;
}

/* Gives rank 0 the job's standard input, once. */
static void give_input(pi_relay *relay, int socket)
{
    pi_relay_message welcome = {PI_RELAY_MAGIC, PI_RELAY_WELCOME, 0, 0};
    pi_local_send(socket, &welcome, sizeof welcome, &relay->input, 1);
    close_fd(&relay->input);
}

/* Takes the streams as the rank's. The number is kept in range by the caller. */
static void join_rank(pi_relay *relay, const pi_relay_message *hello, int socket,
                      const int streams[PI_RELAY_STREAMS])
{
    rank_side *side = &relay->ranks[hello->rank];
    *side = (rank_side){.state = RUNNING, .pid = hello->value, .socket = socket};
    for (int i = 0; i < PI_RELAY_STREAMS; i++) {
        side->streams[i] = streams[i];
        fcntl(streams[i], F_SETFL, O_NONBLOCK);
    }
    relay->connected++;
    relay->verdict.joined++;
    if (hello->rank == 0 && relay->input >= 0) {
        give_input(relay, socket);
    }
}

static void accept_rank(pi_relay *relay)
{
    pi_relay_message hello = {0};
    int streams[PI_RELAY_STREAMS] = {-1, -1};
    int socket = pi_local_accept(relay->listening);
    if (socket < 0) {
        return;
    }
    if (read_hello(socket, &hello, streams) < 0 || hello.magic != PI_RELAY_MAGIC ||
        hello.kind != PI_RELAY_HELLO || hello.rank < 0 || hello.rank >= relay->size ||
        relay->ranks[hello.rank].socket >= 0) {
        close_fd(&socket);
        close_fd(&streams[0]);
        close_fd(&streams[1]);
        return;
    }
    join_rank(relay, &hello, socket, streams);
}

/* A rank that has not come yet will run, unless it is on another node. */
static bool runs(const pi_relay *relay, int rank)
{
    rank_state state = relay->ranks[rank].state;
    return state == RUNNING || state == FAILING || (state == ABSENT && !relay->patient);
}

/* What was printed before a failure stands before its report. */
static void write_report(pi_relay *relay)
{
    for (int i = 0; i < PI_RELAY_STREAMS; i++) {
        pi_output_show_folded(relay->outputs[i]);
    }
    if (!relay->hushed) {
        pi_report_write(relay->report);
    }
}

/* A rank that went without a word ends the job if it died; it may have become another program. */
static bool has_died(pid_t pid)
{
    char path[32], stat[512];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, stat, sizeof stat - 1);
    if (fd >= 0) {
        close(fd);
    }
    stat[got > 0 ? got : 0] = '\0';
    const char *state = strrchr(stat, ')'); /* behind the name comes the state */
    return !state || state[2] == 'Z' || state[2] == 'X';
}

static bool waits_for_end(const rank_side *side)
{
    return side->waits || (side->state == LOST && has_died(side->pid));
}

/* True when a rank waits for GO or has died, and all that are here have failed or had time enough to
 * fail alike. */
static bool is_settled(const pi_relay *relay, long now)
{
    bool waits = false, all = true, failing = false;
    if (relay->failed_since < 0 || relay->verdict.ending) {
        return false;
    }
    for (int rank = 0; rank < relay->size; rank++) {
        waits = waits || waits_for_end(&relay->ranks[rank]);
        all = all && !runs(relay, rank);
        failing = failing || relay->ranks[rank].state == FAILING;
    }
    long patience = failing ? TRACEBACK_MS : EQUALS_MS;
    return waits && (all || (!relay->patient && now - relay->failed_since >= patience));
}

/* Those that still run are asked where they are by the signal that ends them. True when they have said
 * it or had their time. */
static bool have_said_where(pi_relay *relay, long now)
{
    bool open = false;
    for (int rank = 0; rank < relay->size; rank++) {
        const rank_side *side = &relay->ranks[rank];
        if (side->state == RUNNING && relay->asked_since < 0) {
            kill(side->pid, SIGTERM);
        }
        open = open || side->state == RUNNING;
    }
    relay->asked_since = relay->asked_since < 0 ? now : relay->asked_since;
    return !open || now - relay->asked_since >= PLACES_MS;
}

/* Writes the report and lets the first that failed end the job. The others wait for the end that it
 * brings: if each aborted, the launcher would have as many remarks. */
static void settle_failures(pi_relay *relay, long now)
{
    if (!is_settled(relay, now) || !have_said_where(relay, now)) {
        return;
    }
    write_report(relay);
    if (relay->verdict.failed_rank >= 0) {
        answer(&relay->ranks[relay->verdict.failed_rank], PI_RELAY_GO);
    }
    relay->verdict.ending = true;
    for (int rank = 0; rank < relay->size; rank++) {
        relay->ranks[rank].waits = false;
    }
}

static int sooner(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Does what time asks for; returns how long there is nothing more to do, at most limit. */
static int tick(pi_relay *relay, int limit)
{
    long now = pi_now_ms();
    settle_failures(relay, now);
    for (int i = 0; i < PI_RELAY_STREAMS; i++) {
        limit = sooner(limit, pi_output_tick(relay->outputs[i], now));
    }
    pass_on_closing(relay);
    return relay->failed_since >= 0 ? sooner(limit, EQUALS_MS / 10) : limit;
}

void pi_relay_hush(pi_relay *relay)
{
    relay->hushed = true;
}

void pi_relay_tick(pi_relay *relay)
{
    tick(relay, -1);
}

/* Lists what to watch: the listening socket, the wakes, then socket and streams of each rank. poll(2)
 * passes over descriptors of -1. */
static nfds_t list_watched(pi_relay *relay, const int wakes[PI_RELAY_WAKES])
{
    nfds_t count = 0;
    relay->watched[count++] = (struct pollfd){.fd = relay->listening, .events = POLLIN};
    for (int i = 0; i < PI_RELAY_WAKES; i++) {
        relay->watched[count++] = (struct pollfd){.fd = wakes[i], .events = POLLIN};
    }
    for (int rank = 0; rank < relay->size; rank++) {
        const rank_side *side = &relay->ranks[rank];
        relay->watched[count++] = (struct pollfd){.fd = side->socket, .events = POLLIN};
        for (int i = 0; i < PI_RELAY_STREAMS; i++) {
            relay->watched[count++] = (struct pollfd){.fd = side->streams[i], .events = POLLIN};
        }
    }
    return count;
}

static void serve_rank(pi_relay *relay, int rank, const struct pollfd *socket)
{
    for (int i = 0; i < PI_RELAY_STREAMS; i++) {
        if (socket[1 + i].revents && relay->ranks[rank].streams[i] >= 0) {
            read_stream(relay, rank, i);
        }
    }
    if (socket->revents && relay->ranks[rank].socket >= 0) {
        read_socket(relay, rank);
    }
}

int pi_relay_turn(pi_relay *relay, const int wakes[PI_RELAY_WAKES], int timeout_ms)
{
    int timeout = tick(relay, timeout_ms);
    nfds_t count = list_watched(relay, wakes);
    if (poll(relay->watched, count, timeout) < 0 && errno != EINTR) {
        return -1;
    }
    for (int rank = 0; rank < relay->size; rank++) {
        int at = 1 + PI_RELAY_WAKES + rank * (1 + PI_RELAY_STREAMS);
        serve_rank(relay, rank, &relay->watched[at]);
    }
    if (relay->watched[0].revents) {
        accept_rank(relay);
    }
    return relay->connected;
}

int pi_relay_interrupt(pi_relay *relay)
{
    int missed = 0;
    for (int rank = 0; rank < relay->size; rank++) {
        const rank_side *side = &relay->ranks[rank];
        missed += side->state == ABSENT;
        if (side->state == RUNNING) {
            kill(side->pid, SIGURG);
        }
    }
    relay->patient = true;
    return missed;
}

void pi_relay_lead(pi_relay *relay, const pi_relay_session *session, void *out, void *err,
                   void *what, int most)
{
    relay->session = *session;
    relay->session_what = what;
    pi_output_lead(relay->outputs[0], session->show, out, most);
    pi_output_lead(relay->outputs[1], session->show, err, most);
}

void pi_relay_say(pi_relay *relay, int rank, pi_relay_kind kind, int value, const char *text,
                  size_t length)
{
    struct {
        pi_relay_message head;
        char text[PI_RELAY_TEXT];
    } word = {.head = {PI_RELAY_MAGIC, kind, rank, value}};
    if (length) { /* memcpy wants memory even for nothing */
        memcpy(word.text, text, length);
    }
    const rank_side *side = &relay->ranks[rank];
    if (side->socket >= 0) {
        ssize_t sent = send(side->socket, &word, sizeof word.head + length, MSG_NOSIGNAL);
        (void)sent; /* the rank is gone, and its socket will tell */
    }
}

void pi_relay_rest(pi_relay *relay, int rank, bool rests)
{
    for (int i = 0; i < PI_RELAY_STREAMS; i++) {
        pi_output_rest(relay->outputs[i], rank, rests);
    }
}

bool pi_relay_signal(pi_relay *relay, int rank, int number)
{
    const rank_side *side = &relay->ranks[rank];
    return side->state == RUNNING && kill(side->pid, number) == 0;
}

void pi_relay_flush(pi_relay *relay)
{
    for (int rank = 0; rank < relay->size; rank++) {
        read_all(relay, rank);
    }
    for (int i = 0; i < PI_RELAY_STREAMS; i++) {
        pi_output_show_folded(relay->outputs[i]);
    }
}

void pi_relay_name_running(const pi_relay *relay, pi_text *name)
{
    bool running[relay->size];
    for (int rank = 0; rank < relay->size; rank++) {
        running[rank] = runs(relay, rank);
    }
    pi_ranks_title(name, running, relay->size);
}

void pi_relay_kill(pi_relay *relay)
{
    for (int rank = 0; rank < relay->size; rank++) {
        if (relay->ranks[rank].socket >= 0) {
            kill(relay->ranks[rank].pid, SIGKILL);
        }
    }
}

void pi_relay_drain(pi_relay *relay)
{
    for (int rank = 0; rank < relay->size; rank++) {
        read_all(relay, rank);
    }
    for (int i = 0; i < PI_RELAY_STREAMS; i++) {
        pi_output_finish(relay->outputs[i]);
    }
    write_report(relay);
}

pi_relay_verdict pi_relay_judge(const pi_relay *relay)
{
    pi_relay_verdict verdict = relay->verdict;
    for (int i = 0; i < PI_RELAY_STREAMS; i++) {
        int error = pi_output_error(relay->outputs[i]);
        verdict.unwritten = verdict.unwritten || (error && error != EPIPE);
    }
    return verdict;
}
