/* Deadlock: ranks find out that every one of them waits and nothing is on its way.
 * SPDX-License-Identifier: MIT
 *
 * A rank is suspected to wait for ever when only letters can end its wait. Other threads of Python, a
 * timer that will ring, a call of MPI's that is not ours: then nothing is said, and so nobody judged. */
#include "modules/common/deadlock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "modules/common/errors.h"
#include "modules/common/judge.h"
#include "modules/common/place.h"
#include "modules/common/runtime.h"

#define TURN_NS 10000000L  /* between two turns */
#define LONG_NS 500000000L /* a wait that may be for ever */

static long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Another thread, or another interpreter's, may send what somebody waits for. */
static bool has_one_thread(void)
{
    PyInterpreterState *interpreter = PyInterpreterState_Head();
    PyThreadState *thread = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    return !PyInterpreterState_Next(interpreter) && !PyThreadState_Next(thread);
}

static bool timer_runs(void)
{
    static const int kinds[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
    bool runs = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct itimerval timer;
        runs = runs || getitimer(kinds[i], &timer) < 0 || timer.it_value.tv_sec ||
               timer.it_value.tv_usec;
    }
    return runs;
}

static bool waits_for_letters(const pc_board_wait *wait)
{
    const pc_ledger *ledger = pc_runtime_ledger();
    return wait->line && !ledger->spoilt && !ledger->under_way && has_one_thread() &&
           !timer_runs() && (!ledger->stuck || ledger->stuck(ledger->what));
}

bool pc_deadlock_suspected(const pc_board_wait *wait)
{
    const pc_deadlock *own = pc_runtime_deadlock();
    return own->ended || own->rests || (now_ns() - own->since > LONG_NS && waits_for_letters(wait));
}

/* "recv from rank 1, tag 3 (prog.py:8)" */
static void describe(const pc_board_wait *wait, char *text, size_t size)
{
    const pc_ledger_line *line = wait->line;
    char whom[48] = "", tag[24] = "";
    pc_place place;
    pc_place_find(&place);
    if (line->tag != PC_LEDGER_COLLECTIVES && line->world == MPI_ANY_SOURCE) {
        snprintf(whom, sizeof whom, " from any rank");
    } else if (line->tag != PC_LEDGER_COLLECTIVES) {
        snprintf(whom, sizeof whom, " %s rank %d", wait->sends ? "to" : "from", line->world);
    }
    if (line->tag >= 0) {
        snprintf(tag, sizeof tag, ", tag %d", line->tag);
    }
    snprintf(text, size, "%s%s%s (%s:%d)", wait->call, whom, tag,
             *place.file ? place.file : "<no Python code>", place.line);
}

static void report(const pc_board_wait *wait)
{
    pc_deadlock *own = pc_runtime_deadlock();
    pc_want *wants = NULL;
    bool over = own->ended || own->rests;
    char text[256] = "ended";
    int count = over ? 0 : pc_ledger_wants(&wants);
    if (count >= 0) {
        if (own->rests) {
            snprintf(text, sizeof text, "done with the statement");
        } else if (!over) {
            describe(wait, text, sizeof text);
        }
        size_t size = (size_t)count * sizeof *wants;
        pc_parcel *parcel = pc_parcel_new(PC_DEADLOCK_REPORT, size + strlen(text) + 1);
        if (parcel) {
            parcel->head.flag = over;
            parcel->head.epoch = own->seen;
            parcel->head.count = (uint64_t)count;
            if (count) {
                memcpy(parcel->body, wants, size);
            }
            memcpy(parcel->body + size, text, strlen(text) + 1);
        }
        own->polled = !parcel;
        pc_parcel_send(parcel, 0);
    }
    free(wants);
}

static void answer(const pc_parcel *question, const pc_board_wait *wait)
{
    const pc_deadlock *own = pc_runtime_deadlock();
    const pc_want *wants = (const pc_want *)question->body;
    bool stays = question->head.epoch == own->seen && pc_deadlock_suspected(wait);
    for (uint64_t i = 0; i < question->head.count && stays; i++) {
        stays = !pc_ledger_moves(&wants[i]);
    }
    pc_parcel *parcel = pc_parcel_new(PC_DEADLOCK_ANSWER, 0);
    if (parcel) {
        parcel->head.flag = stays;
    }
    pc_parcel_send(parcel, 0);
}

/* An interrupt may have come first. */
static void hear_verdict(const pc_parcel *verdict)
{
    pc_deadlock *own = pc_runtime_deadlock();
    if (verdict->head.epoch == own->seen && !own->ended && !own->rests) {
        free(own->verdict);
        own->verdict = strdup(verdict->body);
    }
}

static void hear(pc_parcel *parcel, const pc_board_wait *wait)
{
    pc_deadlock *own = pc_runtime_deadlock();
    switch (parcel->head.kind) {
    case PC_DEADLOCK_POLL:
        own->polled = true;
        break;
    case PC_DEADLOCK_ASK:
        answer(parcel, wait);
        break;
    case PC_DEADLOCK_VERDICT:
        hear_verdict(parcel);
        break;
    case PC_DEADLOCK_BYE:
        own->dismissed = true;
        break;
    default:
        pc_judge_hear(parcel);
        return;
    }
    free(parcel);
}

/* One look at everything; wait is NULL when this rank has ended. */
static void look(const pc_board_wait *wait, long now)
{
    pc_deadlock *own = pc_runtime_deadlock();
    if (own->seen != pc_runtime_ledger()->epoch) {
        own->seen = pc_runtime_ledger()->epoch;
        own->since = now;
    }
    pc_parcel_reap();
    for (pc_parcel *parcel = pc_parcel_take(); parcel; parcel = pc_parcel_take()) {
        hear(parcel, wait);
    }
    bool suspected = pc_deadlock_suspected(wait);
    if (suspected && own->polled) {
        report(wait);
    }
    if (pc_runtime_get()->rank == 0) {
        pc_judge_turn(now, suspected);
    }
}

/* A wait ends when the verdict is raised, so it is of this wait. */
static int raise_verdict(pc_deadlock *own, const char *call)
{
    PyObject *text =
        PyUnicode_DecodeUTF8(own->verdict, (Py_ssize_t)strlen(own->verdict), "replace");
    free(own->verdict);
    own->verdict = NULL;
    return pc_error_raise("DeadlockError", call, text);
}

int pc_deadlock_turn(const pc_board_wait *wait)
{
    pc_deadlock *own = pc_runtime_deadlock();
    long now = now_ns();
    if (now - own->looked < TURN_NS || !pc_ledger_kept()) {
        return 0;
    }
    own->looked = now;
    look(wait, now);
    return own->verdict ? raise_verdict(own, wait->call) : 0;
}

void pc_deadlock_rest(bool rests)
{
    pc_runtime_deadlock()->rests = rests;
    pc_runtime_ledger()->epoch++;
}

void pc_deadlock_finish(void (*aside)(void))
{
    pc_deadlock *own = pc_runtime_deadlock();
    if (!pc_ledger_kept() || own->ended) {
        return;
    }
    own->ended = true;
    pc_runtime_ledger()->epoch++;
    pc_parcel_send(pc_parcel_new(PC_DEADLOCK_ENDED, 0), 0);
    while (!own->dismissed || pc_runtime_parcels()->going) {
        look(NULL, now_ns());
        if (aside) {
            aside();
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}
