/* A rank's side of the relay: its standard output and error lead there.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "interp/local.h"

#define PLACE_MS  100   /* how long a rank that is being ended waits to hear why */
#define ANSWER_MS 1000  /* how long a rank waits for the relay's word before it goes on */
#define INPUT_MS  30000 /* and for its input: without it there would be none, and nobody told */

static struct {
    int socket; /* -1: no relay */
    int rank;
    atomic_bool woken; /* a WAKE has come, whichever thread heard it */
    atomic_uint overs; /* statements that are over */
} attached = {.socket = -1};

bool pi_relay_attached(void)
{
    return attached.socket >= 0;
}

/* The relay may not listen yet when the ranks start together with it. */
static int connect_patiently(const char *name, int patience_ms)
{
    for (;;) {
        int fd = pi_local_connect(name);
        if (fd >= 0 || patience_ms <= 0) {
            return fd;
        }
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        patience_ms -= 2;
    }
}

static void close_all(const int *fds, int count)
{
    int cause = errno;
    for (int i = 0; i < count; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    errno = cause;
}

/* The descriptors in flight belong to the socket: they outlive this process if it dies now. */
static int lead_streams(int socket, int rank)
{
    int pipes[PI_RELAY_STREAMS][2] = {{-1, -1}, {-1, -1}};
    int reading[PI_RELAY_STREAMS];
    int result = -1;
    for (int i = 0; i < PI_RELAY_STREAMS; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) < 0) {
            goto close_pipes;
        }
        reading[i] = pipes[i][0];
    }
    pi_relay_message hello = {PI_RELAY_MAGIC, PI_RELAY_HELLO, rank, (int32_t)getpid()};
    if (pi_local_send(socket, &hello, sizeof hello, reading, PI_RELAY_STREAMS) < 0) {
        goto close_pipes;
    }
    result = 0;
    for (int i = 0; i < PI_RELAY_STREAMS; i++) {
        /* A launcher takes a rank that closes its streams for one that is done, and closes its stdin:
         * they stay open beside ours, for this process only. */
        fcntl(STDOUT_FILENO + i, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (dup2(pipes[i][1], STDOUT_FILENO + i) < 0) {
            result = -1;
        }
    }
close_pipes:
    close_all(&pipes[0][0], PI_RELAY_STREAMS * 2);
    return result;
}

/* The front's standard input in place of the launcher's. */
static int take_input(int socket)
{
    struct pollfd one = {.fd = socket, .events = POLLIN};
    pi_relay_message welcome;
    int fd = -1;
    while (poll(&one, 1, INPUT_MS) < 0 && errno == EINTR) {
    }
    if (pi_local_receive(socket, &welcome, sizeof welcome, &fd, 1) < 0 || fd < 0) {
        return -1;
    }
    int result = dup2(fd, STDIN_FILENO) < 0 ? -1 : 0;
    close_all(&fd, 1);
    return result;
}

/* In a fork: whoever has the socket is alive in the relay's eyes. */
static void let_go(void)
{
    close_all(&attached.socket, 1);
    attached.socket = -1;
}

int pi_relay_attach(const char *name, int rank, int patience_ms, bool with_input)
{
    int socket = connect_patiently(name, patience_ms);
    if (socket < 0) {
        return -1;
    }
    if (lead_streams(socket, rank) < 0 || (with_input && take_input(socket) < 0)) {
        close_all(&socket, 1);
        return -1;
    }
    attached.socket = socket;
    attached.rank = rank;
    pthread_atfork(NULL, NULL, let_go);
    return 0;
}

/* The kind of the relay's next word; 0 when it is gone or says nothing. */
static uint32_t hear(int timeout_ms)
{
    struct pollfd one = {.fd = attached.socket, .events = POLLIN};
    pi_relay_message answer;
    while (poll(&one, 1, timeout_ms) < 0 && errno == EINTR) {
    }
    bool heard = one.revents & POLLIN &&
                 recv(attached.socket, &answer, sizeof answer, MSG_DONTWAIT) == sizeof answer;
    return heard ? answer.kind : 0;
}

static void wait_for_go(void)
{
    uint32_t word = hear(ANSWER_MS);
    while (word == PI_RELAY_HOLD) {
        word = hear(-1); /* the relay's end, if it comes to that, is heard too */
    }
}

void pi_relay_tell(pi_relay_kind kind, int value)
{
    if (!pi_relay_attached()) {
        return;
    }
    pi_relay_message message = {PI_RELAY_MAGIC, kind, attached.rank, value};
    if (kind == PI_RELAY_OVER && !value) {
        atomic_fetch_add(&attached.overs, 1);
    }
    if (send(attached.socket, &message, sizeof message, MSG_NOSIGNAL) < 0) {
        return; /* the relay is gone; the rank's own ending goes on without it */
    }
    if (kind == PI_RELAY_FAILING || kind == PI_RELAY_FAILED) {
        wait_for_go();
    }
}

static bool say(pi_relay_kind kind, int value, const char *text)
{
    struct {
        pi_relay_message head;
        char text[PI_RELAY_TEXT];
    } word = {.head = {PI_RELAY_MAGIC, kind, attached.rank, value}};
    size_t length = strnlen(text, sizeof word.text);
    memcpy(word.text, text, length);
    size_t size = sizeof word.head + length;
    return send(attached.socket, &word, size, MSG_NOSIGNAL) == (ssize_t)size;
}

bool pi_relay_tell_place(const char *text)
{
    return say(PI_RELAY_PLACE, 0, text) && hear(PLACE_MS) == PI_RELAY_HOLD;
}

void pi_relay_tell_here(const char *text)
{
    say(PI_RELAY_HERE, 0, text);
}

/* Waits once; a signal ends the wait, so that its handler in Python can run. */
static bool is_heard(int timeout_ms)
{
    struct pollfd one = {.fd = attached.socket, .events = POLLIN};
    return poll(&one, 1, timeout_ms) > 0;
}

/* A word with what is behind it; its kind, 0: there is none, -1: the relay is gone. */
static int take_word(int timeout_ms, int *value_p, pi_text *text)
{
    struct {
        pi_relay_message head;
        char text[PI_RELAY_TEXT];
    } word;
    if (!is_heard(timeout_ms)) {
        return 0;
    }
    ssize_t got = recv(attached.socket, &word, sizeof word, MSG_DONTWAIT);
    if (got < (ssize_t)sizeof word.head) {
        return got == 0 || (errno != EAGAIN && errno != EINTR) ? -1 : 0;
    }
    *value_p = word.head.value;
    if (word.head.kind == PI_RELAY_ANSWER) {
        pi_text_add(text, word.text, (size_t)got - sizeof word.head);
    } else if (word.head.kind == PI_RELAY_WAKE) {
        atomic_store(&attached.woken, true);
    }
    return (int)word.head.kind;
}

int pi_relay_wait_for_wake(int timeout_ms)
{
    pi_text late = {0}; /* an answer that nobody waits for any more */
    int value, kind = atomic_load(&attached.woken) ? 0 : take_word(timeout_ms, &value, &late);
    pi_text_fini(&late);
    return kind < 0 ? -1 : atomic_exchange(&attached.woken, false);
}

void pi_relay_ask(const char *prompt, bool secret)
{
    pi_text late = {0};
    int value;
    while (take_word(0, &value, &late) > 0) {
    }
    pi_text_fini(&late);
    say(PI_RELAY_ASK, secret, prompt);
}

unsigned pi_relay_overs(void)
{
    return atomic_load(&attached.overs);
}

int pi_relay_hear_answer(pi_text *text, pi_relay_piece *piece_p, int timeout_ms)
{
    int value = 0, kind = take_word(timeout_ms, &value, text);
    *piece_p = (pi_relay_piece)value;
    return kind < 0 ? -1 : kind == PI_RELAY_ANSWER;
}
