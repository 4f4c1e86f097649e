/* Comm: the ranks that talk together.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/comm.h"

#include <stdlib.h>
#include <string.h>

#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/common/together.h"
#include "modules/mpi/collectives.h"
#include "modules/mpi/messages.h"
#include "modules/mpi/reduce.h"
#include "modules/mpi/split.h"
#include "modules/mpi/verbs.h"

static pm_comm *new_comm(pm_state *state)
{
    pm_comm *comm = PyObject_New(pm_comm, state->comm_type);
    if (comm) {
        comm->users = comm->inner = MPI_COMM_NULL;
        comm->owned = false;
        comm->world = NULL;
        comm->sequence = 0;
    }
    return comm;
}

PyObject *pm_comm_world(pm_state *state)
{
    const pc_runtime *runtime = pc_runtime_get();
    pm_comm *comm = new_comm(state);
    if (comm) {
        comm->users = runtime->world;
        comm->inner = runtime->inner;
        comm->rank = runtime->rank;
        comm->size = runtime->size;
    }
    return (PyObject *)comm;
}

/* Notes where the members are in the world, unless they are the world. */
static int set_members(pm_comm *comm, const pm_comm *parent, const int *members, int count)
{
    comm->size = count;
    comm->world = PyMem_New(int, (size_t)count);
    if (!comm->world) {
        PyErr_NoMemory();
        return -1;
    }
    for (int i = 0; i < count; i++) {
        comm->world[i] = pm_comm_world_rank(parent, members[i]);
        if (members[i] == parent->rank) {
            comm->rank = i;
        }
    }
    return 0;
}

/* Both communicators; every member is known to be here, so this does not wait for a late one. */
static int create_both(pm_comm *comm, const pm_comm *parent, const int *members, int tag)
{
    MPI_Comm base = parent->inner == MPI_COMM_NULL ? parent->users : parent->inner;
    MPI_Group all, some;
    int code = MPI_Comm_group(base, &all);
    if (code == MPI_SUCCESS) {
        code = MPI_Group_incl(all, comm->size, members, &some);
        MPI_Group_free(&all);
    }
    if (code != MPI_SUCCESS) {
        return pc_error_set("MPI_Group_incl", code);
    }
    code = MPI_Comm_create_group(base, some, tag, &comm->users);
    if (code == MPI_SUCCESS) {
        comm->owned = true;
        code = MPI_Comm_create_group(base, some, tag, &comm->inner);
    }
    MPI_Group_free(&some);
    return pc_error_check("MPI_Comm_create_group", code);
}

PyObject *pm_comm_of_members(pm_state *state, pm_comm *parent, const int *members, int count)
{
    pm_comm *comm = new_comm(state);
    int tag = pc_runtime_collective_tag(parent->sequence);
    if (comm && (set_members(comm, parent, members, count) < 0 ||
                 create_both(comm, parent, members, tag) < 0)) {
        Py_CLEAR(comm);
    }
    return (PyObject *)comm;
}

PyObject *pm_comm_app(pm_state *state, PyObject *world)
{
    const pc_runtime *runtime = pc_runtime_get();
    if (runtime->apps == 1) {
        return Py_NewRef(world);
    }
    int *members = PyMem_New(int, (size_t)runtime->app_size);
    if (!members) {
        return PyErr_NoMemory();
    }
    for (int i = 0; i < runtime->app_size; i++) {
        members[i] = runtime->app_first + i;
    }
    PyObject *app = pm_comm_of_members(state, (pm_comm *)world, members, runtime->app_size);
    PyMem_Free(members);
    return app;
}

bool pm_comm_usable(const pm_comm *comm, const char *call)
{
    if (comm->users == MPI_COMM_NULL) {
        pc_error_say(call, "this communicator has been freed");
        return false;
    }
    if (!pc_runtime_usable()) {
        pc_error_say(call, "MPI is not running in this process (a fork, or after its end)");
        return false;
    }
    return true;
}

int pm_comm_world_rank(const pm_comm *comm, int rank)
{
    return comm->world ? comm->world[rank] : rank;
}

bool pm_comm_is_inter(const pm_comm *comm)
{
    int between = 0;
    return comm->inner == MPI_COMM_NULL &&
           MPI_Comm_test_inter(comm->users, &between) == MPI_SUCCESS && between;
}

bool pm_comm_read_rank(const pm_comm *comm, PyObject *value, const char *call, const char *name,
                       int *rank_p)
{
    int overflow = 0;
    PyObject *index = PyNumber_Index(value);
    if (!index) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError, "%s: %s must be a rank, a whole number, not %R", call,
                         name, value);
        }
        return false;
    }
    long rank = PyLong_AsLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (overflow || rank < 0 || rank >= comm->size) {
        PyErr_Format(PyExc_ValueError, "%s: %s %S is not a rank of this communicator (0 to %d)",
                     call, name, value, comm->size - 1);
        return false;
    }
    *rank_p = (int)rank;
    return true;
}

/* Freeing is collective, and destructors are not: what is dropped stays with MPI until it is finalised.
 * A program that makes many communicators calls free(). */
static void comm_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(((pm_comm *)self)->world);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *comm_repr(PyObject *self)
{
    pm_comm *comm = (pm_comm *)self;
    return comm->users == MPI_COMM_NULL
               ? PyUnicode_FromString("<mpi.Comm, freed>")
               : PyUnicode_FromFormat("<mpi.Comm, rank %d of %d>", comm->rank, comm->size);
}

static PyObject *comm_rank(PyObject *self, void *Py_UNUSED(unused))
{
    return PyLong_FromLong(((pm_comm *)self)->rank);
}

static PyObject *comm_size(PyObject *self, void *Py_UNUSED(unused))
{
    return PyLong_FromLong(((pm_comm *)self)->size);
}

PyDoc_STRVAR(abort_doc, "abort($self, /, status=1)\n--\n\n"
                        "Ends the whole job at once with this status, without cleaning up.\n"
                        "Local. Does not return. A status of 0 ends it with 1.");

static PyObject *comm_abort(PyObject *Py_UNUSED(self), PyObject *args, PyObject *keywords)
{
    static char *names[] = {"status", NULL};
    int status = 1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|i:abort", names, &status)) {
        return NULL;
    }
    pc_together_abort(status & 0xff ? status & 0xff : 1);
}

PyDoc_STRVAR(free_doc, "free($self, /)\n--\n\n"
                       "Gives the communicator back to MPI; it cannot be used any more.\n"
                       "Collective over comm. Raises ValueError for the world.");

static PyObject *comm_free(PyObject *self, PyObject *Py_UNUSED(unused))
{
    pm_comm *comm = (pm_comm *)self;
    if (!comm->owned) {
        PyErr_SetString(PyExc_ValueError,
                        "free: the world and a freed communicator stay as they are");
        return NULL;
    }
    if (pm_collective_meet(comm, "free") < 0) {
        return NULL;
    }
    comm->owned = false;
    if (pc_error_check("MPI_Comm_free", MPI_Comm_free(&comm->users)) < 0 ||
        pc_error_check("MPI_Comm_free", MPI_Comm_free(&comm->inner)) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

#define KEYWORDS(function) (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS
#define FAST(function)     (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS
#define VERB(name)                                                                                 \
    {#name, FAST(pm_verb_##name), pm_##name##_doc},                                                \
        {"i" #name, FAST(pm_verb_i##name), pm_comm_i##name##_doc},
static PyMethodDef comm_methods[] = {
    {"send", FAST(pm_comm_send), pm_comm_send_doc},
    {"ssend", FAST(pm_comm_ssend), pm_comm_ssend_doc},
    {"recv", FAST(pm_comm_recv), pm_comm_recv_doc},
    {"sendrecv", FAST(pm_comm_sendrecv), pm_comm_sendrecv_doc},
    {"isend", FAST(pm_comm_isend), pm_comm_isend_doc},
    {"irecv", FAST(pm_comm_irecv), pm_comm_irecv_doc},
    PM_VERBS(VERB){"split", KEYWORDS(pm_comm_split), pm_comm_split_doc},
    {"dup", KEYWORDS(pm_comm_dup), pm_comm_dup_doc},
    {"free", comm_free, METH_NOARGS, free_doc},
    {"abort", KEYWORDS(comm_abort), abort_doc},
    {0},
};
#undef VERB
#undef FAST
#undef KEYWORDS

static PyGetSetDef comm_getset[] = {
    {"rank", comm_rank, NULL, "This rank's number in the communicator, from 0.", NULL},
    {"size", comm_size, NULL, "How many ranks the communicator has.", NULL},
    {0},
};

PyDoc_STRVAR(comm_doc, "A communicator: the ranks that talk together.\n\n"
                       "mpi.world has all ranks of the job; split() and dup() make others.");

static PyType_Slot comm_slots[] = {
    {Py_tp_dealloc, comm_dealloc}, {Py_tp_repr, comm_repr},       {Py_tp_methods, comm_methods},
    {Py_tp_getset, comm_getset},   {Py_tp_doc, (void *)comm_doc}, {0, NULL},
};

static PyType_Spec comm_spec = {
    .name = "pympi.mpi.Comm",
    .basicsize = sizeof(pm_comm),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = comm_slots,
};

int pm_comm_setup(PyObject *module)
{
    pm_state *state = pm_state_of_module(module);
    state->comm_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &comm_spec, NULL);
    return state->comm_type ? PyModule_AddType(module, state->comm_type) : -1;
}
