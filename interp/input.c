/* The job's standard input, which is rank 0's.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "interp/text.h"

int pi_input_open(pi_input *input)
{
    int ends[2];
    *input = (pi_input){-1, -1};
    if (!isatty(STDIN_FILENO)) {
        input->reading = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return 0; /* closed: there is none */
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -1;
    }
    *input = (pi_input){ends[0], ends[1]};
    return 0;
}

static void close_end(int *fd_p)
{
    if (*fd_p >= 0) {
        close(*fd_p);
        *fd_p = -1;
    }
}

void pi_input_given(pi_input *input)
{
    close_end(&input->reading);
}

int pi_input_watch(const pi_input *input)
{
    bool ours = input->writing >= 0 && tcgetpgrp(STDIN_FILENO) == getpgrp();
    return ours ? STDIN_FILENO : -1;
}

void pi_input_pass(pi_input *input)
{
    char bytes[4096];
    struct pollfd one = {.fd = pi_input_watch(input), .events = POLLIN};
    if (one.fd < 0 || poll(&one, 1, 0) != 1) {
        return;
    }
    ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) ||
        (got > 0 && pi_write_all(input->writing, bytes, (size_t)got) < 0)) {
        close_end(&input->writing); /* Ctrl-D, or nobody reads any more */
    }
}

void pi_input_close(pi_input *input)
{
    close_end(&input->reading);
    close_end(&input->writing);
}
