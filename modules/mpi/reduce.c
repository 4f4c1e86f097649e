/* Reductions of objects in rank order, over trees of letters.
 * SPDX-License-Identifier: MIT
 *
 * Each rank holds the value of a run of ranks that begins with itself and takes in the run behind it, so
 * an operator need not commute, only associate. */
#include "modules/mpi/reduce.h"

#include "modules/mpi/args.h"
#include "modules/mpi/axis.h"
#include "modules/mpi/check.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/into.h"
#include "modules/mpi/numbers.h"
#include "modules/mpi/operators.h"

static PyObject *apply_items(pm_work *work, PyObject *left, PyObject *right)
{
    Py_ssize_t count = PyList_GET_SIZE(left);
    PyObject *both = PyList_New(count);
    for (Py_ssize_t i = 0; both && i < count; i++) {
        PyObject *item = pm_operator_apply(work->state, work->op, PyList_GET_ITEM(left, i),
                                           PyList_GET_ITEM(right, i));
        if (item) {
            PyList_SET_ITEM(both, i, item);
        } else {
            Py_CLEAR(both);
        }
    }
    return both;
}

static PyObject *apply(pm_work *work, PyObject *left, PyObject *right)
{
    if (!work->per_item) {
        return pm_operator_apply(work->state, work->op, left, right);
    }
    if (!PyList_CheckExact(right) || PyList_GET_SIZE(right) != PyList_GET_SIZE(left)) {
        PyErr_Format(PyExc_TypeError, "%s: another rank's items are %.100R", work->call, right);
        return NULL;
    }
    return apply_items(work, left, right);
}

/* This rank has no value any more: what it sends from now on says why. Interrupts end the work at once. */
int pm_reduction_note(pm_work *work)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1;
    }
    PyObject *exception = pm_work_take_exception();
    Py_CLEAR(work->value);
    if (work->failed) {
        Py_DECREF(exception);
    } else {
        work->failed = exception;
    }
    return 0;
}

/* Sets *sum_p = left op right; left or right is NULL where this rank or the other had failed. */
int pm_reduction_combine(pm_work *work, PyObject **sum_p, PyObject *left, PyObject *right)
{
    PyObject *sum = left && right ? apply(work, left, right) : NULL;
    if (sum) {
        Py_XSETREF(*sum_p, sum);
        return 0;
    }
    return PyErr_Occurred() ? pm_reduction_note(work) : 0;
}

int pm_reduction_post(pm_work *work, int dest)
{
    if (!work->value) {
        pm_work_raise(Py_NewRef(work->failed));
    }
    pm_letter *letter = pm_work_encode(work, work->value, false);
    int posted = letter ? pm_work_send(work, letter, dest) : -1;
    Py_XDECREF(letter);
    return posted;
}

/* The value that has come, taken in behind this rank's. */
static int take_in(pm_work *work)
{
    PyObject *other = pm_work_value(work, 0);
    if (!other) {
        return pm_reduction_note(work);
    }
    int result = pm_reduction_combine(work, &work->value, work->value, other);
    Py_DECREF(other);
    return result;
}

/* Climbs the tree whose root is the rank `top`, from the step it is at. 1: under way, 0: this rank holds the
 * whole value, or has handed on what it had. */
static int climb(pm_work *work, int top)
{
    int size = work->comm->size, from_top = (work->comm->rank - top + size) % size;
    if (work->arrival_count && take_in(work) < 0) {
        return -1;
    }
    while (work->step < size) {
        int step = work->step;
        work->step <<= 1;
        if (from_top & step) {
            work->step = size;
            return pm_reduction_post(work, (from_top - step + top) % size);
        }
        if (from_top + step < size) {
            return pm_work_expect(work, (from_top + step + top) % size);
        }
    }
    return 0;
}

/* The items of a list of its own, each as the operator combines it; NULL with an exception set. */
static PyObject *lift_items(pm_work *work, PyObject *list)
{
    for (Py_ssize_t i = 0; list && i < PyList_GET_SIZE(list); i++) {
        PyObject *item = pm_operator_lift(work->state, work->op, PyList_GET_ITEM(list, i));
        if (!item) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SetItem(list, i, item);
    }
    return list;
}

static PyObject *split_items(pm_work *work)
{
    PyObject *items =
        pm_axis_split(work->items, work->axis, work->counts, work->comm->size, work->call);
    PyObject *list = items ? PySequence_List(items) : NULL;
    Py_XDECREF(items);
    if (list && PyList_GET_SIZE(list) != work->comm->size) {
        PyErr_Format(PyExc_ValueError, "%s: %zd items for %d ranks", work->call,
                     PyList_GET_SIZE(list), work->comm->size);
        Py_CLEAR(list);
    }
    return lift_items(work, list);
}

/* What this rank gives to begin with. A rank alone gets a value that shares nothing with its own, as
 * many ranks do. */
int pm_reduction_begin(pm_work *work)
{
    if (work->per_item) {
        work->value = split_items(work);
        work->gathered = Py_XNewRef(work->value);
    } else if (pm_operator_lifts(work->state, work->op)) {
        work->value = pm_operator_lift(work->state, work->op, work->items);
    } else {
        work->value =
            work->comm->size == 1 ? pm_collective_copy(work, work->items) : Py_NewRef(work->items);
    }
    work->step = 1;
    return work->value ? 0 : pm_reduction_note(work);
}

/* The whole value on the rank that holds it. An operator may return what it was given, as MAX does. */
static PyObject *whole_value(pm_work *work)
{
    return work->value == work->items ? pm_collective_copy(work, work->value)
                                      : Py_XNewRef(work->value);
}

int pm_reduction_end(pm_work *work, PyObject *value)
{
    value = pm_operator_finish(work->state, work->op, value);
    return pm_work_end(work, pm_into_put(work->state, value, work->into, work->call));
}

enum { CLIMBING, MOVING, SPREADING, ENDING };

/* In rank order the whole value comes together on rank 0, which hands it on to another root. */
static int reduce_next(pm_work *work)
{
    int rank = work->comm->rank, root = work->root, top = work->commutes ? root : 0;
    if (work->round == 0 && pm_reduction_begin(work) < 0) {
        return -1;
    }
    if (work->phase == CLIMBING) {
        int posted = climb(work, top);
        if (posted) {
            return posted;
        }
        work->phase = MOVING;
        if (top != root && (rank == top || rank == root)) {
            return rank == top ? pm_reduction_post(work, root) : pm_work_expect(work, top);
        }
    }
    if (rank != root) {
        return pm_work_end(work, Py_NewRef(Py_None));
    }
    return pm_reduction_end(work, rank == top ? whole_value(work) : pm_work_value(work, 0));
}

static int end_allreduce(pm_work *work)
{
    PyObject *value = work->comm->rank == 0 ? whole_value(work)
                                            : pm_decode(work->state, work->letter, work->call);
    return pm_reduction_end(work, value);
}

/* Up to rank 0, and down again. */
static int allreduce_next(pm_work *work)
{
    int rank = work->comm->rank, size = work->comm->size;
    if (work->round == 0 && pm_reduction_begin(work) < 0) {
        return -1;
    }
    if (work->phase == CLIMBING) {
        int posted = climb(work, 0);
        if (posted) {
            return posted;
        }
        work->phase = SPREADING;
        if (rank) {
            return pm_work_expect(work, rank - pm_tree_reach(rank, size));
        }
        if (!work->value) {
            pm_work_raise(Py_NewRef(work->failed));
        }
        work->letter = pm_work_encode(work, work->value, false);
    } else if (work->phase == SPREADING) {
        work->letter = (pm_letter *)Py_NewRef(work->arrivals[0]);
    }
    if (work->phase == SPREADING) {
        work->phase = ENDING;
        int posted = work->letter ? pm_tree_spread(work, work->letter, 0) : -1;
        if (posted) {
            return posted;
        }
    }
    return end_allreduce(work);
}

/* A copy, because an operator may change its left argument, which is needed once more. */
static int take_in_before_own(pm_work *work, PyObject *other)
{
    PyObject *copy = pm_collective_copy(work, other);
    if (!copy) {
        return pm_reduction_note(work);
    }
    if (!work->before_own) {
        work->before_own = copy;
        return 0;
    }
    int result = pm_reduction_combine(work, &work->before_own, copy, work->before_own);
    Py_DECREF(copy);
    return result;
}

/* What has come from the ranks before: it goes before this rank's own, and before what of them is known. */
static int take_in_before(pm_work *work)
{
    PyObject *other = pm_work_value(work, 0);
    if (!other) {
        return pm_reduction_note(work);
    }
    int result = work->exclusive ? take_in_before_own(work, other) : 0;
    if (result == 0) {
        result = pm_reduction_combine(work, &work->value, other, work->value);
    }
    Py_DECREF(other);
    return result;
}

/* Recursive doubling (Hillis and Steele 1986): after round k each rank has the value of 2^(k+1) ranks that
 * end with itself. */
static int scan_next(pm_work *work)
{
    int rank = work->comm->rank, size = work->comm->size, step = 1 << work->round;
    if ((work->round == 0 && pm_reduction_begin(work) < 0) ||
        (work->arrival_count && take_in_before(work) < 0)) {
        return -1;
    }
    if (step < size) {
        int posted = rank >= step ? pm_work_expect(work, rank - step) : 1;
        return posted == 1 && rank + step < size ? pm_reduction_post(work, rank + step) : posted;
    }
    if (work->exclusive) {
        PyObject *before = Py_NewRef(work->before_own ? work->before_own : Py_None);
        return before == Py_None ? pm_work_end(work, before) : pm_reduction_end(work, before);
    }
    return pm_reduction_end(work, whole_value(work));
}

int pm_reduction_read(PyObject *self, const pm_signature *signature, const char *order,
                      PyObject *const *args, Py_ssize_t count, PyObject *names, pm_reduction *out)
{
    PyObject *values[PM_ARGS_MOST], *given[128] = {NULL};
    if (pm_args_read(signature, args, count, names, values) < 0) {
        return -1;
    }
    for (int i = 0; order[i]; i++) {
        given[(int)order[i]] = !values[i] || order[i] == 'o' ? values[i] : pm_args_given(values[i]);
    }
    *out = (pm_reduction){.comm = (pm_comm *)self,
                          .call = signature->call,
                          .value = values[0],
                          .op = given['o'] ? given['o'] : pm_state_of_type(Py_TYPE(self))->sum,
                          .into = given['i'],
                          .axis = given['a'],
                          .counts = given['n'],
                          .commutes = given['c'] ? PyObject_IsTrue(given['c']) : 0};
    return out->commutes < 0 || !pm_operator_check(out->op, out->call) ||
                   pm_args_root(out->comm, given['r'], out->call, &out->root) < 0 ||
                   pm_into_check(pm_state_of_type(Py_TYPE(self)), out->into, out->call) < 0 ||
                   pm_axis_check(out->axis, out->counts, out->call) < 0
               ? -1
               : 0;
}

pm_work *pm_reduction_new(const pm_reduction *given, pm_work_next next)
{
    pm_work *work = pm_work_collective(given->comm, given->call, next);
    if (work) {
        work->items = Py_NewRef(given->value);
        work->op = Py_NewRef(given->op);
        work->into = Py_XNewRef(given->into);
        work->axis = Py_XNewRef(given->axis);
        work->counts = Py_XNewRef(given->counts);
        work->root = given->root;
        work->commutes = given->commutes;
    }
    return work;
}

int pm_reduction_check(const pm_reduction *given, bool per_item)
{
    if (!given->comm->checked) {
        return 0;
    }
    pm_work *work = pm_reduction_new(given, NULL);
    if (work) {
        work->per_item = per_item;
    }
    return pm_check_ahead(work, per_item && !given->axis ? 0 : 1);
}

PyObject *pm_reduction_run(const pm_reduction *given, pm_work_next next, bool per_item)
{
    pm_work *work = pm_reduction_new(given, next);
    if (work) {
        work->next = next;
        work->per_item = per_item;
    }
    return pm_work_run(work);
}

/* Numbers and arrays first; what they leave goes by letters. */
static PyObject *reduce_now(const pm_reduction *given, int root, pm_work_next next)
{
    PyObject *result;
    pm_numbers numbers = {given->comm, given->call, given->value, given->op, given->into, root};
    if (pm_reduction_check(given, false) < 0 || pm_numbers_reduce(&numbers, &result) < 0) {
        return NULL;
    }
    return result ? result : pm_reduction_run(given, next, false);
}

const char pm_reduce_doc[] =
    "reduce(value, op=SUM, root=0, into=None, commutative=False)\n\n"
    "Combines every rank's value and gives the result to root; None elsewhere.\n"
    "Collective over comm. log2(size) steps, in rank order.\n\n" PM_OPERATOR_DOC
    "A failing op is an\nexception where it failed, and mpi.Error on the ranks that its value was "
    "meant for.";

static const pm_signature reduce_signature = {
    "reduce", 1, 0, {"value", "op", "root", "into", "commutative"}};

pm_work *pm_begin_reduce(PM_BEGIN)
{
    pm_reduction given;
    if (pm_reduction_read(self, &reduce_signature, "voric", args, count, names, &given) < 0) {
        return NULL;
    }
    return pm_reduction_new(&given, reduce_next);
}

PyObject *pm_comm_reduce(PM_BEGIN)
{
    pm_reduction given;
    return pm_reduction_read(self, &reduce_signature, "voric", args, count, names, &given) < 0
               ? NULL
               : reduce_now(&given, given.root, reduce_next);
}

const char pm_allreduce_doc[] =
    "allreduce(value, op=SUM, into=None, commutative=False)\n\n"
    "Combines every rank's value and gives every rank the result.\n"
    "Collective over comm. 2 log2(size) steps, in rank order; log2(size) for "
    "numbers.\n\n" PM_OPERATOR_DOC "A failing op is an\nexception on every rank.";

static const pm_signature allreduce_signature = {
    "allreduce", 1, 0, {"value", "op", "into", "commutative"}};

pm_work *pm_begin_allreduce(PM_BEGIN)
{
    pm_reduction given;
    if (pm_reduction_read(self, &allreduce_signature, "voic", args, count, names, &given) < 0) {
        return NULL;
    }
    return pm_reduction_new(&given, allreduce_next);
}

PyObject *pm_comm_allreduce(PM_BEGIN)
{
    pm_reduction given;
    return pm_reduction_read(self, &allreduce_signature, "voic", args, count, names, &given) < 0
               ? NULL
               : reduce_now(&given, -1, allreduce_next);
}

const char pm_scan_doc[] =
    "scan(value, op=SUM, into=None)\n\n"
    "Combines the values of the ranks up to this one, its own included.\n"
    "Collective over comm. log2(size) steps, in rank order.\n\n" PM_OPERATOR_DOC
    "A failing op is an\nexception where it failed, and mpi.Error on the ranks behind.";

static const pm_signature scan_signature = {"scan", 1, 0, {"value", "op", "into"}};

pm_work *pm_begin_scan(PM_BEGIN)
{
    pm_reduction given;
    if (pm_reduction_read(self, &scan_signature, "voi", args, count, names, &given) < 0) {
        return NULL;
    }
    return pm_reduction_new(&given, scan_next);
}

const char pm_exscan_doc[] =
    "exscan(value, op=SUM, into=None)\n\n"
    "Combines the values of the ranks before this one; None on rank 0.\n"
    "Collective over comm. log2(size) steps, in rank order.\n\n" PM_OPERATOR_DOC
    "A failing op is an\nexception where it failed, and mpi.Error on the ranks behind.";

static const pm_signature exscan_signature = {"exscan", 1, 0, {"value", "op", "into"}};

pm_work *pm_begin_exscan(PM_BEGIN)
{
    pm_reduction given;
    if (pm_reduction_read(self, &exscan_signature, "voi", args, count, names, &given) < 0) {
        return NULL;
    }
    pm_work *work = pm_reduction_new(&given, scan_next);
    if (work) {
        work->exclusive = true;
    }
    return work;
}
