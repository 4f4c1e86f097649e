/* Comm: the ranks that talk together.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/comm.h"

#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/common/together.h"
#include "modules/mpi/cart.h"
#include "modules/mpi/collectives.h"
#include "modules/mpi/identity.h"
#include "modules/mpi/inter.h"
#include "modules/mpi/interop.h"
#include "modules/mpi/life.h"
#include "modules/mpi/messages.h"
#include "modules/mpi/probe.h"
#include "modules/mpi/recover.h"
#include "modules/mpi/reduce.h"
#include "modules/mpi/slice.h"
#include "modules/mpi/spawn.h"
#include "modules/mpi/split.h"
#include "modules/mpi/verbs.h"

bool pm_comm_usable(const pm_comm *comm, const char *call)
{
    if (comm->users == MPI_COMM_NULL) {
        pc_error_say(call, "this communicator has been freed");
        return false;
    }
    if (!pc_runtime_usable()) {
        pc_error_say(call, PM_COMM_NO_MPI);
        return false;
    }
    return true;
}

bool pm_comm_has_one_side(const pm_comm *comm, const char *call)
{
    if (!pm_comm_usable(comm, call)) {
        return false;
    }
    if (comm->remote_size) {
        pm_comm_no_collectives(comm, call);
        return false;
    }
    return true;
}

int pm_comm_no_collectives(const pm_comm *comm, const char *call)
{
    return pc_error_say(call, comm->remote_size
                                  ? "an intercommunicator has messages only; merge() makes one "
                                    "communicator of both sides"
                                  : "other programs are in this job and take no part; use mpi.app");
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
    int size = comm->remote_size ? comm->remote_size : comm->size;
    if (overflow || rank < 0 || rank >= size) {
        PyErr_Format(PyExc_ValueError, "%s: %s %S is not a %s this communicator (0 to %d)", call,
                     name, value, comm->remote_size ? "remote rank of" : "rank of", size - 1);
        return false;
    }
    *rank_p = (int)rank;
    return true;
}

/* Freeing is collective, and destructors are not: what is dropped stays with MPI until it is finalised.
 * A program that makes many communicators calls free(). */
void pm_comm_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    pm_comm *comm = (pm_comm *)self;
    pm_recover_unlist(comm);
    pthread_mutex_destroy(&comm->queue_lock);
    Py_XDECREF(comm->node);
    Py_XDECREF(comm->keeper);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *comm_repr(PyObject *self)
{
    pm_comm *comm = (pm_comm *)self;
    const char *type = strrchr(Py_TYPE(self)->tp_name, '.') + 1;
    if (comm->users == MPI_COMM_NULL) {
        return PyUnicode_FromFormat("<mpi.%s, freed>", type);
    }
    return comm->remote_size
               ? PyUnicode_FromFormat("<mpi.%s, rank %d of %d, %d remote>", type, comm->rank,
                                      comm->size, comm->remote_size)
               : PyUnicode_FromFormat("<mpi.%s, rank %d of %d>", type, comm->rank, comm->size);
}

static PyObject *comm_rank(PyObject *self, void *Py_UNUSED(unused))
{
    return PyLong_FromLong(((pm_comm *)self)->rank);
}

static PyObject *comm_size(PyObject *self, void *Py_UNUSED(unused))
{
    return PyLong_FromLong(((pm_comm *)self)->size);
}

static PyObject *comm_is_inter(PyObject *self, void *Py_UNUSED(unused))
{
    return PyBool_FromLong(((pm_comm *)self)->remote_size > 0);
}

static PyObject *comm_checked(PyObject *self, void *Py_UNUSED(unused))
{
    return PyBool_FromLong(((pm_comm *)self)->checked);
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

#define KEYWORDS(function) (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS
#define FAST(function)     (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS
#define VERB(name, arguments)                                                                      \
    {#name, FAST(pm_verb_##name), pm_##name##_doc},                                                \
        {"i" #name, FAST(pm_verb_i##name), pm_comm_i##name##_doc},
static PyMethodDef comm_methods[] = {
    {"send", FAST(pm_comm_send), pm_comm_send_doc},
    {"ssend", FAST(pm_comm_ssend), pm_comm_ssend_doc},
    {"recv", FAST(pm_comm_recv), pm_comm_recv_doc},
    {"sendrecv", FAST(pm_comm_sendrecv), pm_comm_sendrecv_doc},
    {"isend", FAST(pm_comm_isend), pm_comm_isend_doc},
    {"irecv", FAST(pm_comm_irecv), pm_comm_irecv_doc},
    {"probe", FAST(pm_comm_probe), pm_comm_probe_doc},
    {"iprobe", FAST(pm_comm_iprobe), pm_comm_iprobe_doc},
    {"mprobe", FAST(pm_comm_mprobe), pm_comm_mprobe_doc},
    {"improbe", FAST(pm_comm_improbe), pm_comm_improbe_doc},
    PM_VERBS(VERB){"split", KEYWORDS(pm_comm_split), pm_comm_split_doc},
    {"dup", KEYWORDS(pm_comm_dup), pm_comm_dup_doc},
    {"cart", KEYWORDS(pm_comm_cart), pm_comm_cart_doc},
    {"inter", KEYWORDS(pm_comm_inter), pm_comm_inter_doc},
    {"spawn", KEYWORDS(pm_comm_spawn), pm_comm_spawn_doc},
    {"to_mpi4py", pm_comm_to_mpi4py, METH_NOARGS, pm_comm_to_mpi4py_doc},
    {"free", pm_comm_free, METH_NOARGS, pm_comm_free_doc},
    {"__enter__", pm_comm_enter, METH_NOARGS, pm_comm_enter_doc},
    {"__exit__", pm_comm_exit, METH_VARARGS, pm_comm_exit_doc},
    {"__reduce__", pm_comm_reduce_pickle, METH_NOARGS, pm_comm_reduce_pickle_doc},
    {"abort", KEYWORDS(comm_abort), abort_doc},
    {0},
};
#undef VERB
#undef FAST
#undef KEYWORDS

static PyGetSetDef comm_getset[] = {
    {"rank", comm_rank, NULL, "This rank's number in the communicator, from 0.", NULL},
    {"size", comm_size, NULL,
     "How many ranks the communicator has; of an intercommunicator, on this side.", NULL},
    {"is_inter", comm_is_inter, NULL, "True for an intercommunicator.", NULL},
    {"checked", comm_checked, NULL,
     "Whether its ranks compare what they do together: under --check, where there are several.",
     NULL},
    {"name", pm_comm_name, pm_comm_set_name, pm_comm_name_doc, NULL},
    {"handle", pm_comm_handle, NULL, pm_comm_handle_doc, NULL},
    {"node", pm_comm_node, NULL, pm_comm_node_doc, NULL},
    {0},
};

PyDoc_STRVAR(
    comm_doc,
    "A communicator: the ranks that talk together.\n\n"
    "mpi.world has all ranks of the job; split(), dup(), cart() and slices make others.\n"
    "comm[ranks], where ranks is a slice (comm[::2]) or a list (comm[[0, 3]]), makes the\n"
    "communicator of these ranks in this order. Collective over these ranks; others need "
    "not\n"
    "evaluate it, and get None at once when they do. Raises ValueError for a rank that is\n"
    "out of range or there twice. Communicators are equal when they are the same to MPI.");

static PyType_Slot comm_slots[] = {
    {Py_tp_dealloc, pm_comm_dealloc},
    {Py_tp_repr, comm_repr},
    {Py_tp_richcompare, pm_comm_compare},
    {Py_tp_hash, pm_comm_hash},
    {Py_mp_subscript, pm_comm_subscript},
    {Py_tp_methods, comm_methods},
    {Py_tp_getset, comm_getset},
    {Py_tp_doc, (void *)comm_doc},
    {0, NULL},
};

/* Python classes on top of it could make no instances. */
static PyType_Spec comm_spec = {
    .name = "pympi.mpi.Comm",
    .basicsize = sizeof(pm_comm),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = comm_slots,
};

int pm_comm_setup(PyObject *module)
{
    pm_state *state = pm_state_of_module(module);
    state->comm_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &comm_spec, NULL);
    return state->comm_type ? PyModule_AddType(module, state->comm_type) : -1;
}
