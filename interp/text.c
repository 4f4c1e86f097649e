/* A growing piece of text.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/text.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "interp/say.h"

#define READ_SIZE 65536

static void reserve(pi_text *text, size_t count)
{
    if (text->room - text->used >= count) {
        return;
    }
    size_t room = text->room ? text->room : 256;
    while (room - text->used < count) {
        room *= 2;
    }
    char *bytes = realloc(text->bytes, room);
    if (!bytes) {
        pi_say("out of memory for %zu bytes of output", room);
        abort();
    }
    text->bytes = bytes;
    text->room = room;
}

void pi_text_add(pi_text *text, const char *bytes, size_t count)
{
    if (count) {
        reserve(text, count);
        memcpy(text->bytes + text->used, bytes, count);
        text->used += count;
    }
}

void pi_text_add_string(pi_text *text, const char *string)
{
    pi_text_add(text, string, strlen(string));
}

void pi_text_drop(pi_text *text, size_t count)
{
    text->used -= count;
    if (text->used) {
        memmove(text->bytes, text->bytes + count, text->used);
    }
}

size_t pi_text_lines(const pi_text *text)
{
    const char *last = text->used ? memrchr(text->bytes, '\n', text->used) : NULL;
    return last ? (size_t)(last - text->bytes) + 1 : 0;
}

void pi_text_fini(pi_text *text)
{
    free(text->bytes);
    *text = (pi_text){0};
}

ssize_t pi_text_read(pi_text *text, int fd)
{
    reserve(text, READ_SIZE);
    ssize_t got;
    do {
        got = read(fd, text->bytes + text->used, READ_SIZE);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        text->used += (size_t)got;
    }
    return got;
}

int pi_write_all(int fd, const char *bytes, size_t count)
{
    while (count) {
        ssize_t done = write(fd, bytes, count);
        if (done >= 0) {
            bytes += done;
            count -= (size_t)done;
        } else if (errno == EAGAIN) {
            struct pollfd one = {.fd = fd, .events = POLLOUT};
            poll(&one, 1, -1);
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

void pi_sink_write(pi_sink *sink, const char *bytes, size_t count)
{
    if (sink->error || pi_write_all(sink->fd, bytes, count) == 0) {
        return;
    }
    sink->error = errno;
    if (sink->error != EPIPE) {
        pi_say("cannot write %s: %s",
               sink->fd == STDOUT_FILENO ? "standard output" : "standard error",
               strerror(sink->error));
    }
}

long pi_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}
