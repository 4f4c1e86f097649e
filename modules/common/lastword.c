/* Where a rank was when it was ended: its last word.
 * SPDX-License-Identifier: MIT
 *
 * The handler is C's: Python's would have to wait until C code that holds the GIL, or a wait of MPI's
 * own, is over. Python's faulthandler, which can read the stack from a handler, listens to a signal that
 * ours sends to itself, and writes into a file in memory. */
#include "modules/common/lastword.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "modules/common/board.h"
#include "modules/common/runtime.h"

#define STACK_SIGNAL (SIGRTMAX - 1) /* where faulthandler listens; no other use of it is known */
#define OURS         "/python/pympi/"
#define EXAMPLES     OURS "examples/" /* programs like the user's */
#define SESSION      OURS "session/"
#define SPEAKERS     64 /* ranks from here up end without a word: nobody could read so many */

static void die(int number)
{
    sigset_t set;
    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
}

/* Turns `  File "x.py", line 3 in f` in place into `x.py:3 in f`; NULL when the line is none. */
static char *read_frame(char *line)
{
    static const char head[] = "  File \"", middle[] = "\", line ";
    char *path = strstr(line, head) == line ? line + sizeof head - 1 : NULL;
    char *end = path ? strstr(path, middle) : NULL;
    if (!end) {
        return NULL;
    }
    *end = ':';
    memmove(end + 1, end + sizeof middle - 1, strlen(end + sizeof middle - 1) + 1);
    return path;
}

/* Not of our own library, not of what is frozen in. */
static bool is_users(const char *frame)
{
    return frame[0] == '<' ? strncmp(frame, "<prompt ", 8) == 0 || strncmp(frame, "<cell ", 6) == 0
                           : !strstr(frame, OURS) || strstr(frame, EXAMPLES);
}

/* The innermost frame that is the user's. Of a session between its statements there is none. */
static const char *find_place(char *stack)
{
    const char *place = strstr(stack, SESSION) ? "the prompt" : "";
    char *rest = NULL;
    for (char *line = strtok_r(stack, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *frame = read_frame(line);
        if (frame && is_users(frame)) {
            return frame;
        }
        place = frame && !*place ? frame : place;
    }
    return place;
}

/* Python's stack, which faulthandler writes before raise() returns. */
static void read_stack(int fd, char *stack, size_t size)
{
    if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        stack[0] = '\0';
        return;
    }
    raise(STACK_SIGNAL);
    ssize_t got = pread(fd, stack, size - 1, 0);
    stack[got > 0 ? got : 0] = '\0';
}

/* "recv from rank 1, tag 5 (heat.py:31 in step)" */
static void describe(const pc_shown *shown, char *word, size_t size)
{
    char stack[2048], wait[128];
    read_stack(shown->stack, stack, sizeof stack);
    const char *place = find_place(stack);
    pc_board_describe(wait, sizeof wait);
    if (strcmp(place, "the prompt") == 0) {
        wait[0] = '\0';
    }
    if (*wait && *place) {
        snprintf(word, size, "%s (%s)", wait, place);
    } else {
        snprintf(word, size, "%s",
                 *wait    ? wait
                 : *place ? place
                          : "no Python code (its start or its end)");
    }
}

static void speak(const pc_shown *shown)
{
    char word[2304];
    describe(shown, word, sizeof word);
    if (pc_runtime_how()->last_word(word)) {
        _exit(1); /* srun would take the highest status, that of a signal, for the job's */
    }
}

static void handle(int number)
{
    const pc_shown *shown = pc_runtime_shown();
    if (!pc_runtime_is_own()) {
        die(number); /* a fork of the rank */
    } else if (!pthread_equal(shown->program, pthread_self())) {
        pthread_kill(shown->program, number); /* it knows better where it is */
    } else {
        if (pc_runtime_get()->rank < SPEAKERS) {
            speak(shown);
        }
        die(number);
    }
}

/* Somebody asks; this rank goes on. */
static void handle_question(int number)
{
    int cause = errno;
    char word[2304];
    const pc_shown *shown = pc_runtime_shown();
    if (!pc_runtime_is_own()) {
        return;
    }
    if (!pthread_equal(shown->program, pthread_self())) {
        pthread_kill(shown->program, number);
    } else {
        describe(shown, word, sizeof word);
        pc_runtime_how()->here(word);
    }
    errno = cause;
}

static void hear_questions(void)
{
    struct sigaction action = {.sa_handler = handle_question, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (pc_runtime_how()->here) {
        sigaction(PC_PLACE_SIGNAL, &action, NULL);
    }
}

static int take_signal(void)
{
    struct sigaction now, action = {.sa_handler = handle};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGTERM, NULL, &now) < 0 || now.sa_handler != SIG_DFL) {
        return 0; /* whoever started us ignores it, and so does Python */
    }
    return sigaction(SIGTERM, &action, NULL) == 0;
}

/* What crashes shows its stack; and at our signal it is written for us. */
static int lead_through(PyObject *faulthandler, int stack)
{
    PyObject *enabled = PyObject_CallMethod(faulthandler, "enable", NULL);
    PyObject *registered =
        enabled ? PyObject_CallMethod(faulthandler, "register", "iiii", STACK_SIGNAL, stack, 0, 0)
                : NULL;
    Py_XDECREF(enabled);
    Py_XDECREF(registered);
    return registered ? 0 : -1;
}

int pc_lastword_start(void)
{
    pc_shown *shown = pc_runtime_shown();
    shown->program = pthread_self();
    shown->stack = memfd_create("stack", MFD_CLOEXEC);
    hear_questions();
    if (!take_signal() || shown->stack < 0) {
        return 0; /* a last word less */
    }
    PyObject *faulthandler = PyImport_ImportModule("faulthandler");
    int result = faulthandler ? lead_through(faulthandler, shown->stack) : -1;
    Py_XDECREF(faulthandler);
    return result;
}
