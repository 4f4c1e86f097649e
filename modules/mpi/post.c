/* The post: letters between two ranks of a communicator.
 * SPDX-License-Identifier: MIT
 *
 * What follows an envelope travels on the communicator's inner twin with tags of the sender's own: so a
 * receiver that takes any tag never meets it, and threads do not mix up each other's. Where there is
 * no twin a letter is one message of any size, which has to be probed for. */
#include "modules/mpi/post.h"

#include "modules/common/buffers.h"
#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/common/wait.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/queue.h"
#include "modules/mpi/recover.h"
#include "modules/mpi/tally.h"
#include "modules/mpi/work.h"

static MPI_Comm channel_of(const pm_comm *comm, pm_channel channel)
{
    return channel == PM_POST_USERS ? comm->users : comm->inner;
}

/* Messages behind the envelope: the bytes if they are long, and the parts. */
static int count_following(pm_letter *letter)
{
    const pm_header *header = pm_letter_header(letter);
    return header->longer + (header->apart ? (int)header->parts : 0);
}

static int start_following(pm_sending *sending, int dest, MPI_Comm inner)
{
    pm_letter *letter = sending->letter;
    const pm_header *header = pm_letter_header(letter);
    uint32_t number = header->first_part;
    int code = MPI_SUCCESS;
    if (header->longer) {
        code = pc_buffer_isend(letter->bytes, letter->used, dest, pc_runtime_part_tag(number++),
                               inner, &sending->requests[sending->count]);
        sending->count += code == MPI_SUCCESS;
    }
    for (int i = 0; code == MPI_SUCCESS && header->apart && i < letter->part_count; i++) {
        code = pc_buffer_isend(letter->parts[i].buf, (size_t)letter->parts[i].len, dest,
                               pc_runtime_part_tag(number++), inner,
                               &sending->requests[sending->count]);
        sending->count += code == MPI_SUCCESS;
    }
    return code;
}

static int start_envelope(pm_sending *sending, int dest, int tag, MPI_Comm channel,
                          bool synchronous)
{
    pm_letter *letter = sending->letter;
    size_t size = pm_letter_header(letter)->longer ? sizeof(pm_header) : letter->used;
    if (size > PM_ENVELOPE) {
        return pc_buffer_isend(letter->bytes, size, dest, tag, channel, sending->requests);
    }
    return synchronous ? PMPI_Issend(letter->bytes, (int)size, MPI_BYTE, dest, tag, channel,
                                     sending->requests)
                       : PMPI_Isend(letter->bytes, (int)size, MPI_BYTE, dest, tag, channel,
                                    sending->requests);
}

/* Where there is a twin for what follows, long bytes follow too. */
static void stamp(pm_letter *letter, const pm_comm *comm)
{
    pm_letter_header(letter)->longer = comm->inner != MPI_COMM_NULL && letter->used > PM_ENVELOPE;
    if (pm_letter_follows(letter) && !letter->stamped) {
        pm_letter_header(letter)->first_part = pc_runtime_next_parts(count_following(letter));
        letter->stamped = true;
    }
}

void pm_post_end(pm_sending *sending)
{
    pm_tally_ended(sending);
    if (sending->requests != sending->few) {
        PyMem_Free(sending->requests);
    }
    sending->requests = sending->few;
    Py_CLEAR(sending->letter);
}

int pm_post_send(pm_sending *sending, pm_letter *letter, pm_comm *comm, pm_channel channel,
                 int dest, int tag, bool synchronous, const char *call)
{
    stamp(letter, comm);
    int most = 1 + count_following(letter);
    sending->letter = (pm_letter *)Py_NewRef(letter);
    sending->line = NULL;
    sending->count = 0;
    sending->requests = most <= (int)(sizeof sending->few / sizeof *sending->few)
                            ? sending->few
                            : PyMem_New(MPI_Request, (size_t)most);
    if (!sending->requests) {
        PyErr_NoMemory();
        pm_post_end(sending);
        return -1;
    }
    int code = start_envelope(sending, dest, tag, channel_of(comm, channel), synchronous);
    sending->count = code == MPI_SUCCESS;
    if (code == MPI_SUCCESS && pc_runtime_get()->check) {
        pm_tally_sent(sending, comm, channel, dest, tag, synchronous || most > 1);
    }
    if (code == MPI_SUCCESS && most > 1) {
        code = start_following(sending, dest, comm->inner);
    }
    if (code != MPI_SUCCESS) {
        pc_error_set(call, code);
        pm_post_leave(sending);
        return -1;
    }
    return 0;
}

int pm_post_sent(void *what, int *done_p)
{
    pm_sending *sending = what;
    return sending->count == 1
               ? MPI_Test(sending->requests, done_p, MPI_STATUS_IGNORE)
               : MPI_Testall(sending->count, sending->requests, done_p, MPI_STATUSES_IGNORE);
}

int pm_post_finish(pm_sending *sending, const char *call)
{
    int result = 0, done = 0;
    if (sending->count == 1 && pm_post_sent(sending, &done) == MPI_SUCCESS && done) {
        pm_post_end(sending); /* most are out by now */
        return PyErr_Occurred() ? -1 : 0;
    }
    if (sending->letter && PyErr_Occurred()) {
        pm_post_leave(sending);
        return -1;
    }
    if (sending->letter) {
        pc_board_wait wait = {
            .call = call, .peer = PC_BOARD_NOBODY, .line = sending->line, .sends = true};
        result = pc_wait_all_noted(sending->requests, sending->count, (PyObject *)sending->letter,
                                   &wait);
        pm_post_end(sending);
    }
    return result;
}

void pm_post_leave(pm_sending *sending)
{
    if (sending->letter) {
        pc_wait_leave(sending->requests, sending->count, (PyObject *)sending->letter);
        pm_post_end(sending);
    }
}

/* A receiving without anything under way yet. */
static int prepare(pm_receiving *receiving, pm_comm *comm, PyObject *into)
{
    receiving->comm = comm;
    receiving->requests = receiving->few;
    receiving->count = 0;
    receiving->ready = receiving->found = receiving->matched = false;
    receiving->line = NULL;
    receiving->under_way = false;
    receiving->letter = pm_letter_new(pm_state_of_type(Py_TYPE(comm)), PM_KIND_PACKED);
    if (!receiving->letter) {
        return -1;
    }
    receiving->letter->into = Py_XNewRef(into);
    return 0;
}

/* Its envelope is here already. */
static void take_held(pm_receiving *receiving, pm_held *held)
{
    Py_XSETREF(held->letter->into, Py_XNewRef(receiving->letter->into));
    Py_SETREF(receiving->letter, held->letter);
    held->letter = NULL;
    receiving->status = held->status;
    receiving->few[0] = MPI_REQUEST_NULL;
    receiving->count = 1;
    receiving->stage = PM_STAGE_ENVELOPE;
    receiving->ready = true;
    pm_recover_free(receiving->comm, held);
}

int pm_post_receive_held(pm_receiving *receiving, pm_comm *comm, pm_held *held, PyObject *into)
{
    if (prepare(receiving, comm, into) < 0) {
        return -1;
    }
    receiving->channel = comm->users;
    receiving->source = held->status.MPI_SOURCE;
    receiving->tag = held->status.MPI_TAG;
    receiving->matched = true;
    take_held(receiving, held);
    pm_tally_under_way(receiving);
    return 0;
}

int pm_post_receive(pm_receiving *receiving, pm_comm *comm, pm_channel channel, int source, int tag,
                    PyObject *into, const char *call)
{
    if (prepare(receiving, comm, into) < 0) {
        return -1;
    }
    receiving->channel = channel_of(comm, channel);
    receiving->source = source;
    receiving->tag = tag;
    pm_tally_awaits(receiving, channel);
    struct pm_held *held =
        comm->held && channel == PM_POST_USERS ? pm_recover_find(comm, source, tag) : NULL;
    if (held) {
        take_held(receiving, held);
        return 0;
    }
    if (comm->inner == MPI_COMM_NULL || (comm->shared && channel == PM_POST_USERS)) {
        receiving->stage = PM_STAGE_PROBE;
        pm_queue_join(receiving);
        return 0;
    }
    receiving->stage = PM_STAGE_ENVELOPE;
    int code = MPI_Irecv(receiving->letter->small, PM_ENVELOPE, MPI_BYTE, source, tag,
                         receiving->channel, receiving->few);
    if (code != MPI_SUCCESS) {
        pm_tally_rests(receiving);
        Py_CLEAR(receiving->letter);
        return pc_error_set(call, code);
    }
    receiving->count = 1;
    return 0;
}

/* Starts to receive all of a message into the letter's bytes. */
static int fetch_matched(pm_receiving *receiving, const char *call)
{
    size_t size;
    pm_letter *letter = receiving->letter;
    letter->used = 0;
    if (pc_error_check(call, pc_buffer_size(&receiving->status, &size)) < 0 ||
        pm_letter_reserve(letter, size) < 0 ||
        pc_error_check(
            call, pc_buffer_imrecv(letter->bytes, size, &receiving->message, receiving->few)) < 0) {
        return -1;
    }
    letter->used = size;
    receiving->count = 1;
    receiving->stage = PM_STAGE_ENVELOPE;
    return 0;
}

int pm_post_receive_matched(pm_receiving *receiving, pm_comm *comm, pm_channel channel,
                            MPI_Message message, const MPI_Status *status, PyObject *into,
                            const char *call)
{
    if (prepare(receiving, comm, into) < 0) {
        return -1;
    }
    receiving->channel = channel_of(comm, channel);
    receiving->source = status->MPI_SOURCE;
    receiving->tag = status->MPI_TAG;
    receiving->matched = true;
    receiving->status = *status;
    receiving->message = message;
    if (fetch_matched(receiving, call) < 0) {
        Py_CLEAR(receiving->letter);
        return -1;
    }
    pm_tally_under_way(receiving);
    return 0;
}

/* The envelope's status is kept: it tells the source, the tag and the size. */
static int look(pm_receiving *receiving, int *done_p)
{
    if (receiving->stage == PM_STAGE_ENVELOPE) {
        return MPI_Test(receiving->requests, done_p, &receiving->status);
    }
    if (receiving->stage == PM_STAGE_PROBE) {
        return pm_queue_look(receiving, done_p);
    }
    return MPI_Testall(receiving->count, receiving->requests, done_p, MPI_STATUSES_IGNORE);
}

int pm_post_look(void *what, int *done_p)
{
    pm_receiving *receiving = what;
    int code = MPI_SUCCESS, done = receiving->ready;
    if (!done) {
        code = look(receiving, &done);
        receiving->ready = done;
    }
    *done_p = done;
    return code;
}

/* Starts to receive the bytes that did not fit the envelope. */
static int fetch_bytes(pm_receiving *receiving, const char *call)
{
    pm_letter *letter = receiving->letter;
    const pm_header header = *pm_letter_header(letter);
    if (pm_letter_reserve(letter, header.length - letter->used) < 0) {
        return -1;
    }
    int code = pc_buffer_irecv(letter->bytes, header.length, receiving->status.MPI_SOURCE,
                               pc_runtime_part_tag(header.first_part), receiving->comm->inner,
                               receiving->few);
    receiving->count = code == MPI_SUCCESS;
    receiving->stage = PM_STAGE_BYTES;
    letter->used = header.length;
    return pc_error_check(call, code);
}

/* The envelope's word on what follows, which the bytes, written by their sender before it knew, repeat. */
static uint32_t first_part_of(pm_letter *letter)
{
    const pm_header *header = pm_letter_header(letter);
    return header->first_part + header->longer;
}

static int start_parts(pm_receiving *receiving, const char *call)
{
    pm_letter *letter = receiving->letter;
    uint32_t number = first_part_of(letter);
    receiving->count = 0;
    receiving->stage = PM_STAGE_PARTS;
    for (int i = 0; i < letter->part_count; i++) {
        int code = pc_buffer_irecv(letter->parts[i].buf, (size_t)letter->parts[i].len,
                                   receiving->status.MPI_SOURCE, pc_runtime_part_tag(number++),
                                   receiving->comm->inner, &receiving->requests[i]);
        if (code != MPI_SUCCESS) {
            return pc_error_set(call, code);
        }
        receiving->count = i + 1;
    }
    return 0;
}

/* Receives a part for nobody. Where there is no memory for it either, it stays with its sender. */
static void drain_part(pm_receiving *receiving, size_t size, uint32_t number)
{
    MPI_Request request;
    PyObject *scratch = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (scratch && pc_buffer_irecv(PyByteArray_AS_STRING(scratch), size,
                                   receiving->status.MPI_SOURCE, pc_runtime_part_tag(number),
                                   receiving->comm->inner, &request) == MPI_SUCCESS) {
        pc_wait_all(&request, 1, scratch, "recv");
    }
    Py_XDECREF(scratch);
}

/* The value cannot be made here, but its sender waits until its parts have been taken. Keeps the
 * exception that tells why. */
static int drain_parts(pm_receiving *receiving)
{
    PyObject *type, *value, *traceback;
    pm_letter *letter = receiving->letter;
    uint32_t parts = pm_letter_header(letter)->parts, number = first_part_of(letter);
    PyErr_Fetch(&type, &value, &traceback);
    for (uint32_t i = 0; i < parts; i++) {
        drain_part(receiving, pm_letter_part_size(letter, (int)i), number + i);
        PyErr_Clear();
    }
    PyErr_Restore(type, value, traceback);
    return -1;
}

static int fetch_parts(pm_receiving *receiving, const char *call)
{
    pm_letter *letter = receiving->letter;
    if (pm_decode_prepare(pm_state_of_type(Py_TYPE(receiving->comm)), letter) < 0) {
        return drain_parts(receiving);
    }
    if (letter->part_count > (int)(sizeof receiving->few / sizeof *receiving->few)) {
        receiving->requests = PyMem_New(MPI_Request, (size_t)letter->part_count);
        if (!receiving->requests) {
            receiving->requests = receiving->few;
            PyErr_NoMemory();
            return drain_parts(receiving);
        }
    }
    return start_parts(receiving, call);
}

/* What to do with bytes that are all here: nothing, or the parts. */
static int end_bytes(pm_receiving *receiving, const char *call)
{
    if (pm_letter_check(receiving->letter, call) < 0) {
        return -1;
    }
    if (!pm_letter_header(receiving->letter)->apart) {
        receiving->stage = PM_STAGE_DONE;
        return 1;
    }
    return fetch_parts(receiving, call);
}

/* The letter is of a broken statement: it is received for nobody, and the receiving goes on waiting. */
static int begin_again(pm_receiving *receiving, const char *call)
{
    PyObject *into = Py_XNewRef(receiving->letter->into);
    pm_receiving stale = *receiving;
    Py_CLEAR(stale.letter->into);
    stale.requests = stale.few;
    stale.count = 0;
    stale.ready = true;
    int result = pm_recover_adopt(&stale, call);
    receiving->letter = NULL;
    receiving->under_way = false; /* the other one ends that */
    if (result < 0) {
        PyErr_NoMemory();
    } else {
        result = pm_post_receive(receiving, receiving->comm, PM_POST_USERS, receiving->source,
                                 receiving->tag, into, call);
    }
    Py_XDECREF(into);
    return result;
}

static int end_envelope(pm_receiving *receiving, const char *call)
{
    pm_letter *letter = receiving->letter;
    if (letter->bytes == letter->small) {
        int size;
        MPI_Get_count(&receiving->status, MPI_BYTE, &size);
        letter->used = (size_t)size;
    }
    if (pm_letter_check_header(letter, call) < 0) {
        return -1;
    }
    if (pm_letter_header(letter)->statement && pm_recover_is_stale(receiving)) {
        return begin_again(receiving, call);
    }
    return pm_letter_header(letter)->longer ? fetch_bytes(receiving, call)
                                            : end_bytes(receiving, call);
}

static void clear(pm_receiving *receiving)
{
    if (receiving->requests != receiving->few) {
        PyMem_Free(receiving->requests);
    }
    receiving->requests = receiving->few;
    receiving->count = 0;
    receiving->stage = PM_STAGE_DONE;
    pm_tally_rests(receiving);
    Py_CLEAR(receiving->letter);
}

int pm_post_advance(pm_receiving *receiving, const char *call)
{
    int result = 1;
    receiving->ready = false;
    pm_tally_takes(receiving);
    switch (receiving->stage) {
    case PM_STAGE_PROBE:
        result = fetch_matched(receiving, call);
        break;
    case PM_STAGE_ENVELOPE:
        result = end_envelope(receiving, call);
        break;
    case PM_STAGE_BYTES:
        result = end_bytes(receiving, call);
        break;
    default:
        receiving->stage = PM_STAGE_DONE;
    }
    if (receiving->stage == PM_STAGE_DONE) {
        pm_tally_rests(receiving);
    }
    if (result < 0) {
        pc_ledger_spoil(); /* it may be no letter, and not have been counted where it was sent */
        clear(receiving);
    }
    return result;
}

/* True while an envelope is awaited that others may receive instead. */
static bool awaits_envelope(const pm_receiving *receiving)
{
    return receiving->stage == PM_STAGE_ENVELOPE && !receiving->ready &&
           receiving->few[0] != MPI_REQUEST_NULL &&
           receiving->letter->bytes == receiving->letter->small;
}

bool pm_post_cancel(pm_receiving *receiving)
{
    int cancelled = 0;
    if (receiving->stage == PM_STAGE_PROBE) {
        return pm_queue_leave(receiving);
    }
    if (!awaits_envelope(receiving)) {
        return false;
    }
    PMPI_Cancel(receiving->few);
    PMPI_Wait(receiving->few, &receiving->status); /* for a request that is cancelled or done */
    PMPI_Test_cancelled(&receiving->status, &cancelled);
    receiving->ready = !cancelled;
    receiving->count = !cancelled;
    if (cancelled) {
        pm_tally_rests(receiving);
    }
    return cancelled;
}

/* What was found must be received by this one: nobody else can. Keeps the exception that is set. */
static int fetch_found(pm_receiving *receiving, const char *call)
{
    PyObject *type, *value, *traceback;
    if (receiving->stage != PM_STAGE_PROBE) {
        return 0;
    }
    PyErr_Fetch(&type, &value, &traceback);
    int result = fetch_matched(receiving, call);
    PyErr_Restore(type, value, traceback);
    return result;
}

void pm_post_drop(pm_receiving *receiving, bool goes_on, const char *call)
{
    if (!receiving->letter) {
        return;
    }
    bool under_way = (receiving->count && receiving->stage != PM_STAGE_DONE) ||
                     receiving->stage == PM_STAGE_PROBE;
    bool taken = under_way && !pm_post_cancel(receiving) && fetch_found(receiving, call) == 0;
    bool followed = taken && receiving->stage != PM_STAGE_PARTS;
    if (followed && goes_on && pm_recover_adopt(receiving, call) == 0) {
        return;
    }
    if (taken) {
        pm_tally_takes(receiving);
        pc_wait_leave(receiving->requests, receiving->count, (PyObject *)receiving->letter);
    }
    clear(receiving);
}

pm_letter *pm_post_await(pm_receiving *receiving, const char *call)
{
    pc_board_wait wait = {.call = call, .peer = receiving->source, .tag = receiving->tag};
    int state = 0;
    while (state == 0) {
        wait.line = receiving->line;
        if (pc_wait_until(pm_post_look, receiving, &wait) < 0) {
            pm_post_drop(receiving, true, call);
            return NULL;
        }
        state = pm_post_advance(receiving, call);
    }
    pm_letter *letter = receiving->letter;
    receiving->letter = NULL;
    if (receiving->requests != receiving->few) {
        PyMem_Free(receiving->requests);
    }
    return letter;
}

pm_letter *pm_post_fetch(pm_comm *comm, pm_channel channel, int source, int tag, PyObject *into,
                         MPI_Status *status, const char *call)
{
    pm_receiving receiving;
    if (*pc_runtime_abandoned()) {
        pc_wait_reap();
    }
    if (pm_post_receive(&receiving, comm, channel, source, tag, into, call) < 0) {
        return NULL;
    }
    pm_letter *letter = pm_post_await(&receiving, call);
    if (letter && status != MPI_STATUS_IGNORE) {
        *status = receiving.status;
    }
    return letter;
}
