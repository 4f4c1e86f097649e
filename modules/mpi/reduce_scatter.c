/* reduce_scatter: each rank's item of a reduction of lists.
 * SPDX-License-Identifier: MIT
 *
 * Recursive halving (Thakur, Rabenseifner, Gropp 2005) with the nearest ranks first, so that what a rank
 * holds is always of a run of ranks, and an operator need not commute. In each step a rank gives its
 * partner the items that are the partner's side's, and takes those of its own side: what is left halves.
 *
 * Ranks beyond a power of two give all their items to a neighbour first and get their own at the end; the
 * others are numbered anew, in the same order, and a number has the items of one or two ranks. */
#include "modules/mpi/args.h"
#include "modules/mpi/axis.h"
#include "modules/mpi/into.h"
#include "modules/mpi/numbers.h"
#include "modules/mpi/reduce.h"

enum { FOLDING, HALVING, ENDING };

/* The ranks beyond a power of two. */
static int beyond_of(const pm_work *work)
{
    int power = 1;
    while (2 * power <= work->comm->size) {
        power *= 2;
    }
    return work->comm->size - power;
}

/* The number of the rank that holds this rank's item. */
static int number_of(int rank, int beyond)
{
    return rank < 2 * beyond ? rank / 2 : rank - beyond;
}

static int rank_of(int number, int beyond)
{
    return number < beyond ? 2 * number + 1 : number + beyond;
}

/* Of the items that this rank still has, those of the numbers whose low bits are that number's. */
static PyObject *pick(const pm_work *work, int number, int low_bits)
{
    int beyond = beyond_of(work), own = number_of(work->comm->rank, beyond);
    PyObject *some = PyList_New(0);
    Py_ssize_t at = 0;
    for (int rank = 0; some && rank < work->comm->size; rank++) {
        int holder = number_of(rank, beyond);
        if ((holder ^ own) & (work->step - 1)) {
            continue; /* gone */
        }
        PyObject *item = PyList_GET_ITEM(work->value, at++);
        if (!((holder ^ number) & low_bits) && PyList_Append(some, item) < 0) {
            Py_CLEAR(some);
        }
    }
    return some;
}

/* The other half goes to its side; what is kept waits for what comes. */
static int post_half(pm_work *work)
{
    int beyond = beyond_of(work), own = number_of(work->comm->rank, beyond);
    int partner = own ^ work->step, low_bits = 2 * work->step - 1;
    PyObject *kept = work->value ? pick(work, own, low_bits) : NULL;
    PyObject *given = kept ? pick(work, partner, low_bits) : NULL;
    if (work->value && !given) {
        Py_XDECREF(kept);
        return -1;
    }
    Py_XSETREF(work->value, given);
    int posted = pm_work_expect(work, rank_of(partner, beyond));
    if (posted == 1) {
        posted = pm_reduction_post(work, rank_of(partner, beyond));
    }
    Py_XSETREF(work->value, kept);
    return posted;
}

/* What has come is of lower ranks, or of higher ones. */
static int take_half(pm_work *work, bool lower)
{
    PyObject *other = pm_work_value(work, 0);
    if (!other) {
        return pm_reduction_note(work);
    }
    int result = lower ? pm_reduction_combine(work, &work->value, other, work->value)
                       : pm_reduction_combine(work, &work->value, work->value, other);
    Py_DECREF(other);
    return result;
}

/* A rank beyond gives everything and waits; its neighbour takes it. 0: nothing to do. */
static int fold(pm_work *work)
{
    int rank = work->comm->rank;
    if (rank >= 2 * beyond_of(work)) {
        return 0;
    }
    if (rank % 2) {
        return work->round == 0 ? pm_work_expect(work, rank - 1) : take_half(work, true);
    }
    work->phase = ENDING;
    int posted = pm_work_expect(work, rank + 1);
    return posted == 1 ? pm_reduction_post(work, rank + 1) : posted;
}

/* The items that are left: this rank's, and before it that of a rank beyond, who waits for it. */
static int post_last(pm_work *work)
{
    int rank = work->comm->rank;
    bool two = rank < 2 * beyond_of(work);
    PyObject *own = work->value ? PyList_GetItem(work->value, two) : NULL; /* borrowed */
    bool given =
        own && own == PyList_GetItem(work->gathered, rank); /* nothing of it has travelled */
    work->own = given ? pm_collective_copy(work, own) : Py_XNewRef(own);
    work->phase = ENDING;
    if (own && !work->own) {
        return -1;
    }
    if (!two) {
        return 0;
    }
    PyObject *first = work->value ? PyList_GetItem(work->value, 0) : NULL; /* borrowed */
    Py_XSETREF(work->value, Py_XNewRef(first));
    return pm_reduction_post(work, rank - 1);
}

static int end(pm_work *work)
{
    bool waited = work->comm->rank < 2 * beyond_of(work) && work->comm->rank % 2 == 0;
    PyObject *item = waited ? pm_work_value(work, 0) : Py_XNewRef(work->own);
    return pm_reduction_end(work, item);
}

static int halve(pm_work *work)
{
    int beyond = beyond_of(work), own = number_of(work->comm->rank, beyond);
    if (work->phase == FOLDING) {
        work->phase = HALVING;
    } else {
        bool lower = own & work->step;
        work->step *= 2;
        if (take_half(work, lower) < 0) {
            return -1;
        }
    }
    return work->step < work->comm->size - beyond ? post_half(work) : post_last(work);
}

static int scatter_next(pm_work *work)
{
    int posted = 0;
    if (work->round == 0 && pm_reduction_begin(work) < 0) {
        return -1;
    }
    if (work->phase == FOLDING) {
        posted = fold(work);
    }
    if (posted == 0 && work->phase != ENDING) {
        posted = halve(work);
    }
    return posted ? posted : end(work);
}

const char pm_reduce_scatter_doc[] =
    "reduce_scatter(items, op=SUM, axis=None, counts=None, into=None)\n\n"
    "Combines the first items of all ranks for rank 0, the next ones for rank 1, and so on.\n"
    "Collective over comm. log2(size) steps, in rank order, in which what is sent halves.\n\n"
    "items: a sequence of size items. With axis an array, which is combined whole; each rank\n"
    "gets its part along the axis, as scatter cuts it. " PM_OPERATOR_DOC "A failing\nop is an "
    "exception where it failed, and mpi.Error where its value was meant to go.";

static const pm_signature reduce_scatter_signature = {
    "reduce_scatter", 1, 0, {"items", "op", "axis", "counts", "into"}};

pm_work *pm_begin_reduce_scatter(PM_BEGIN)
{
    pm_reduction given;
    if (pm_reduction_read(self, &reduce_scatter_signature, "voani", args, count, names, &given) <
        0) {
        return NULL;
    }
    pm_work *work = pm_reduction_new(&given, scatter_next);
    if (work) {
        work->per_item = true;
    }
    return work;
}

/* This rank's part of what has been reduced whole: a copy, so that the whole can go. */
static PyObject *take_part(const pm_reduction *given, PyObject *whole)
{
    pm_state *state = pm_state_of_type(Py_TYPE(given->comm));
    PyObject *parts =
        pm_axis_split(whole, given->axis, given->counts, given->comm->size, given->call);
    PyObject *part = parts ? PySequence_GetItem(parts, given->comm->rank) : NULL;
    PyObject *own = part ? PyObject_CallMethod(part, "copy", NULL) : NULL;
    Py_XDECREF(part);
    Py_XDECREF(parts);
    return pm_into_put(state, own, given->into, given->call);
}

/* An array with an axis is reduced as allreduce does it, then cut. */
PyObject *pm_comm_reduce_scatter(PM_BEGIN)
{
    pm_reduction given;
    PyObject *whole = NULL;
    if (pm_reduction_read(self, &reduce_scatter_signature, "voani", args, count, names, &given) <
        0) {
        return NULL;
    }
    pm_numbers numbers = {given.comm, given.call, given.value, given.op, NULL, -1};
    if (pm_reduction_check(&given, true) < 0 ||
        (given.axis && pm_numbers_reduce(&numbers, &whole) < 0)) {
        return NULL;
    }
    if (whole) {
        PyObject *part = take_part(&given, whole);
        Py_DECREF(whole);
        return part;
    }
    return pm_reduction_run(&given, scatter_next, true);
}
