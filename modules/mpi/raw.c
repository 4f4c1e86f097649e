/* Messages of bare memory, for peers that are not pympi.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/raw.h"

#include "modules/common/buffers.h"
#include "modules/common/errors.h"
#include "modules/common/wait.h"

/* A memoryview keeps the memory for as long as MPI uses it, also when the wait is broken. */
static PyObject *hold(PyObject *memory, Py_buffer **view_p, const char *call)
{
    PyObject *held = PyMemoryView_FromObject(memory);
    if (!held) {
        PyErr_Clear();
        PyErr_Format(PyExc_TypeError, "%s: raw=True takes memory such as an array, not %.200R",
                     call, memory);
        return NULL;
    }
    *view_p = PyMemoryView_GET_BUFFER(held);
    if (!PyBuffer_IsContiguous(*view_p, 'A')) {
        PyErr_Format(PyExc_ValueError, "%s: raw=True takes contiguous memory", call);
        Py_CLEAR(held);
    }
    return held;
}

int pm_raw_send(pm_comm *comm, PyObject *memory, int dest, int tag, const char *call)
{
    Py_buffer *view;
    MPI_Request request;
    PyObject *held = hold(memory, &view, call);
    if (!held) {
        return -1;
    }
    int code = pc_buffer_isend(view->buf, (size_t)view->len, dest, tag, comm->users, &request);
    int result =
        code == MPI_SUCCESS ? pc_wait_all(&request, 1, held, call) : pc_error_set(call, code);
    Py_DECREF(held);
    return result;
}

typedef struct {
    MPI_Comm comm;
    int source, tag;
    MPI_Message message;
    MPI_Status *status;
} wanted;

static int look(void *what, int *done_p)
{
    wanted *one = what;
    return MPI_Improbe(one->source, one->tag, one->comm, done_p, &one->message, one->status);
}

/* Receives what was found into memory, of which owner is the object. */
static int fetch(wanted *one, void *memory, size_t size, PyObject *owner, const char *call)
{
    MPI_Request request;
    int code = pc_buffer_imrecv(memory, size, &one->message, &request);
    return code == MPI_SUCCESS ? pc_wait_all(&request, 1, owner, call) : pc_error_set(call, code);
}

/* A message that is too long is received all the same, for nobody: its sender waits. */
static int refuse(wanted *one, size_t size, Py_ssize_t room, const char *call)
{
    PyObject *scratch = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)size);
    int result = scratch ? fetch(one, PyByteArray_AS_STRING(scratch), size, scratch, call) : -1;
    Py_XDECREF(scratch);
    return result < 0 ? -1
                      : pc_error_say(call, "a message of %zu bytes for memory of %zd", size, room);
}

/* Probes first: Open MPI 4.1 writes beyond memory that is too short for a large message. */
PyObject *pm_raw_receive(pm_comm *comm, PyObject *into, int source, int tag, MPI_Status *status,
                         const char *call)
{
    Py_buffer *view;
    wanted one = {comm->users, source, tag, MPI_MESSAGE_NULL, status};
    pc_board_wait wait = {.call = call, .peer = source, .tag = tag};
    size_t size = 0;
    PyObject *held = hold(into, &view, call);
    int result = held ? pc_wait_until(look, &one, &wait) : -1;
    if (result == 0) {
        result = pc_error_check(call, pc_buffer_size(status, &size));
    }
    if (result == 0) {
        result = size > (size_t)view->len ? refuse(&one, size, view->len, call)
                                          : fetch(&one, view->buf, size, held, call);
    }
    Py_XDECREF(held);
    return result < 0 ? NULL : Py_NewRef(into);
}
