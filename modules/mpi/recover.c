/* Recovery: what modules/mpi does when a statement of the session has been broken.
 * SPDX-License-Identifier: MIT
 *
 * All ranks are in the meeting, so nobody sends. Letters of the user's are taken out of MPI until as many of
 * the statement have been seen as the others say they sent: those of the broken statement are dropped, the
 * others held for the receives to come. Collectives go on with numbers that no rank has used, so what is left
 * of broken ones can meet nobody; it is only swept away. */
#include "modules/mpi/recover.h"

#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/common/wait.h"
#include "modules/mpi/queue.h"
#include "modules/mpi/tally.h"

#define CALL "recovery"

static int adopted_next(pm_work *work)
{
    return pm_work_end(work, Py_NewRef(Py_None));
}

int pm_recover_adopt(pm_receiving *receiving, const char *call)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    pm_work *work = pm_work_new(receiving->comm, call, adopted_next);
    if (work) {
        work->one_receiving = *receiving;
        work->one_receiving.requests = work->one_receiving.few; /* no parts are under way yet */
        work->one_receiving.matched = true;
        work->receiving_count = 1;
        receiving->letter = NULL;
        pm_work_list(work);
        pm_work_release(work);
    }
    PyErr_Restore(type, value, traceback);
    return work ? 0 : -1;
}

static bool is_counted(const pm_comm *comm)
{
    return comm->number && !comm->remote_size;
}

bool pm_recover_is_stale(const pm_receiving *receiving)
{
    pm_letter *letter = receiving->letter;
    const pm_header *header = pm_letter_header(letter);
    if (receiving->channel != receiving->comm->users || receiving->comm->remote_size) {
        return false;
    }
    if (!letter->counted && is_counted(receiving->comm)) {
        pc_session_count_seen(header->source, header->statement);
        letter->counted = true;
    }
    return !receiving->matched && header->statement != pc_runtime_get()->statement &&
           pc_session_is_broken(header->statement);
}

/* --- held letters */

pm_held *pm_recover_find(const pm_comm *comm, int source, int tag)
{
    pm_held *held = comm->held;
    while (held && ((source != MPI_ANY_SOURCE && source != held->status.MPI_SOURCE) ||
                    (tag != MPI_ANY_TAG && tag != held->status.MPI_TAG))) {
        held = held->next;
    }
    return held;
}

void pm_recover_detach(pm_comm *comm, pm_held *held)
{
    pm_held **link = &comm->held;
    while (*link && *link != held) {
        link = &(*link)->next;
    }
    if (*link) {
        *link = held->next;
    }
}

void pm_recover_free(pm_comm *comm, pm_held *held)
{
    pm_recover_detach(comm, held);
    Py_XDECREF(held->letter);
    PyMem_Free(held);
}

/* Behind those that are held already. Takes over the letter. */
static void hold(pm_receiving *receiving)
{
    pm_held **link = &receiving->comm->held, *held = PyMem_New(pm_held, 1);
    while (*link) {
        link = &(*link)->next;
    }
    if (held) {
        *held = (pm_held){NULL, receiving->letter, receiving->status};
        receiving->letter = NULL;
        *link = held;
    }
}

/* --- the list of communicators */

void pm_recover_list(pm_state *state, pm_comm *comm)
{
    comm->held = NULL;
    comm->mark = 0;
    comm->before = NULL;
    comm->next = state->comms;
    if (state->comms) {
        state->comms->before = comm;
    }
    state->comms = comm;
}

void pm_recover_unlist(pm_comm *comm)
{
    pm_state *state = pm_state_of_type(Py_TYPE(comm));
    while (comm->held) {
        pm_recover_free(comm, comm->held);
    }
    if (comm->before) {
        comm->before->next = comm->next;
    } else {
        state->comms = comm->next;
    }
    if (comm->next) {
        comm->next->before = comm->before;
    }
}

/* --- the steps */

static void begin(void *what)
{
    const pm_state *state = what;
    for (pm_comm *comm = state->comms; comm; comm = comm->next) {
        comm->mark = comm->sequence;
    }
}

static pm_work *find_broken(const pm_state *state)
{
    pm_work *work = state->works;
    while (work &&
           (work->busy || work->next == adopted_next || !pc_session_is_broken(work->statement))) {
        work = work->behind;
    }
    return work;
}

static void drop(void *what)
{
    for (pm_work *work = find_broken(what); work; work = find_broken(what)) {
        pc_error_say(work->call, "the statement in which this was begun was broken");
        pm_work_fail(work);
    }
}

static unsigned highest(void *what)
{
    const pm_state *state = what;
    unsigned number = 0;
    for (const pm_comm *comm = state->comms; comm; comm = comm->next) {
        number = comm->sequence > number ? comm->sequence : number;
    }
    return number;
}

static void restart(void *what, unsigned number)
{
    const pm_state *state = what;
    for (pm_comm *comm = state->comms; comm; comm = comm->next) {
        comm->sequence = comm->mark = number;
    }
}

/* Receives one message that has been found; 0, or -1 without memory. */
static int fetch(pm_receiving *receiving, pm_comm *comm, pm_channel channel, MPI_Message message,
                 const MPI_Status *status)
{
    pc_board_wait wait = {.call = CALL, .peer = status->MPI_SOURCE, .firm = true};
    if (pm_post_receive_matched(receiving, comm, channel, message, status, NULL, CALL) < 0) {
        PyErr_Clear();
        return -1;
    }
    return pc_wait_until(pm_post_look, receiving, &wait);
}

static bool is_letter(pm_letter *letter)
{
    const pm_header *header = pm_letter_header(letter);
    return letter->used >= sizeof *header && header->magic == PM_LETTER_MAGIC &&
           header->version == PM_LETTER_VERSION;
}

/* A broken statement's: what follows it is received too. */
static void discard(pm_receiving *receiving, pm_channel channel)
{
    pm_tally_matched(receiving->comm, channel, &receiving->status);
    if (channel == PM_POST_USERS) {
        pm_recover_is_stale(receiving);
    }
    if (pm_letter_follows(receiving->letter)) {
        pm_recover_adopt(receiving, CALL);
        receiving->under_way = false; /* the other one ends that */
    }
}

static void take(pm_comm *comm, pm_channel channel, MPI_Message message, const MPI_Status *status)
{
    pm_receiving receiving;
    if (fetch(&receiving, comm, channel, message, status) < 0) {
        return;
    }
    pm_letter *letter = receiving.letter;
    if (is_letter(letter) && pc_session_is_broken(pm_letter_header(letter)->statement)) {
        discard(&receiving, channel);
    } else if (is_letter(letter) && channel == PM_POST_USERS) {
        hold(&receiving);
    }
    pm_tally_rests(&receiving);
    Py_XDECREF(receiving.letter);
}

/* All that waits for receivers. Where others send too, raw messages are dropped. */
static void sift_users(pm_comm *comm)
{
    int found = 1;
    while (found) {
        MPI_Status status;
        MPI_Message message;
        if (pm_queue_probe(comm, MPI_ANY_SOURCE, MPI_ANY_TAG, &found, &status) != MPI_SUCCESS ||
            !found ||
            PMPI_Improbe(status.MPI_SOURCE, status.MPI_TAG, comm->users, &found, &message,
                         &status) != MPI_SUCCESS) {
            return;
        }
        if (found) {
            take(comm, PM_POST_USERS, message, &status);
        }
    }
}

/* Takes a message of this tag off the inner twin; false: there is none. */
static bool sweep_tag(pm_comm *comm, int source, int tag)
{
    int found = 0;
    MPI_Status status;
    MPI_Message message;
    if (PMPI_Improbe(source, tag, comm->inner, &found, &message, &status) == MPI_SUCCESS && found) {
        take(comm, PM_POST_INNER, message, &status);
    }
    return found;
}

/* True for the tags of the statement's collectives, and of making communicators. */
static bool is_swept(const pm_comm *comm, int tag, unsigned end)
{
    const pc_runtime *runtime = pc_runtime_get();
    unsigned number = ((unsigned)tag - comm->mark) & (unsigned)(runtime->tag_half - 1);
    return tag >= 2 * runtime->tag_half || (tag >= runtime->tag_half && number < end - comm->mark);
}

/* Collectives that were begun earlier and go on have messages there too. Where such a one is in front, the
 * numbers are gone through one by one. */
static void sweep_inner(pm_comm *comm, unsigned end)
{
    int found = 0;
    MPI_Status status;
    while (PMPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm->inner, &found, &status) == MPI_SUCCESS &&
           found && is_swept(comm, status.MPI_TAG, end)) {
        sweep_tag(comm, status.MPI_SOURCE, status.MPI_TAG);
    }
    for (unsigned number = comm->mark; found && number != end; number++) {
        while (sweep_tag(comm, MPI_ANY_SOURCE, pc_runtime_collective_tag(number))) {
        }
    }
}

static bool sift(void *what, unsigned end)
{
    const pm_state *state = what;
    bool more = false;
    for (pm_comm *comm = state->comms; comm; comm = comm->next) {
        if (comm->users != MPI_COMM_NULL && comm->inner != MPI_COMM_NULL) {
            sift_users(comm);
            sweep_inner(comm, end);
        }
    }
    for (const pm_work *work = state->works; work; work = work->behind) {
        more = more || work->next == adopted_next;
    }
    return more;
}

void pm_recover_setup(pm_state *state)
{
    pc_recovery *recovery = &pc_runtime_session()->recovery;
    if (!recovery->what) {
        *recovery = (pc_recovery){state, begin, drop, highest, sift, restart};
    }
}

void pm_recover_clear(pm_state *state)
{
    pc_recovery *recovery = &pc_runtime_session()->recovery;
    if (recovery->what == state) {
        *recovery = (pc_recovery){.what = NULL};
    }
}
