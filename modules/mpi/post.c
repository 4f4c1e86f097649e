/* The post: letters between two ranks.
 * SPDX-License-Identifier: MIT
 *
 * A letter's parts follow as messages on the runtime's inner communicator, between world ranks and with
 * tags of the sender's own: so a receiver that takes any tag never meets them, and threads do not mix
 * up each other's. */
#include "modules/mpi/post.h"

#include "modules/common/buffers.h"
#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/common/wait.h"
#include "modules/mpi/codec.h"

static int start_parts(pm_sending *sending, int world_dest)
{
    pm_letter *letter = sending->letter;
    MPI_Comm inner = pc_runtime_get()->inner;
    uint32_t first = pm_letter_header(letter)->first_part;
    for (int i = 0; i < letter->part_count; i++) {
        int code = pc_buffer_isend(letter->parts[i].buf, (size_t)letter->parts[i].len, world_dest,
                                   pc_runtime_part_tag(first + (uint32_t)i), inner,
                                   &sending->requests[sending->count]);
        if (code != MPI_SUCCESS) {
            return code;
        }
        sending->count++;
    }
    return MPI_SUCCESS;
}

static int start_all(pm_sending *sending, int dest, int world_dest, int tag, MPI_Comm comm)
{
    pm_letter *letter = sending->letter;
    pm_header *header = pm_letter_header(letter);
    if (header->apart && !letter->stamped) {
        header->first_part = pc_runtime_next_parts(letter->part_count);
        header->source = pc_runtime_get()->rank;
        letter->stamped = true;
    }
    int code = pc_buffer_isend(letter->bytes, letter->used, dest, tag, comm, sending->requests);
    if (code != MPI_SUCCESS) {
        return code;
    }
    sending->count = 1;
    return header->apart ? start_parts(sending, world_dest) : MPI_SUCCESS;
}

static void release(pm_sending *sending)
{
    if (sending->requests != sending->few) {
        PyMem_Free(sending->requests);
    }
    sending->requests = sending->few;
    Py_CLEAR(sending->letter);
}

int pm_post_start(pm_sending *sending, pm_letter *letter, int dest, int world_dest, int tag,
                  MPI_Comm comm, const char *call)
{
    int most = 1 + letter->part_count;
    *sending = (pm_sending){.letter = (pm_letter *)Py_NewRef(letter)};
    sending->requests = most <= (int)(sizeof sending->few / sizeof *sending->few)
                            ? sending->few
                            : PyMem_New(MPI_Request, (size_t)most);
    if (!sending->requests) {
        PyErr_NoMemory();
        release(sending);
        return -1;
    }
    int code = start_all(sending, dest, world_dest, tag, comm);
    if (code != MPI_SUCCESS) {
        pc_error_set(call, code);
        pm_post_finish(sending, call);
        return -1;
    }
    return 0;
}

int pm_post_finish(pm_sending *sending, const char *call)
{
    int result = 0;
    if (sending->letter && PyErr_Occurred()) {
        pm_post_leave(sending);
        return -1;
    }
    if (sending->letter) {
        result = pc_wait_all(sending->requests, sending->count, (PyObject *)sending->letter, call);
        release(sending);
    }
    return result;
}

void pm_post_leave(pm_sending *sending)
{
    pc_wait_leave(sending->requests, sending->count, (PyObject *)sending->letter);
    release(sending);
}

static int fetch_bytes(pm_letter *letter, MPI_Message *message, size_t size, const char *call)
{
    MPI_Request request;
    letter->used = 0;
    if (pm_letter_reserve(letter, size) < 0 ||
        pc_error_check(call, pc_buffer_imrecv(letter->bytes, size, message, &request)) < 0) {
        return -1;
    }
    letter->used = size;
    return pc_wait_all(&request, 1, (PyObject *)letter, call);
}

static int start_fetching_parts(pm_letter *letter, MPI_Request *requests, int *started_p,
                                const char *call)
{
    const pm_header *header = pm_letter_header(letter);
    MPI_Comm inner = pc_runtime_get()->inner;
    for (int i = 0; i < letter->part_count; i++) {
        int code = pc_buffer_irecv(
            letter->parts[i].buf, (size_t)letter->parts[i].len, header->source,
            pc_runtime_part_tag(header->first_part + (uint32_t)i), inner, &requests[i]);
        if (code != MPI_SUCCESS) {
            return pc_error_set(call, code);
        }
        *started_p = i + 1;
    }
    return 0;
}

/* Receives a part for nobody. Where there is no memory for it either, it stays with its sender. */
static int drain_part(pm_letter *letter, int part)
{
    const pm_header *header = pm_letter_header(letter);
    size_t size = pm_letter_part_size(letter, part);
    MPI_Request request;
    PyObject *scratch = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)size);
    int result = -1;
    if (scratch && pc_buffer_irecv(PyByteArray_AS_STRING(scratch), size, header->source,
                                   pc_runtime_part_tag(header->first_part + (uint32_t)part),
                                   pc_runtime_get()->inner, &request) == MPI_SUCCESS) {
        result = pc_wait_all(&request, 1, scratch, "recv");
    }
    Py_XDECREF(scratch);
    return result;
}

/* The value cannot be made here, but its sender waits until its parts have been taken. Keeps the
 * exception that tells why. */
static int drain_parts(pm_letter *letter)
{
    PyObject *type, *value, *traceback;
    int parts = (int)pm_letter_header(letter)->parts;
    PyErr_Fetch(&type, &value, &traceback);
    for (int i = 0; i < parts; i++) {
        if (drain_part(letter, i) < 0) {
            PyErr_Clear();
        }
    }
    PyErr_Restore(type, value, traceback);
    return -1;
}

static int fetch_parts(pm_state *state, pm_letter *letter, const char *call)
{
    MPI_Request few[4], *requests = few;
    int started = 0;
    if (pm_decode_prepare(state, letter) < 0) {
        return drain_parts(letter);
    }
    if (letter->part_count > (int)(sizeof few / sizeof *few)) {
        requests = PyMem_New(MPI_Request, (size_t)letter->part_count);
        if (!requests) {
            PyErr_NoMemory();
            return drain_parts(letter);
        }
    }
    int result = start_fetching_parts(letter, requests, &started, call);
    if (result < 0) {
        pc_wait_leave(requests, started, (PyObject *)letter);
    } else {
        result = pc_wait_all(requests, started, (PyObject *)letter, call);
    }
    if (requests != few) {
        PyMem_Free(requests);
    }
    return result;
}

pm_letter *pm_post_fetch(pm_state *state, int source, int tag, MPI_Comm comm, MPI_Status *status,
                         const char *call)
{
    MPI_Message message;
    MPI_Status own;
    size_t size;
    if (pc_wait_message(source, tag, comm, &message, &own, call) < 0) {
        return NULL;
    }
    pm_letter *letter = pm_letter_new(state, PM_KIND_PACKED);
    if (!letter || pc_error_check(call, pc_buffer_size(&own, &size)) < 0 ||
        fetch_bytes(letter, &message, size, call) < 0 || pm_letter_check(letter, call) < 0 ||
        (pm_letter_header(letter)->apart && fetch_parts(state, letter, call) < 0)) {
        Py_CLEAR(letter);
    }
    if (status != MPI_STATUS_IGNORE) {
        *status = own;
    }
    return letter;
}
