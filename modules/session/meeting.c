/* The meeting: all ranks come together behind a statement.
 * SPDX-License-Identifier: MIT
 *
 * One reduction of a bit a rank, on a communicator of the session's own: nobody leaves it before it is over,
 * so MPI's nonblocking one does. Who waits here still answers: gates, the judge of deadlocks. */
#include "modules/session/meeting.h"

#include <stdlib.h>

#include "modules/common/deadlock.h"
#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/session/recovery.h"
#include "modules/session/wait.h"

#define WORD 64 /* bits */

/* Sets the bits of all ranks that failed. */
static int exchange(uint64_t *bits, int words)
{
    MPI_Request request;
    int code = PMPI_Iallreduce(MPI_IN_PLACE, bits, words, MPI_UINT64_T, MPI_BOR,
                               pc_runtime_session()->meeting, &request);
    return pc_error_check("meet", code == MPI_SUCCESS ? ps_wait(&request, "meet") : code);
}

static PyObject *list_ranks(const uint64_t *bits)
{
    PyObject *list = PyList_New(0);
    for (int rank = 0; list && rank < pc_runtime_get()->size; rank++) {
        if (bits[rank / WORD] >> rank % WORD & 1) {
            PyObject *number = PyLong_FromLong(rank);
            if (!number || PyList_Append(list, number) < 0) {
                Py_CLEAR(list);
            }
            Py_XDECREF(number);
        }
    }
    return list;
}

static PyObject *meet(uint64_t *bits, int words)
{
    pc_deadlock_rest(true);
    int result = exchange(bits, words);
    pc_deadlock_rest(false);
    PyObject *ranks = result == 0 ? list_ranks(bits) : NULL;
    if (ranks && PyList_GET_SIZE(ranks) && ps_recovery_run() < 0) {
        Py_CLEAR(ranks);
    }
    return ranks;
}

PyObject *ps_meeting_hold(bool failed)
{
    int rank = pc_runtime_get()->rank, words = pc_runtime_get()->size / WORD + 1;
    uint64_t *bits = calloc((size_t)words, sizeof *bits);
    if (!bits) {
        return PyErr_NoMemory();
    }
    if (failed) {
        bits[rank / WORD] = (uint64_t)1 << rank % WORD;
        pc_session_fail(pc_runtime_session()->latest);
    }
    pc_session_begin(0);
    PyObject *ranks = meet(bits, words);
    free(bits);
    return ranks;
}
