/* Ctrl-C in a rank.
 * SPDX-License-Identifier: MIT
 *
 * SIGINT cannot be used: launchers end the job on it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/python.h"
#include "interp/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "interp/relay.h"

static pid_t owner;                   /* forks of the rank end as they like */
static volatile sig_atomic_t early;   /* interrupted before Python could take it */
static volatile sig_atomic_t started; /* and so past its end, when there is no Python */

/* Without an interpreter CPython's call would crash. A rank whose Python has ended waits in MPI for the
 * others: it says that they need not wait for it. */
static void interrupt(int unused)
{
    int cause = errno;
    (void)unused;
    if (owner != getpid()) {
        return;
    }
    if (Py_IsInitialized()) {
        PyErr_SetInterruptEx(SIGINT);
    } else if (started) {
        pi_relay_tell(PI_RELAY_BYE, 0);
    } else {
        early = 1;
    }
    errno = cause;
}

void pi_interrupt_listen(void)
{
    struct sigaction action = {.sa_handler = interrupt};
    owner = getpid();
    sigemptyset(&action.sa_mask);
    sigaction(SIGURG, &action, NULL);
}

void pi_interrupt_deliver(void)
{
    started = 1;
    if (early) {
        PyErr_SetInterruptEx(SIGINT);
    }
}
