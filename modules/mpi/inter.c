/* Inter: a communicator between two groups of ranks.
 * SPDX-License-Identifier: MIT
 *
 * MPI's own calls cannot be interrupted: they are entered when all are known to be there. */
#include "modules/mpi/inter.h"

#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/common/wait.h"
#include "modules/mpi/collectives.h"
#include "modules/mpi/grid.h"
#include "modules/mpi/make.h"

PyObject *pm_inter_new(pm_state *state, MPI_Comm users)
{
    return pm_make_object(state, users, MPI_COMM_NULL, PM_OWNS_BOTH);
}

const char pm_comm_inter_doc[] =
    "inter($self, /, peer, remote_leader, leader=0, tag=0)\n--\n\n"
    "Makes an Inter between the ranks of this communicator and those of another.\n"
    "Collective over comm and over the other, whose ranks call the same on theirs.\n\n"
    "peer: a communicator that has both leaders, such as mpi.world; remote_leader: the other's\n"
    "leader's rank in it. They count on this side's leader only, the rank leader of comm.\n"
    "tag: the same on both sides, another for each that is made between the same leaders at\n"
    "once. The two must have no rank in common.\n"
    "Raises ValueError for a rank or tag out of range.";

/* What a rank asks for. */
typedef struct {
    int leader;
    pm_comm *peer; /* NULL but on the leader */
    int remote;
    int tag;
} request_to_join;

static int read_peer(request_to_join *wish, PyObject *peer, PyObject *remote, pm_state *state)
{
    if (!PyObject_TypeCheck(peer, state->comm_type)) {
        PyErr_Format(PyExc_TypeError, "inter: peer must be a communicator, not %R", peer);
        return -1;
    }
    wish->peer = (pm_comm *)peer;
    if (!pm_comm_has_one_side(wish->peer, "inter") ||
        !pm_comm_read_rank(wish->peer, remote, "inter", "remote_leader", &wish->remote)) {
        return -1;
    }
    if (wish->remote == wish->peer->rank) {
        PyErr_Format(PyExc_ValueError, "inter: remote_leader %d is this side's leader itself",
                     wish->remote);
        return -1;
    }
    return 0;
}

static int most_tags(void)
{
    const pc_runtime *runtime = pc_runtime_get();
    return runtime->tag_most - 2 * runtime->tag_half - 1; /* the last tag is that of ending.c */
}

static int read_wish(request_to_join *wish, pm_comm *comm, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"peer", "remote_leader", "leader", "tag", NULL};
    PyObject *peer, *remote, *leader = NULL, *tag = NULL;
    *wish = (request_to_join){0};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO|OO:inter", names, &peer, &remote, &leader,
                                     &tag) ||
        !pm_comm_has_one_side(comm, "inter") ||
        (leader && !pm_comm_read_rank(comm, leader, "inter", "leader", &wish->leader)) ||
        (tag && pm_grid_read_int(tag, "inter", "tag", 0, most_tags(), &wish->tag) < 0)) {
        return -1;
    }
    return comm->rank == wish->leader
               ? read_peer(wish, peer, remote, pm_state_of_type(Py_TYPE(comm)))
               : 0;
}

/* Where the leaders talk: on the inner twin, where no receiver of the user's is. Another program has
 * none. */
static MPI_Comm find_bridge(const request_to_join *wish, int *tag_p)
{
    bool private = wish->peer && wish->peer->inner != MPI_COMM_NULL;
    *tag_p = wish->tag + (private ? 2 * pc_runtime_get()->tag_half : 0);
    return private ? wish->peer->inner : wish->peer ? wish->peer->users : MPI_COMM_NULL;
}

/* The other program, if it is one, knows of no meeting. */
static int leaders_meet(const request_to_join *wish, MPI_Comm bridge, int tag)
{
    MPI_Request requests[2];
    if (!wish->peer || wish->peer->inner == MPI_COMM_NULL) {
        return 0;
    }
    int code = MPI_Irecv(NULL, 0, MPI_BYTE, wish->remote, tag, bridge, &requests[0]);
    if (code == MPI_SUCCESS) {
        code = PMPI_Isend(NULL, 0, MPI_BYTE, wish->remote, tag, bridge, &requests[1]);
    }
    return pc_error_check("inter", code) < 0 ? -1 : pc_wait_all(requests, 2, NULL, "inter");
}

PyObject *pm_comm_inter(PyObject *self, PyObject *args, PyObject *keywords)
{
    pm_comm *comm = (pm_comm *)self;
    request_to_join wish;
    MPI_Comm users;
    int tag;
    if (read_wish(&wish, comm, args, keywords) < 0 || pm_collective_meet(comm, "inter") < 0) {
        return NULL;
    }
    MPI_Comm bridge = find_bridge(&wish, &tag);
    if (leaders_meet(&wish, bridge, tag) < 0 || pm_collective_meet(comm, "inter") < 0) {
        return NULL;
    }
    int code = MPI_Intercomm_create(comm->inner, wish.leader, bridge, wish.remote, tag, &users);
    return pc_error_check("MPI_Intercomm_create", code) < 0
               ? NULL
               : pm_inter_new(pm_state_of_type(Py_TYPE(self)), users);
}

static int meet_both_sides(pm_comm *inter, const char *call)
{
    MPI_Request request;
    return !pm_comm_usable(inter, call) ||
                   pc_error_check(call, MPI_Ibarrier(inter->users, &request)) < 0
               ? -1
               : pc_wait_all(&request, 1, NULL, call);
}

PyObject *pm_inter_dup(pm_comm *inter)
{
    MPI_Comm users;
    return meet_both_sides(inter, "dup") < 0 ||
                   pc_error_check("MPI_Comm_dup", PMPI_Comm_dup(inter->users, &users)) < 0
               ? NULL
               : pm_inter_new(pm_state_of_type(Py_TYPE(inter)), users);
}

PyDoc_STRVAR(merge_doc,
             "merge($self, /, high=False)\n--\n\n"
             "Makes one communicator of both sides' ranks.\n"
             "Collective over both sides.\n\n"
             "high: the ranks of the side that says True come behind the others. All ranks of a\n"
             "side give the same; when both sides do, MPI picks an order.");

static PyObject *inter_merge(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"high", NULL};
    pm_comm *inter = (pm_comm *)self;
    MPI_Comm users, inner;
    int high = 0;
    bool checked;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|p:merge", names, &high) ||
        meet_both_sides(inter, "merge") < 0) {
        return NULL;
    }
    int code = MPI_Intercomm_merge(inter->users, high, &users);
    if (pc_error_check("MPI_Intercomm_merge", code) < 0 ||
        pm_make_first_twin(users, &inner, &checked, "merge") < 0) {
        return NULL;
    }
    PyObject *merged = pm_make_object(pm_state_of_type(Py_TYPE(self)), users, inner, PM_OWNS_BOTH);
    if (merged) {
        ((pm_comm *)merged)->checked = checked;
    }
    return merged;
}

static PyObject *inter_remote_size(PyObject *self, void *Py_UNUSED(unused))
{
    return PyLong_FromLong(((pm_comm *)self)->remote_size);
}

static PyMethodDef inter_methods[] = {
    {"merge", (PyCFunction)(void (*)(void))inter_merge, METH_VARARGS | METH_KEYWORDS, merge_doc},
    {0},
};

static PyGetSetDef inter_getset[] = {
    {"remote_size", inter_remote_size, NULL, "How many ranks the other side has.", NULL},
    {0},
};

PyDoc_STRVAR(inter_doc,
             "A communicator between two groups of ranks; messages go to the other side's.\n\n"
             "Comm.inter() and Comm.spawn() make it. It has send and recv; merge() makes one\n"
             "communicator of both sides, which has collectives too.");

static PyType_Slot inter_slots[] = {
    {Py_tp_dealloc, pm_comm_dealloc},
    {Py_tp_methods, inter_methods},
    {Py_tp_getset, inter_getset},
    {Py_tp_doc, (void *)inter_doc},
    {0, NULL},
};

static PyType_Spec inter_spec = {
    .name = "pympi.mpi.Inter",
    .basicsize = sizeof(pm_comm),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = inter_slots,
};

int pm_inter_setup(PyObject *module)
{
    pm_state *state = pm_state_of_module(module);
    state->inter_type =
        (PyTypeObject *)PyType_FromModuleAndSpec(module, &inter_spec, (PyObject *)state->comm_type);
    return state->inter_type ? PyModule_AddType(module, state->inter_type) : -1;
}
