/* Sub-groups by slicing.
 * SPDX-License-Identifier: MIT
 *
 * Only the members meet: the others may evaluate the same slice, which gives them None, or be elsewhere.
 * So no number of a collective is taken, which would be another on the others from then on: the members
 * meet on a tag of its own (another behind each broken statement of a session). Two slices that overlap do not mix, for every two ranks come to the slices
 * that both are in in one order. */
#include "modules/mpi/slice.h"

#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/common/wait.h"
#include "modules/mpi/make.h"

#define CALL "comm[ranks]"

/* The ranks in the order of the new communicator. */
typedef struct {
    int *ranks;
    int count;
    int own; /* the place of this rank; -1: it is no member */
} member_list;

static int read_slice(const pm_comm *comm, PyObject *key, member_list *list)
{
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(key, &start, &stop, &step) < 0) {
        return -1;
    }
    list->count = (int)PySlice_AdjustIndices(comm->size, &start, &stop, step);
    for (int i = 0; i < list->count; i++) {
        list->ranks[i] = (int)(start + i * step);
    }
    return 0;
}

/* Each rank of the sequence, once. */
static int read_ranks(const pm_comm *comm, PyObject *items, member_list *list)
{
    char *seen = PyMem_Calloc((size_t)comm->size, 1);
    int result = seen ? 0 : -1;
    if (!seen) {
        PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(items); i++) {
        int rank;
        PyObject *item = PyTuple_GET_ITEM(items, i);
        if (!pm_comm_read_rank(comm, item, CALL, "rank", &rank)) {
            result = -1;
        } else if (seen[rank]) {
            PyErr_Format(PyExc_ValueError, CALL ": rank %d is there twice", rank);
            result = -1;
        } else {
            seen[rank] = 1;
            list->ranks[list->count++] = rank;
        }
    }
    PyMem_Free(seen);
    return result;
}

static int read_key(const pm_comm *comm, PyObject *key, member_list *list)
{
    if (PySlice_Check(key)) {
        return read_slice(comm, key, list);
    }
    PyObject *items = PyIndex_Check(key) && !PySequence_Check(key) ? NULL : PySequence_Tuple(key);
    if (!items) {
        if (!PyErr_Occurred() || PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError, CALL ": %R is no slice and no list of ranks", key);
        }
        return -1;
    }
    int result = read_ranks(comm, items, list);
    Py_DECREF(items);
    return result;
}

static void find_own(const pm_comm *comm, member_list *list)
{
    list->own = -1;
    for (int i = 0; i < list->count; i++) {
        if (list->ranks[i] == comm->rank) {
            list->own = i;
        }
    }
}

/* Tells one member, hears of another. */
static int exchange(const pm_comm *comm, int dest, int source)
{
    MPI_Request requests[2];
    const pc_runtime *runtime = pc_runtime_get();
    int tag = 2 * runtime->tag_half + (int)(runtime->epoch & (unsigned)(runtime->tag_half - 1));
    int code = MPI_Irecv(NULL, 0, MPI_BYTE, source, tag, comm->inner, &requests[0]);
    if (code == MPI_SUCCESS) {
        code = PMPI_Isend(NULL, 0, MPI_BYTE, dest, tag, comm->inner, &requests[1]);
    }
    return pc_error_check(CALL, code) < 0 ? -1 : pc_wait_all(requests, 2, NULL, CALL);
}

/* Returns when every member has come: MPI's own call behind it cannot be interrupted. */
static int meet(const pm_comm *comm, const member_list *list)
{
    int count = comm->inner == MPI_COMM_NULL ? 1 : list->count, result = 0;
    for (int step = 1; step < count && result == 0; step <<= 1) {
        result = exchange(comm, list->ranks[(list->own + step) % count],
                          list->ranks[(list->own - step + count) % count]);
    }
    return result;
}

static PyObject *make(pm_comm *comm, PyObject *key, member_list *list)
{
    if (read_key(comm, key, list) < 0) {
        return NULL;
    }
    find_own(comm, list);
    if (list->own < 0) {
        Py_RETURN_NONE;
    }
    return meet(comm, list) < 0 ? NULL
                                : pm_make_of_members(pm_state_of_type(Py_TYPE(comm)), comm,
                                                     list->ranks, list->count);
}

PyObject *pm_comm_subscript(PyObject *self, PyObject *key)
{
    pm_comm *comm = (pm_comm *)self;
    if (!pm_comm_has_one_side(comm, CALL)) {
        return NULL;
    }
    member_list list = {.ranks = PyMem_New(int, (size_t)comm->size)};
    PyObject *part = list.ranks ? make(comm, key, &list) : PyErr_NoMemory();
    PyMem_Free(list.ranks);
    return part;
}
