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
    MPI_Request request;
    MPI_Status *status;
} one_request;

static int look(void *what, int *done_p)
{
    one_request *one = what;
    return MPI_Test(&one->request, done_p, one->status);
}

PyObject *pm_raw_receive(pm_comm *comm, PyObject *into, int source, int tag, MPI_Status *status,
                         const char *call)
{
    Py_buffer *view;
    one_request one = {MPI_REQUEST_NULL, status};
    pc_board_wait wait = {call, source, tag};
    PyObject *held = hold(into, &view, call);
    if (!held) {
        return NULL;
    }
    int code =
        pc_buffer_irecv(view->buf, (size_t)view->len, source, tag, comm->users, &one.request);
    int result = code == MPI_SUCCESS ? pc_wait_until(look, &one, &wait) : pc_error_set(call, code);
    if (result < 0 && one.request != MPI_REQUEST_NULL) {
        PMPI_Cancel(&one.request);
        PMPI_Wait(&one.request, MPI_STATUS_IGNORE);
    }
    Py_DECREF(held);
    return result < 0 ? NULL : Py_NewRef(into);
}
