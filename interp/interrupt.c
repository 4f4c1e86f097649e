/* Ctrl-C in a rank.
 * SPDX-License-Identifier: MIT
 *
 * SIGINT cannot be used: launchers end the job on it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/python.h"
#include "interp/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static pid_t owner; /* forks of the rank end as they like */

static void interrupt(int unused)
{
    (void)unused;
    if (owner == getpid()) {
        PyErr_SetInterruptEx(SIGINT);
    }
}

void pi_interrupt_listen(void)
{
    struct sigaction action = {.sa_handler = interrupt};
    owner = getpid();
    sigemptyset(&action.sa_mask);
    sigaction(SIGURG, &action, NULL);
}
