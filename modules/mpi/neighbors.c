/* A grid's neighbours, and collectives among them.
 * SPDX-License-Identifier: MIT
 *
 * The neighbours are numbered as MPI numbers them: behind and ahead in dimension 0, behind and ahead in
 * dimension 1. What goes to the one behind comes there from the one ahead: numbers 2 d and 2 d + 1 change
 * places on the way. Where both are the same rank (a closed dimension of one or two ranks) messages are
 * taken in the order in which they were sent, so that this holds there too. */
#include "modules/mpi/neighbors.h"

#include "modules/common/errors.h"
#include "modules/mpi/work.h"
#include "modules/mpi/grid.h"

#define MOST (2 * PM_CART_MOST)

/* The neighbours' ranks, or PROC_NULL. Their number, or -1 with an exception set. */
static int find(const pm_comm *cart, int *ranks, const char *call)
{
    pm_grid grid;
    if (pm_cart_read(cart, &grid, call) < 0) {
        return -1;
    }
    for (int i = 0; i < grid.count; i++) {
        int code = MPI_Cart_shift(cart->users, i, 1, &ranks[2 * i], &ranks[2 * i + 1]);
        if (code != MPI_SUCCESS) {
            return pc_error_set("MPI_Cart_shift", code);
        }
    }
    return 2 * grid.count;
}

const char pm_cart_neighbors_doc[] =
    "The ranks behind and ahead in each dimension; PROC_NULL where the grid has ended.";

PyObject *pm_cart_neighbors(PyObject *self, void *Py_UNUSED(unused))
{
    int ranks[MOST], count = find((pm_comm *)self, ranks, "neighbors");
    return count < 0 ? NULL : pm_grid_ints(ranks, count);
}

/* Sends what is for a neighbour, or what says that there is none. */
static int post_item(pm_work *work, PyObject *item, int rank)
{
    pm_letter *letter = pm_work_encode(work, item, false);
    int posted = letter ? pm_work_send(work, letter, rank) : -1;
    Py_XDECREF(letter);
    return posted;
}

/* All neighbours at once, in the order in which they send: see above. */
static int post_all(pm_work *work, const int *ranks, int count)
{
    int posted = 0;
    for (int i = 0; i < count && posted >= 0; i++) {
        posted = ranks[i ^ 1] == MPI_PROC_NULL ? posted : pm_work_expect(work, ranks[i ^ 1]);
    }
    for (int i = 0; i < count && posted >= 0; i++) {
        PyObject *item = work->items ? PyTuple_GET_ITEM(work->items, i) : work->value;
        posted = ranks[i] == MPI_PROC_NULL ? posted : post_item(work, item, ranks[i]);
    }
    return posted;
}

static void keep_arrivals(pm_work *work, const int *ranks, int count)
{
    int arrival = 0;
    for (int i = 0; i < count; i++) {
        bool there = ranks[i ^ 1] != MPI_PROC_NULL && arrival < work->arrival_count;
        pm_work_keep(work, i ^ 1, there ? pm_work_value(work, arrival++) : Py_NewRef(Py_None));
    }
}

static int neighbors_next(pm_work *work)
{
    int ranks[MOST], count = find(work->comm, ranks, work->call);
    int posted = count < 0 ? -1 : work->round == 0 ? post_all(work, ranks, count) : 0;
    if (posted) {
        return posted;
    }
    keep_arrivals(work, ranks, count);
    return pm_work_end(work, work->failed ? NULL : Py_NewRef(work->gathered));
}

/* items: one for each neighbour, or NULL where value is for all. */
static pm_work *new_exchange(PyObject *self, PyObject *value, PyObject *items, const char *call)
{
    int ranks[MOST], count = find((pm_comm *)self, ranks, call);
    pm_work *work = count < 0 ? NULL : pm_work_collective((pm_comm *)self, call, neighbors_next);
    if (work) {
        work->value = Py_XNewRef(value);
        work->items = Py_XNewRef(items);
        work->gathered = PyList_New(count);
    }
    if (work && !work->gathered) {
        pm_work_release(work);
        work = NULL;
    }
    return work;
}

const char pm_cart_neighbor_allgather_doc[] =
    "neighbor_allgather($self, /, obj)\n--\n\n"
    "Gives each neighbour this rank's object: the list of theirs, in the order of neighbors.\n"
    "Collective over comm. A message for each neighbour. None stands where there is none.\n\n"
    "When a rank's object cannot be sent, that rank raises what pickle raised and its neighbours\n"
    "mpi.Error.";

PyObject *pm_cart_neighbor_allgather(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"obj", NULL};
    PyObject *value;
    return PyArg_ParseTupleAndKeywords(args, keywords, "O:neighbor_allgather", names, &value)
               ? pm_work_run(new_exchange(self, value, NULL, "neighbor_allgather"))
               : NULL;
}

const char pm_cart_neighbor_alltoall_doc[] =
    "neighbor_alltoall($self, /, items)\n--\n\n"
    "Gives each neighbour an item of its own: the list of what they gave this rank.\n"
    "Collective over comm. A message for each neighbour. None stands where there is none.\n\n"
    "items: one for each of neighbors, in that order; those for PROC_NULL do not matter. Raises\n"
    "ValueError for another number of items, before anything is sent; for an item that cannot be\n"
    "sent what pickle raised, and mpi.Error where it was meant to go.";

/* The items as a tuple, before the others hear of anything. */
static PyObject *read_items(const pm_comm *cart, PyObject *value)
{
    int ranks[MOST], count = find(cart, ranks, "neighbor_alltoall");
    PyObject *items = count < 0 ? NULL : PySequence_Tuple(value);
    if (!items && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Format(PyExc_TypeError, "neighbor_alltoall: items is %R, not a sequence of %d items",
                     value, count);
    }
    if (items && PyTuple_GET_SIZE(items) != count) {
        PyErr_Format(PyExc_ValueError, "neighbor_alltoall: %zd items for %d neighbors",
                     PyTuple_GET_SIZE(items), count);
        Py_CLEAR(items);
    }
    return items;
}

PyObject *pm_cart_neighbor_alltoall(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"items", NULL};
    PyObject *value;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:neighbor_alltoall", names, &value)) {
        return NULL;
    }
    PyObject *items = read_items((pm_comm *)self, value);
    PyObject *result =
        items ? pm_work_run(new_exchange(self, NULL, items, "neighbor_alltoall")) : NULL;
    Py_XDECREF(items);
    return result;
}
