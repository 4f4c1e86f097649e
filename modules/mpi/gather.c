/* Collectives of a list of objects: scatter, gather, alltoall.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/args.h"
#include "modules/mpi/axis.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/collectives.h"
#include "modules/mpi/into.h"

#define PEERS 64 /* of one round: what a rank receives at once takes memory */

/* A fresh list of the items, or NULL with an exception set. */
static PyObject *list_items(const pm_work *work, PyObject *items)
{
    PyObject *list = PySequence_List(items);
    if (!list && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Format(PyExc_TypeError, "%s: items is %R, not a sequence of %d items", work->call,
                     items, work->comm->size);
    }
    if (list && PyList_GET_SIZE(list) != work->comm->size) {
        PyErr_Format(PyExc_ValueError, "%s: %zd items for %d ranks", work->call,
                     PyList_GET_SIZE(list), work->comm->size);
        Py_CLEAR(list);
    }
    return list;
}

/* Posts an item to its rank; one that cannot be sent, or is not there, goes as a failure. */
static int post_item(pm_work *work, int rank)
{
    PyObject *item = work->items ? PyList_GET_ITEM(work->items, rank) : NULL;
    if (!item) {
        pm_work_raise(Py_NewRef(work->failed));
    }
    pm_letter *letter = pm_work_encode(work, item, false);
    int posted = letter ? pm_work_send(work, letter, rank) : -1;
    Py_XDECREF(letter);
    return posted;
}

/* root's items: work->value, split along an axis where one is given. */
static void take_items(pm_work *work)
{
    PyObject *items =
        pm_axis_split(work->value, work->axis, work->counts, work->comm->size, work->call);
    work->items = items ? list_items(work, items) : NULL;
    Py_XDECREF(items);
    if (!work->items) {
        work->failed = pm_work_take_exception();
    }
}

static int scatter_next(pm_work *work)
{
    int rank = work->comm->rank, size = work->comm->size;
    PyObject *own = NULL;
    if (rank != work->root) {
        if (work->round == 0) {
            return pm_work_expect(work, work->root);
        }
        own = pm_work_value(work, 0);
        return pm_work_end(work, pm_into_put(work->state, own, work->into, work->call));
    }
    if (work->round == 0) {
        take_items(work);
    }
    int posted = 0, end = (work->round + 1) * PEERS;
    for (int to = work->round * PEERS; to < size && to < end && posted >= 0; to++) {
        posted = to == rank ? posted : post_item(work, to);
    }
    if (posted) {
        return posted;
    }
    if (end < size) {
        return 1;
    }
    own = work->failed ? NULL : pm_collective_copy(work, PyList_GET_ITEM(work->items, rank));
    return pm_work_end(work, pm_into_put(work->state, own, work->into, work->call));
}

const char pm_scatter_doc[] =
    "scatter($self, /, items=None, root=0, axis=None, counts=None, into=None)\n--\n\n"
    "Gives each rank one of root's items: the first to rank 0, the next to rank 1.\n"
    "Collective over comm.\n\n"
    "items: on root a sequence of size items; elsewhere it does not matter. With axis an array\n"
    "that is cut along it: into size parts as numpy.array_split cuts, or into parts of counts\n"
    "elements. into: memory for the rank's own item. When root's items are of another number or\n"
    "cannot be sent, root raises ValueError or what pickle raised, and the others mpi.Error.";

pm_work *pm_begin_scatter(PM_BEGIN)
{
    static const pm_signature signature = {
        "scatter", 0, 0, {"items", "root", "axis", "counts", "into"}};
    PyObject *values[5];
    int root = 0;
    if (pm_args_read(&signature, args, count, names, values) < 0 ||
        pm_args_root((pm_comm *)self, values[1], "scatter", &root) < 0 ||
        pm_axis_check(values[2], values[3], "scatter") < 0 ||
        pm_into_check(pm_state_of_type(Py_TYPE(self)), values[4], "scatter") < 0) {
        return NULL;
    }
    pm_work *work = pm_work_collective((pm_comm *)self, "scatter", scatter_next);
    if (work) {
        work->value = Py_NewRef(values[0] ? values[0] : Py_None);
        work->axis = Py_XNewRef(pm_args_given(values[2]));
        work->counts = Py_XNewRef(pm_args_given(values[3]));
        work->into = Py_XNewRef(pm_args_given(values[4]));
        work->root = root;
        work->direct = true;
    }
    return work;
}

/* The letters of others are taken also behind one that failed: they are on their way. */
static void keep_arrivals(pm_work *work)
{
    int rank = (work->round - 1) * PEERS;
    for (int i = 0; i < work->arrival_count; i++, rank++) {
        rank += rank == work->comm->rank;
        pm_work_keep(work, rank, pm_work_value(work, i));
    }
}

static int gather_at_root(pm_work *work)
{
    int rank = work->comm->rank, size = work->comm->size, posted = 0;
    if (work->round == 0) {
        pm_work_keep(work, rank, pm_collective_copy(work, work->value));
    } else {
        keep_arrivals(work);
    }
    int from = work->round * PEERS, end = from + PEERS;
    for (; from < size && from < end && posted >= 0; from++) {
        posted = from == rank ? posted : pm_work_expect(work, from);
    }
    return posted ? posted : end < size ? 1 : pm_axis_end(work);
}

static int gather_next(pm_work *work)
{
    if (work->comm->rank == work->root) {
        return gather_at_root(work);
    }
    if (work->round) {
        return pm_work_end(work, Py_NewRef(Py_None));
    }
    pm_letter *letter = pm_work_encode(work, work->value, false);
    int posted = letter ? pm_work_send(work, letter, work->root) : -1;
    Py_XDECREF(letter);
    return posted;
}

const char pm_gather_doc[] =
    "gather($self, /, obj, root=0, axis=None, into=None)\n--\n\n"
    "Gives root a list of every rank's object, in rank order; None elsewhere.\n"
    "Collective over comm.\n\n"
    "With axis the objects are arrays, and root gets them joined along it; their lengths along\n"
    "it may differ. into: on root, memory whose rows take the objects, or the joined array.\n"
    "When a rank's object cannot be sent, that rank raises what pickle raised and root\n"
    "mpi.Error.";

pm_work *pm_begin_gather(PM_BEGIN)
{
    static const pm_signature signature = {"gather", 1, 0, {"obj", "root", "axis", "into"}};
    PyObject *values[4];
    int root = 0;
    if (pm_args_read(&signature, args, count, names, values) < 0 ||
        pm_args_root((pm_comm *)self, values[1], "gather", &root) < 0 ||
        pm_axis_check(values[2], NULL, "gather") < 0 ||
        pm_into_check(pm_state_of_type(Py_TYPE(self)), values[3], "gather") < 0) {
        return NULL;
    }
    pm_work *work = pm_work_collecting((pm_comm *)self, "gather", gather_next);
    if (work) {
        work->value = Py_NewRef(values[0]);
        work->axis = Py_XNewRef(pm_args_given(values[2]));
        work->into = Py_XNewRef(pm_args_given(values[3]));
        work->root = root;
    }
    return work;
}

/* Ranks meet in pairs: in each round a rank sends to those behind it and hears from those before it. */
static int post_pairs(pm_work *work)
{
    int rank = work->comm->rank, size = work->comm->size, posted = 0;
    int first = 1 + work->round * PEERS;
    for (int by = first; by < size && by < first + PEERS && posted >= 0; by++) {
        posted = pm_work_expect(work, (rank - by + size) % size);
    }
    for (int by = first; by < size && by < first + PEERS && posted >= 0; by++) {
        posted = post_item(work, (rank + by) % size);
    }
    return posted;
}

static int alltoall_next(pm_work *work)
{
    int rank = work->comm->rank, size = work->comm->size;
    if (work->round == 0) {
        take_items(work);
        if (work->items) {
            PyObject *own = PyList_GET_ITEM(work->items, rank);
            pm_work_keep(work, rank, pm_collective_copy(work, own));
        }
    }
    for (int i = 0; i < work->arrival_count; i++) {
        int by = 1 + (work->round - 1) * PEERS + i;
        pm_work_keep(work, (rank - by + size) % size, pm_work_value(work, i));
    }
    int posted = post_pairs(work);
    return posted ? posted : pm_axis_end(work);
}

const char pm_alltoall_doc[] =
    "alltoall($self, /, items, axis=None, counts=None, into=None)\n--\n\n"
    "Sends each rank one of this rank's items and gives the list of those that come, by rank.\n"
    "Collective over comm. A message to every other rank.\n\n"
    "items: a sequence of size items, the first for rank 0. With axis an array that is cut along\n"
    "it (counts as in scatter), and what comes is joined along it. into: memory for the result.\n"
    "A rank whose items are of another number or cannot be sent raises ValueError or what pickle\n"
    "raised, and the others mpi.Error.";

pm_work *pm_begin_alltoall(PM_BEGIN)
{
    static const pm_signature signature = {"alltoall", 1, 0, {"items", "axis", "counts", "into"}};
    PyObject *values[4];
    if (pm_args_read(&signature, args, count, names, values) < 0 ||
        pm_axis_check(values[1], values[2], "alltoall") < 0 ||
        pm_into_check(pm_state_of_type(Py_TYPE(self)), values[3], "alltoall") < 0) {
        return NULL;
    }
    pm_work *work = pm_work_collecting((pm_comm *)self, "alltoall", alltoall_next);
    if (work) {
        work->value = Py_NewRef(values[0]);
        work->axis = Py_XNewRef(pm_args_given(values[1]));
        work->counts = Py_XNewRef(pm_args_given(values[2]));
        work->into = Py_XNewRef(pm_args_given(values[3]));
    }
    return work;
}
