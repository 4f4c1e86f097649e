/* Work under way.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/work.h"

#include "modules/common/errors.h"
#include "modules/common/progress.h"
#include "modules/common/runtime.h"
#include "modules/common/wait.h"
#include "modules/mpi/check.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/recover.h"

PyObject *pm_work_take_exception(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback) {
        PyException_SetTraceback(value, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

void pm_work_raise(PyObject *exception)
{
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_DECREF(exception);
}

pm_work *pm_work_new(pm_comm *comm, const char *call, pm_work_next next)
{
    pm_work *work = PyMem_New(pm_work, 1);
    if (!work) {
        PyErr_NoMemory();
        return NULL;
    }
    *work = (pm_work){.state = pm_state_of_type(Py_TYPE(comm)),
                      .comm = (pm_comm *)Py_NewRef(comm),
                      .call = call,
                      .next = next,
                      .refs = 1,
                      .channel = PM_POST_USERS,
                      .statement = pc_runtime_get()->statement,
                      .sending_room = 1,
                      .receiving_room = 1};
    work->sendings = &work->one_sending;
    work->receivings = &work->one_receiving;
    work->arrivals = &work->one_arrival;
    return work;
}

pm_work *pm_work_collective(pm_comm *comm, const char *call, pm_work_next next)
{
    if (!pm_comm_usable(comm, call)) {
        return NULL;
    }
    if (comm->inner == MPI_COMM_NULL) {
        pm_comm_no_collectives(comm, call);
        return NULL;
    }
    pm_work *work = pm_work_new(comm, call, next);
    if (work) {
        work->channel = PM_POST_INNER;
        work->tag = pc_runtime_collective_tag(comm->sequence++);
        if (comm->checked) {
            work->then = next;
            work->next = pm_check_next;
        }
    }
    return work;
}

pm_work *pm_work_collecting(pm_comm *comm, const char *call, pm_work_next next)
{
    pm_work *work = pm_work_collective(comm, call, next);
    if (work) {
        work->gathered = PyList_New(comm->size);
    }
    if (work && !work->gathered) {
        pm_work_release(work);
        work = NULL;
    }
    return work;
}

void pm_work_keep(pm_work *work, int rank, PyObject *value)
{
    if (value) {
        PyList_SET_ITEM(work->gathered, rank, value);
        return;
    }
    if (!PyErr_Occurred()) {
        return; /* it failed before */
    }
    PyObject *exception = pm_work_take_exception();
    if (work->failed) {
        Py_DECREF(exception);
    } else {
        work->failed = exception;
    }
}

static void drop_arrivals(pm_work *work)
{
    for (int i = 0; i < work->arrival_count; i++) {
        Py_XDECREF(work->arrivals[i]);
    }
    work->arrival_count = 0;
}

void pm_work_drop(pm_work *work, bool goes_on)
{
    for (int i = 0; i < work->receiving_count; i++) {
        pm_post_drop(&work->receivings[i], goes_on, work->call);
    }
    for (int i = 0; i < work->sending_count; i++) {
        pm_post_leave(&work->sendings[i]);
    }
    work->receiving_count = work->sending_count = 0;
}

static void free_work(pm_work *work)
{
    pm_work_drop(work, true);
    drop_arrivals(work);
    if (work->sendings != &work->one_sending) {
        PyMem_Free(work->sendings);
    }
    if (work->receivings != &work->one_receiving) {
        PyMem_Free(work->receivings);
    }
    if (work->arrivals != &work->one_arrival) {
        PyMem_Free(work->arrivals);
    }
    Py_XDECREF(work->value);
    Py_XDECREF(work->op);
    Py_XDECREF(work->into);
    Py_XDECREF(work->items);
    Py_XDECREF(work->axis);
    Py_XDECREF(work->counts);
    Py_XDECREF(work->before_own);
    Py_XDECREF(work->own);
    Py_XDECREF(work->gathered);
    Py_XDECREF(work->letter);
    Py_XDECREF(work->print);
    Py_XDECREF(work->failed);
    Py_XDECREF(work->result);
    Py_XDECREF(work->exception);
    Py_DECREF(work->comm);
    PyMem_Free(work);
}

void pm_work_release(pm_work *work)
{
    if (!work || --work->refs > 0) {
        return;
    }
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    free_work(work);
    PyErr_Restore(type, value, traceback);
}

static int grow_sendings(pm_work *work)
{
    int room = work->sending_room * 4;
    bool was_one = work->sendings == &work->one_sending;
    /* MPI knows where its requests are only while it is called, so they may move; but a sending whose few
     * requests are its own has to point to where it is now. */
    pm_sending *sendings =
        PyMem_Realloc(was_one ? NULL : work->sendings, (size_t)room * sizeof *sendings);
    if (!sendings) {
        PyErr_NoMemory();
        return -1;
    }
    for (int i = 0; i < work->sending_count; i++) {
        if (was_one) {
            sendings[i] = work->one_sending;
        }
        if (sendings[i].count <= (int)(sizeof sendings->few / sizeof *sendings->few)) {
            sendings[i].requests = sendings[i].few;
        }
    }
    work->sendings = sendings;
    work->sending_room = room;
    return 0;
}

int pm_work_send(pm_work *work, pm_letter *letter, int dest)
{
    if (work->sending_count == work->sending_room && grow_sendings(work) < 0) {
        return -1;
    }
    pm_letter_header(letter)->statement = work->statement;
    if (pm_post_send(&work->sendings[work->sending_count], letter, work->comm, work->channel, dest,
                     work->tag, false, work->call) < 0) {
        return -1;
    }
    work->sending_count++;
    return 1;
}

/* Rooms for receivings and their letters: both at once. */
static int grow_receivings(pm_work *work)
{
    int room = work->receiving_room * 4;
    bool was_one = work->receivings == &work->one_receiving;
    pm_receiving *receivings =
        PyMem_Realloc(was_one ? NULL : work->receivings, (size_t)room * sizeof *receivings);
    if (receivings) {
        for (int i = 0; i < work->receiving_count; i++) {
            receivings[i] = was_one ? work->one_receiving : receivings[i];
            receivings[i].requests = receivings[i].few; /* no parts are under way yet */
        }
        work->receivings = receivings;
    }
    pm_letter **arrivals =
        PyMem_Realloc(was_one ? NULL : work->arrivals, (size_t)room * sizeof *arrivals);
    if (arrivals) {
        arrivals[0] = was_one ? work->one_arrival : arrivals[0];
        work->arrivals = arrivals;
    }
    if (!receivings || !arrivals) {
        PyErr_NoMemory();
        return -1;
    }
    work->receiving_room = room;
    return 0;
}

int pm_work_expect(pm_work *work, int source)
{
    if (work->receiving_count == work->receiving_room && grow_receivings(work) < 0) {
        return -1;
    }
    if (pm_post_receive(&work->receivings[work->receiving_count], work->comm, work->channel, source,
                        work->tag, work->direct && !work->print ? work->into : NULL,
                        work->call) < 0) {
        return -1;
    }
    work->receiving_count++;
    return 1;
}

PyObject *pm_work_value(pm_work *work, int arrival)
{
    return pm_decode(work->state, work->arrivals[arrival], work->call);
}

pm_letter *pm_work_encode(pm_work *work, PyObject *value, bool inside)
{
    pm_letter *letter = value ? pm_encode(work->state, value, inside) : NULL;
    if (letter) {
        return letter;
    }
    PyObject *failed = pm_work_take_exception();
    PyErr_SetObject((PyObject *)Py_TYPE(failed), failed);
    letter = pm_encode_failure(work->state);
    if (letter) { /* receivers name the rank as this communicator does */
        pm_letter_header(letter)->source = work->comm->rank;
    }
    Py_XSETREF(work->failed, failed);
    return letter;
}

int pm_work_end(pm_work *work, PyObject *result)
{
    if (work->failed) {
        PyErr_Clear();
        Py_CLEAR(result);
        pm_work_raise(Py_NewRef(work->failed));
    }
    Py_XSETREF(work->result, result);
    return result ? 0 : -1;
}

static void end(pm_work *work, pm_work_condition condition)
{
    work->condition = condition;
    if (work->listed) {
        work->listed = false;
        if (work->before) {
            work->before->behind = work->behind;
        } else {
            work->state->works = work->behind;
        }
        if (work->behind) {
            work->behind->before = work->before;
        }
        pc_progress_count(-1);
        pm_work_release(work);
    }
}

void pm_work_fail(pm_work *work)
{
    Py_XSETREF(work->exception, pm_work_take_exception());
    pm_work_drop(work, true);
    end(work, PM_WORK_OVER);
}

/* Runs the next round, and those behind it in which nothing has to be waited for. */
static void run_round(pm_work *work)
{
    int result = work->next(work);
    work->round++;
    drop_arrivals(work);
    if (result < 0) {
        pm_work_fail(work);
    } else if (result == 0) {
        end(work, PM_WORK_OVER);
    }
}

int pm_work_begin_again(pm_work *work)
{
    drop_arrivals(work);
    work->round = 0;
    work->next = work->then;
    return work->next ? work->next(work) : pm_work_end(work, Py_NewRef(Py_None));
}

int pm_work_start(pm_work *work)
{
    if (*pc_runtime_abandoned()) {
        pc_wait_reap();
    }
    work->busy = true;
    work->refs++;
    run_round(work);
    work->busy = false;
    int result = 0;
    if (work->condition == PM_WORK_OVER && work->exception) {
        pm_work_raise(Py_NewRef(work->exception));
        result = -1;
    }
    pm_work_release(work);
    return result;
}

/* Something has come when a letter can go to its next stage, and everything when all is done. */
int pm_work_look(void *what, int *done_p)
{
    pm_work *work = what;
    int code = MPI_SUCCESS, all = 1, any = 0, done;
    for (int i = 0; i < work->receiving_count && code == MPI_SUCCESS; i++) {
        if (work->receivings[i].stage != PM_STAGE_DONE) {
            code = pm_post_look(&work->receivings[i], &done);
            any = any || done;
            all = 0;
        }
    }
    for (int i = 0; i < work->sending_count && code == MPI_SUCCESS && all; i++) {
        code = pm_post_sent(&work->sendings[i], &done);
        all = all && done;
    }
    *done_p = any || all;
    return code;
}

/* True when the round is over. */
static bool all_done(pm_work *work)
{
    int done = 1;
    for (int i = 0; i < work->receiving_count; i++) {
        done = done && work->receivings[i].stage == PM_STAGE_DONE;
    }
    for (int i = 0; i < work->sending_count && done; i++) {
        pm_post_sent(&work->sendings[i], &done);
    }
    return done;
}

static void collect_arrivals(pm_work *work)
{
    for (int i = 0; i < work->receiving_count; i++) {
        work->arrivals[i] = work->receivings[i].letter;
        work->receivings[i].letter = NULL;
        work->status = work->receivings[i].status;
        if (work->receivings[i].requests != work->receivings[i].few) {
            PyMem_Free(work->receivings[i].requests);
        }
    }
    work->arrival_count = work->receiving_count;
    for (int i = 0; i < work->sending_count; i++) {
        pm_post_end(&work->sendings[i]);
    }
    work->receiving_count = work->sending_count = 0;
}

static int advance_receivings(pm_work *work)
{
    for (int i = 0; i < work->receiving_count; i++) {
        if (work->receivings[i].ready && pm_post_advance(&work->receivings[i], work->call) < 0) {
            return -1;
        }
    }
    return 0;
}

void pm_work_step(pm_work *work)
{
    bool was_busy = work->busy;
    work->busy = true;
    work->refs++;
    if (advance_receivings(work) < 0) {
        pm_work_fail(work);
    } else if (work->condition == PM_WORK_UNDER_WAY && all_done(work)) {
        collect_arrivals(work);
        run_round(work);
    }
    work->busy = was_busy;
    pm_work_release(work);
}

const pc_ledger_line *pm_work_line(const pm_work *work, bool *sends_p)
{
    *sends_p = false;
    for (int i = 0; i < work->receiving_count; i++) {
        if (work->receivings[i].stage != PM_STAGE_DONE) {
            return work->receivings[i].line;
        }
    }
    *sends_p = true;
    for (int i = 0; i < work->sending_count; i++) {
        if (!work->sendings[i].line) {
            return NULL;
        }
    }
    return work->sending_count ? work->sendings[0].line : NULL;
}

/* True when nothing but letters moves on any of the work under way; for the ledger. */
static bool is_stuck(void *what)
{
    const pm_state *state = what;
    bool stuck = true, sends;
    for (const pm_work *work = state->works; work; work = work->behind) {
        stuck = stuck && (work->busy || pm_work_line(work, &sends));
    }
    return stuck;
}

/* Whom it waits for, for the board. */
static pc_board_wait describe(const pm_work *work)
{
    pc_board_wait wait = {.call = work->call, .peer = PC_BOARD_NOBODY, .tag = work->tag};
    wait.line = pm_work_line(work, &wait.sends);
    for (int i = 0; i < work->receiving_count; i++) {
        if (work->receivings[i].stage != PM_STAGE_DONE) {
            wait.peer = work->receivings[i].source;
            wait.tag = work->receivings[i].tag;
            break;
        }
    }
    return wait;
}

bool pm_work_usable(const pm_work *work)
{
    if (!pc_runtime_usable()) {
        pc_error_say(work->call, "MPI is not running in this process (a fork, or after its end)");
    }
    return pc_runtime_usable();
}

int pm_work_wait(pm_work *work)
{
    int result = 0;
    if (work->condition == PM_WORK_UNDER_WAY && !pm_work_usable(work)) {
        return -1;
    }
    if (work->condition == PM_WORK_UNDER_WAY && work->busy) {
        return pc_error_say(work->call, "another thread waits for this request");
    }
    work->refs++;
    while (result == 0 && work->condition == PM_WORK_UNDER_WAY) {
        pc_board_wait wait = describe(work);
        work->busy = true;
        result = pc_wait_until(pm_work_look, work, &wait);
        work->busy = false;
        if (result == 0) {
            pm_work_step(work);
        }
    }
    pm_work_release(work);
    return result;
}

PyObject *pm_work_result(const pm_work *work)
{
    if (work->exception) {
        pm_work_raise(Py_NewRef(work->exception));
        return NULL;
    }
    return Py_NewRef(work->result ? work->result : Py_None);
}

PyObject *pm_work_run(pm_work *work)
{
    PyObject *result = NULL;
    if (work && pm_work_start(work) == 0 && pm_work_wait(work) == 0) {
        result = pm_work_result(work);
    }
    pm_work_release(work);
    return result;
}

void pm_work_cancel(pm_work *work)
{
    for (int i = 0; i < work->receiving_count; i++) {
        if (!pm_post_cancel(&work->receivings[i])) {
            return;
        }
    }
    pm_work_drop(work, true);
    end(work, PM_WORK_CANCELLED);
}

void pm_work_list(pm_work *work)
{
    if (work->condition == PM_WORK_UNDER_WAY && !work->listed) {
        pm_work *first = work->state->works;
        work->listed = true;
        work->refs++;
        work->before = NULL;
        work->behind = first;
        if (first) {
            first->before = work;
        }
        work->state->works = work;
        pc_progress_count(1);
    }
}

/* A step may run any code, which may end other work: then the rest has to wait for the next time. */
static void move_on(void *what)
{
    pm_state *state = what;
    for (pm_work *work = state->works; work; work = work->behind) {
        int done = 0;
        if (!work->busy && pm_work_look(work, &done) == MPI_SUCCESS && done) {
            work->refs++;
            pm_work_step(work);
            bool listed = work->listed;
            pm_work_release(work);
            if (!listed) {
                return;
            }
        }
    }
}

int pm_work_setup(pm_state *state)
{
    pc_ledger *ledger = pc_runtime_ledger();
    ledger->stuck = is_stuck;
    ledger->what = state;
    pm_recover_setup(state);
    if (pc_progress_add(move_on, state) < 0) {
        PyErr_Format(PyExc_ImportError, "mpi: %d interpreters of this process have it already",
                     PC_PROGRESS_MOST);
        return -1;
    }
    return 0;
}

void pm_work_clear(pm_state *state)
{
    pc_ledger *ledger = pc_runtime_ledger();
    ledger->stuck = ledger->what == state ? NULL : ledger->stuck;
    pm_recover_clear(state);
    pc_progress_remove(state);
    while (state->works) {
        pm_work_drop(state->works, false);
        end(state->works, PM_WORK_CANCELLED);
    }
}
