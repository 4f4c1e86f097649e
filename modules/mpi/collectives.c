/* Collectives of objects as trees of letters: barrier and bcast.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/collectives.h"

#include "modules/common/errors.h"
#include "modules/common/trees.h"
#include "modules/common/wait.h"
#include "modules/mpi/args.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/into.h"

PyObject *pm_collective_copy(pm_work *work, PyObject *value)
{
    pm_letter *letter = pm_encode(work->state, value, true);
    PyObject *copy = letter ? pm_decode(work->state, letter, work->call) : NULL;
    Py_XDECREF(letter);
    return copy;
}

int pm_collective_meet(pm_comm *comm, const char *call)
{
    pm_work *work = pm_work_collective(comm, call, NULL);
    if (work && comm->checked) {
        PyObject *met = pm_work_run(work); /* nobody has heard of all before all have come */
        Py_XDECREF(met);
        return met ? 0 : -1;
    }
    if (!work) {
        return -1;
    }
    pc_tree tree = {comm->inner, comm->rank, comm->size, work->tag, call, pc_wait_code};
    pm_work_release(work);
    return pc_error_check(call, pc_tree_barrier(&tree));
}

/* Dissemination, as in the tree, but with letters: after round k everybody has heard of 2^(k+1) ranks. */
static int barrier_next(pm_work *work)
{
    int rank = work->comm->rank, size = work->comm->size, step = 1 << work->round;
    if (step >= size) {
        return pm_work_end(work, Py_NewRef(Py_None));
    }
    pm_letter *word = pm_work_encode(work, Py_None, true);
    int result = word ? pm_work_expect(work, (rank - step + size) % size) : -1;
    if (result == 1) {
        result = pm_work_send(work, word, (rank + step) % size);
    }
    Py_XDECREF(word);
    return result;
}

const char pm_barrier_doc[] = "barrier($self, /)\n--\n\n"
                              "Returns when every rank has called it.\n"
                              "Collective over comm. log2(size) messages a rank.";

pm_work *pm_begin_barrier(PM_BEGIN)
{
    static const pm_signature signature = {"barrier", 0, 0, {NULL}};
    return pm_args_read(&signature, args, count, names, NULL) < 0
               ? NULL
               : pm_work_collective((pm_comm *)self, "barrier", barrier_next);
}

int pm_tree_reach(int from_root, int size)
{
    int reach = 1;
    while (reach < size && !(from_root & reach)) {
        reach <<= 1;
    }
    return reach;
}

int pm_tree_spread(pm_work *work, pm_letter *letter, int root)
{
    int size = work->comm->size, posted = 0;
    int from_root = (work->comm->rank - root + size) % size;
    for (int reach = pm_tree_reach(from_root, size) >> 1; reach > 0; reach >>= 1) {
        if (from_root + reach < size) {
            posted = pm_work_send(work, letter, (from_root + reach + root) % size);
            if (posted < 0) {
                return -1;
            }
        }
    }
    return posted;
}

static int end_bcast(pm_work *work)
{
    bool is_root = work->comm->rank == work->root;
    PyObject *value = is_root ? Py_XNewRef(work->failed ? NULL : work->value)
                              : pm_decode(work->state, work->letter, work->call);
    return pm_work_end(work, pm_into_put(work->state, value, work->into, work->call));
}

/* The letter comes from the parent, goes to the children, and is opened when it is out. */
static int bcast_next(pm_work *work)
{
    int size = work->comm->size, from_root = (work->comm->rank - work->root + size) % size;
    if (work->round == 0 && from_root) {
        int parent = from_root - pm_tree_reach(from_root, size);
        return pm_work_expect(work, (parent + work->root) % size);
    }
    if (!work->letter) {
        if (work->failed) { /* before it could begin */
            pm_work_raise(Py_NewRef(work->failed));
        }
        work->letter = from_root ? (pm_letter *)Py_NewRef(work->arrivals[0])
                                 : pm_work_encode(work, work->failed ? NULL : work->value, false);
        int posted = work->letter ? pm_tree_spread(work, work->letter, work->root) : -1;
        if (posted) {
            return posted;
        }
    }
    return end_bcast(work);
}

const char pm_bcast_doc[] =
    "bcast($self, /, obj=None, root=0, into=None)\n--\n\n"
    "Gives every rank root's object; root gets its own back.\n"
    "Collective over comm. A binomial tree: log2(size) messages at most a rank.\n\n"
    "What other ranks give as obj does not matter. into: memory for what comes, of the same type\n"
    "and size; it is returned. When root's object cannot be sent, root raises what pickle raised\n"
    "and the others mpi.Error.";

pm_work *pm_begin_bcast(PM_BEGIN)
{
    static const pm_signature signature = {"bcast", 0, 0, {"obj", "root", "into"}};
    PyObject *values[3];
    int root = 0;
    if (pm_args_read(&signature, args, count, names, values) < 0 ||
        pm_args_root((pm_comm *)self, values[1], "bcast", &root) < 0 ||
        pm_into_check(pm_state_of_type(Py_TYPE(self)), values[2], "bcast") < 0) {
        return NULL;
    }
    pm_work *work = pm_work_collective((pm_comm *)self, "bcast", bcast_next);
    if (work) {
        work->value = Py_NewRef(values[0] ? values[0] : Py_None);
        work->into = Py_XNewRef(pm_args_given(values[2]));
        work->root = root;
        work->direct = true;
    }
    return work;
}

int pm_collective_agree(pm_comm *comm, int root, const char *call)
{
    PyObject *failed = PyErr_Occurred() ? pm_work_take_exception() : NULL;
    pm_work *work = pm_work_collective(comm, call, bcast_next);
    if (work) {
        work->value = Py_NewRef(Py_None);
        work->failed = Py_XNewRef(failed);
        work->root = root;
    }
    PyObject *word = pm_work_run(work);
    Py_XDECREF(failed);
    Py_XDECREF(word);
    return word ? 0 : -1;
}
