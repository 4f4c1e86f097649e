/* Making communicators out of others: Comm's split and dup.
 * SPDX-License-Identifier: MIT
 *
 * The ranks first tell each other their colours, which can be interrupted; MPI's own call, which cannot,
 * is entered when all are known to be there. */
#include "modules/mpi/split.h"

#include <stdlib.h>

#include "modules/common/errors.h"
#include "modules/mpi/cart.h"
#include "modules/mpi/collectives.h"
#include "modules/mpi/inter.h"
#include "modules/mpi/make.h"

typedef struct {
    long long key;
    int rank;
} member;

static int compare_members(const void *left, const void *right)
{
    const member *a = left, *b = right;
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    return (a->rank > b->rank) - (a->rank < b->rank);
}

/* The ranks whose colour equals mine, by key. The number of them, or -1 with an exception set. */
static int pick_members(PyObject *all, int rank, member *list)
{
    PyObject *mine = PyTuple_GET_ITEM(PyList_GET_ITEM(all, rank), 0);
    int count = 0;
    for (int other = 0; other < PyList_GET_SIZE(all); other++) {
        PyObject *pair = PyList_GET_ITEM(all, other);
        int same = PyObject_RichCompareBool(mine, PyTuple_GET_ITEM(pair, 0), Py_EQ);
        if (same < 0) {
            return -1;
        }
        if (same) {
            list[count++] = (member){PyLong_AsLongLong(PyTuple_GET_ITEM(pair, 1)), other};
        }
    }
    qsort(list, (size_t)count, sizeof *list, compare_members);
    return count;
}

static PyObject *make_part(pm_comm *comm, PyObject *all)
{
    PyObject *part = NULL;
    member *list = PyMem_New(member, (size_t)comm->size);
    int *members = PyMem_New(int, (size_t)comm->size);
    if (!list || !members) {
        PyErr_NoMemory();
    } else {
        int count = pick_members(all, comm->rank, list);
        for (int i = 0; i < count; i++) {
            members[i] = list[i].rank;
        }
        part = count < 0
                   ? NULL
                   : pm_make_of_members(pm_state_of_type(Py_TYPE(comm)), comm, members, count);
    }
    PyMem_Free(members);
    PyMem_Free(list);
    return part;
}

const char pm_comm_split_doc[] =
    "split($self, /, color, key=0)\n--\n\n"
    "Makes a communicator for each colour, of the ranks that gave it.\n"
    "Collective over comm.\n\n"
    "color: any object that can be sent; ranks whose colours are equal come together:\n"
    "split(mpi.host) makes one communicator a node. None or mpi.UNDEFINED: this rank is in none\n"
    "and gets None.\n"
    "key: orders the ranks of the new communicator; ranks with equal keys keep their order.";

static int read_key(PyObject *value, long long *key_p)
{
    *key_p = value ? PyLong_AsLongLong(value) : 0;
    if (*key_p == -1 && PyErr_Occurred()) {
        PyErr_Format(PyErr_ExceptionMatches(PyExc_OverflowError) ? PyExc_ValueError
                                                                 : PyExc_TypeError,
                     "split: key is %R, not a whole number of 64 bits", value);
        return -1;
    }
    return 0;
}

static bool is_undefined(PyObject *color)
{
    int overflow = 0;
    return PyLong_CheckExact(color) &&
           PyLong_AsLongAndOverflow(color, &overflow) == MPI_UNDEFINED && !overflow;
}

PyObject *pm_comm_split(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"color", "key", NULL};
    PyObject *color, *key_value = NULL;
    long long key = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:split", names, &color, &key_value) ||
        read_key(key_value, &key) < 0) {
        return NULL;
    }
    if (is_undefined(color)) {
        color = Py_None;
    }
    PyObject *pair = Py_BuildValue("(OL)", color, key);
    PyObject *all = pair ? pm_collective_list((pm_comm *)self, pair, "split") : NULL;
    Py_XDECREF(pair);
    PyObject *part = !all               ? NULL
                     : color == Py_None ? Py_NewRef(Py_None)
                                        : make_part((pm_comm *)self, all);
    Py_XDECREF(all);
    return part;
}

const char pm_comm_dup_doc[] =
    "dup($self, /)\n--\n\n"
    "Makes a communicator of the same ranks, whose messages do not meet those of this one.\n"
    "Collective over comm; of an intercommunicator over both sides.\n\n"
    "A Cart's is a Cart of the same dims, an Inter's an Inter.";

/* The same ranks in the same order. */
static PyObject *make_same(pm_state *state, pm_comm *comm)
{
    int *members = PyMem_New(int, (size_t)comm->size);
    if (!members) {
        return PyErr_NoMemory();
    }
    for (int i = 0; i < comm->size; i++) {
        members[i] = i;
    }
    PyObject *copy = pm_make_of_members(state, comm, members, comm->size);
    PyMem_Free(members);
    return copy;
}

PyObject *pm_comm_dup(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {NULL};
    pm_comm *comm = (pm_comm *)self;
    pm_state *state = pm_state_of_type(Py_TYPE(self));
    if (!PyArg_ParseTupleAndKeywords(args, keywords, ":dup", names)) {
        return NULL;
    }
    if (Py_TYPE(self) == state->inter_type) {
        return pm_inter_dup(comm);
    }
    if (pm_collective_meet(comm, "dup") < 0) {
        return NULL;
    }
    return Py_TYPE(self) == state->cart_type ? pm_cart_dup(comm) : make_same(state, comm);
}
