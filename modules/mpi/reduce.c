/* Reductions of objects in rank order, over a binomial tree to rank 0.
 * SPDX-License-Identifier: MIT
 *
 * Each rank holds the value of a run of ranks that begins with itself and takes in the run behind it, so
 * an operator need not commute, only associate. */
#include "modules/mpi/reduce.h"

#include "modules/common/errors.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/collectives.h"
#include "modules/mpi/operators.h"

/* A value on its way up, or why there is none. */
typedef struct {
    PyObject *value;  /* NULL once something failed */
    PyObject *failed; /* the exception */
} partial;

static void fail(partial *own)
{
    PyObject *exception = pm_collective_take_exception();
    Py_CLEAR(own->value);
    Py_XSETREF(own->failed, exception);
}

static void take_in(const pm_collective *one, PyObject *op, partial *own, int source)
{
    pm_letter *letter = pm_collective_fetch(one, source);
    PyObject *other = letter ? pm_decode(one->state, letter, one->call) : NULL;
    Py_XDECREF(letter);
    if (!own->value) { /* failed already: the letter had to be taken all the same */
        if (!other && !PyErr_ExceptionMatches(PyExc_Exception)) {
            fail(own); /* but KeyboardInterrupt goes before */
        }
        PyErr_Clear();
        Py_XDECREF(other);
        return;
    }
    PyObject *both = other ? pm_operator_apply(one->state, op, own->value, other) : NULL;
    Py_XDECREF(other);
    if (both) {
        Py_SETREF(own->value, both);
    } else {
        fail(own);
    }
}

static int hand_on(const pm_collective *one, partial *own, int dest)
{
    if (!own->value) {
        pm_collective_raise(Py_NewRef(own->failed));
    }
    pm_letter *letter = pm_collective_encode(one, own->value, &own->failed);
    int result = letter ? pm_collective_send(one, letter, dest) : -1;
    Py_XDECREF(letter);
    return result;
}

/* Leaves the whole value on rank 0. -1: the post failed, nothing can be said to the others. */
static int climb(const pm_collective *one, PyObject *op, partial *own)
{
    int rank = one->comm->rank, size = one->comm->size;
    for (int step = 1; step < size; step <<= 1) {
        if (rank & step) {
            return hand_on(one, own, rank - step);
        }
        if (rank + step < size) {
            take_in(one, op, own, rank + step);
            if (own->failed && !PyErr_GivenExceptionMatches(own->failed, PyExc_Exception)) {
                return -1; /* KeyboardInterrupt: leave at once */
            }
        }
    }
    return 0;
}

/* A rank alone gets a value that shares nothing with its own, as many ranks do. */
static void begin(const pm_collective *one, PyObject *value, partial *own)
{
    *own = (partial){0};
    own->value = one->comm->size == 1 ? pm_collective_copy(one, value) : Py_NewRef(value);
    if (!own->value) {
        fail(own);
    }
}

/* Ends a reduction on this rank: raises what failed here, else returns result, which it takes over. */
static PyObject *end(partial *own, PyObject *result)
{
    Py_XDECREF(own->value);
    if (own->failed) {
        Py_CLEAR(result);
        PyErr_Clear();
        pm_collective_raise(own->failed);
    }
    return result;
}

/* The whole value on rank 0. An operator may return what it was given, as MAX does: a copy then. */
static PyObject *whole_value(const pm_collective *one, const partial *own, PyObject *given)
{
    return own->value == given ? pm_collective_copy(one, given) : Py_XNewRef(own->value);
}

static PyObject *reduce(const pm_collective *one, PyObject *value, PyObject *op, int root)
{
    partial own;
    int rank = one->comm->rank;
    PyObject *result = NULL;
    begin(one, value, &own);
    if (climb(one, op, &own) == 0) {
        if (rank == 0 && root != 0) {
            result = hand_on(one, &own, root) < 0 ? NULL : Py_NewRef(Py_None);
        } else if (rank == root) {
            result = rank == 0 ? whole_value(one, &own, value) : pm_collective_value(one, 0);
        } else {
            result = Py_NewRef(Py_None);
        }
    }
    return end(&own, result);
}

static PyObject *allreduce(const pm_collective *one, PyObject *value, PyObject *op)
{
    partial own;
    PyObject *result = NULL;
    pm_letter *letter = NULL, *whole = NULL;
    begin(one, value, &own);
    if (climb(one, op, &own) == 0) {
        if (one->comm->rank == 0) {
            if (!own.value) {
                pm_collective_raise(Py_NewRef(own.failed));
            }
            letter = pm_collective_encode(one, own.value, &own.failed);
        }
        whole = one->comm->rank || letter ? pm_collective_spread(one, letter, 0) : NULL;
    }
    if (whole && !own.failed) {
        result = one->comm->rank == 0 ? whole_value(one, &own, value)
                                      : pm_decode(one->state, whole, one->call);
    }
    Py_XDECREF(whole);
    Py_XDECREF(letter);
    return end(&own, result);
}

static int parse(PyObject *self, PyObject *args, PyObject *keywords, bool rooted,
                 PyObject **value_p, PyObject **op_p, int *root_p)
{
    static char *names[] = {"value", "op", "root", NULL};
    static char *names_of_all[] = {"value", "op", NULL};
    PyObject *root_value = NULL;
    const char *call = rooted ? "reduce" : "allreduce";
    *op_p = pm_state_of_type(Py_TYPE(self))->sum;
    *root_p = 0;
    int parsed = rooted ? PyArg_ParseTupleAndKeywords(args, keywords, "O|OO:reduce", names, value_p,
                                                      op_p, &root_value)
                        : PyArg_ParseTupleAndKeywords(args, keywords, "O|O:allreduce", names_of_all,
                                                      value_p, op_p);
    if (!parsed || !pm_operator_check(*op_p, call)) {
        return -1;
    }
    return !root_value || pm_comm_read_rank((pm_comm *)self, root_value, call, "root", root_p) ? 0
                                                                                               : -1;
}

const char pm_comm_reduce_doc[] =
    "reduce($self, /, value, op=SUM, root=0)\n--\n\n"
    "Combines every rank's value and gives the result to root; None elsewhere.\n"
    "Collective over comm. log2(size) steps, in rank order.\n\n"
    "op: an operator such as mpi.SUM, or any callable of two values, which must associate. Arrays "
    "are\n"
    "combined element by element. A failing op is an exception where it failed, and mpi.Error on "
    "the\n"
    "ranks that its value was meant for.";

PyObject *pm_comm_reduce(PyObject *self, PyObject *args, PyObject *keywords)
{
    PyObject *value, *op;
    pm_collective one;
    int root;
    if (parse(self, args, keywords, true, &value, &op, &root) < 0 ||
        pm_collective_begin(&one, (pm_comm *)self, "reduce") < 0) {
        return NULL;
    }
    return reduce(&one, value, op, root);
}

const char pm_comm_allreduce_doc[] =
    "allreduce($self, /, value, op=SUM)\n--\n\n"
    "Combines every rank's value and gives every rank the result.\n"
    "Collective over comm. 2 log2(size) steps, in rank order.\n\n"
    "op: an operator such as mpi.SUM, or any callable of two values, which must associate. Arrays "
    "are\n"
    "combined element by element. A failing op is an exception on every rank.";

PyObject *pm_comm_allreduce(PyObject *self, PyObject *args, PyObject *keywords)
{
    PyObject *value, *op;
    pm_collective one;
    int root;
    if (parse(self, args, keywords, false, &value, &op, &root) < 0 ||
        pm_collective_begin(&one, (pm_comm *)self, "allreduce") < 0) {
        return NULL;
    }
    return allreduce(&one, value, op);
}
