/* Making Comm objects out of MPI's communicators.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/make.h"

#include "modules/common/errors.h"
#include "modules/common/gate.h"
#include "modules/common/runtime.h"
#include "modules/common/wait.h"
#include "modules/mpi/recover.h"
#include "modules/mpi/tally.h"

static PyTypeObject *pick_type(pm_state *state, MPI_Comm users)
{
    int between = 0, topology = MPI_UNDEFINED;
    MPI_Comm_test_inter(users, &between);
    MPI_Topo_test(users, &topology);
    return between ? state->inter_type : topology == MPI_CART ? state->cart_type : state->comm_type;
}

static int describe(pm_comm *comm, bool is_inter)
{
    int code = MPI_Comm_rank(comm->users, &comm->rank);
    if (code == MPI_SUCCESS) {
        code = MPI_Comm_size(comm->users, &comm->size);
    }
    if (code == MPI_SUCCESS && is_inter) {
        code = MPI_Comm_remote_size(comm->users, &comm->remote_size);
    }
    return pc_error_check("MPI_Comm_size", code);
}

/* Handles are numbers or pointers, whose low bits are alike. */
static Py_hash_t hash_handle(MPI_Comm comm)
{
    Py_uhash_t number = 0;
    memcpy(&number, &comm, sizeof comm < sizeof number ? sizeof comm : sizeof number);
    return (Py_hash_t)(number >> 4 | number << (8 * sizeof number - 5)) & PY_SSIZE_T_MAX;
}

static pm_comm *new_object(pm_state *state, MPI_Comm users, MPI_Comm inner, pm_owns owns)
{
    pm_comm *comm = PyObject_New(pm_comm, pick_type(state, users));
    if (!comm) {
        return NULL;
    }
    comm->users = users;
    comm->inner = inner;
    comm->owns = owns;
    comm->remote_size = 0;
    comm->sequence = 0;
    comm->checked = false;
    comm->shared = false;
    comm->queue = NULL;
    pthread_mutex_init(&comm->queue_lock, NULL);
    comm->number = 0;
    comm->hash = hash_handle(users);
    comm->node = comm->keeper = NULL;
    pm_recover_list(state, comm);
    return comm;
}

PyObject *pm_make_object(pm_state *state, MPI_Comm users, MPI_Comm inner, pm_owns owns)
{
    pm_comm *comm = new_object(state, users, inner, owns);
    if (comm && describe(comm, Py_TYPE(comm) == state->inter_type) < 0) {
        Py_CLEAR(comm);
    }
    if (comm && owns == PM_OWNS_BOTH) {
        MPI_Comm_set_errhandler(users, MPI_ERRORS_RETURN);
    }
    return (PyObject *)comm;
}

PyObject *pm_make_child(pm_state *state, const pm_comm *parent, MPI_Comm users, MPI_Comm inner)
{
    PyObject *child = pm_make_object(state, users, inner, PM_OWNS_BOTH);
    if (child) {
        ((pm_comm *)child)->checked = parent->checked && ((pm_comm *)child)->size > 1;
        ((pm_comm *)child)->number = pm_tally_child(parent);
    }
    return child;
}

static PyObject *make_node(pm_state *state)
{
    const pc_runtime *runtime = pc_runtime_get();
    PyObject *node = pm_make_object(state, runtime->node, runtime->node_inner, PM_OWNS_NOTHING);
    if (node) {
        ((pm_comm *)node)->checked = runtime->check && ((pm_comm *)node)->size > 1;
        ((pm_comm *)node)->number = 2;
    }
    return node;
}

PyObject *pm_make_world(pm_state *state)
{
    const pc_runtime *runtime = pc_runtime_get();
    pm_comm *comm = new_object(state, runtime->world, runtime->inner, PM_OWNS_NOTHING);
    if (!comm) {
        return NULL;
    }
    comm->rank = runtime->rank;
    comm->size = runtime->size;
    comm->number = 1;
    comm->checked = runtime->check && comm->size > 1 && comm->inner != MPI_COMM_NULL;
    if (runtime->node != MPI_COMM_NULL) {
        MPI_Comm_set_name(runtime->world, "world");
        MPI_Comm_set_name(runtime->node, "node");
        comm->node = make_node(state);
        if (!comm->node) {
            Py_CLEAR(comm);
        }
    }
    return (PyObject *)comm;
}

static int create(MPI_Comm base, MPI_Group group, int tag, MPI_Comm *comm_p)
{
    int code = MPI_Comm_create_group(base, group, tag, comm_p);
    return pc_error_check("MPI_Comm_create_group", code);
}

static int make_tag(const pm_comm *parent)
{
    return pc_runtime_collective_tag(parent->sequence);
}

int pm_make_twin(const pm_comm *parent, MPI_Comm users, MPI_Comm *inner_p)
{
    MPI_Group group;
    int code = MPI_Comm_group(users, &group);
    if (code != MPI_SUCCESS) {
        return pc_error_set("MPI_Comm_group", code);
    }
    int result = create(parent->inner, group, make_tag(parent), inner_p);
    MPI_Group_free(&group);
    return result;
}

/* Jobs that started each other may differ in --check. The memory is a Python object: a broken wait leaves
 * it to MPI. */
static int agree_on_check(MPI_Comm users, bool *checked_p, const char *call)
{
    MPI_Request request;
    int size = 1;
    PyObject *memory = PyByteArray_FromStringAndSize(NULL, sizeof(int));
    int *checks = memory ? (int *)PyByteArray_AS_STRING(memory) : NULL;
    if (!memory) {
        return -1;
    }
    *checks = pc_runtime_get()->check;
    int result = pc_error_check(
        call, MPI_Iallreduce(MPI_IN_PLACE, checks, 1, MPI_INT, MPI_MIN, users, &request));
    pc_board_wait wait = {.call = call, .peer = PC_BOARD_NOBODY};
    wait.firm = pc_runtime_get()->statement != 0; /* behind its gate */
    result = result < 0 ? result : pc_wait_all_noted(&request, 1, memory, &wait);
    MPI_Comm_size(users, &size);
    *checked_p = result == 0 && *checks && size > 1;
    Py_DECREF(memory);
    return result;
}

int pm_make_first_twin(MPI_Comm users, MPI_Comm *inner_p, bool *checked_p, const char *call)
{
    MPI_Group group;
    if (pm_make_gate(users, NULL, 0, call) < 0 || agree_on_check(users, checked_p, call) < 0) {
        return -1;
    }
    int code = MPI_Comm_group(users, &group);
    if (code == MPI_SUCCESS) {
        code = PMPI_Comm_create(users, group, inner_p); /* a dup would copy attributes of others' */
        MPI_Group_free(&group);
    }
    if (code == MPI_SUCCESS) {
        MPI_Comm_set_errhandler(*inner_p, MPI_ERRORS_RETURN);
    }
    return pc_error_check(call, code);
}

int pm_make_gate(MPI_Comm comm, const int *members, int count, const char *call)
{
    pc_party party;
    if (!pc_runtime_get()->statement) {
        return 0;
    }
    if (pc_party_init(&party, comm, members, count) < 0) {
        return pc_error_say(call, "there is no memory for the list of ranks");
    }
    int result = pc_gate_pass(&party, call);
    pc_party_fini(&party);
    return result;
}

/* Both communicators; every member is known to be here, so this does not wait for a late one. */
static int create_both(const pm_comm *parent, const int *members, int count, MPI_Comm *users_p,
                       MPI_Comm *inner_p)
{
    MPI_Comm base = parent->inner == MPI_COMM_NULL ? parent->users : parent->inner;
    MPI_Group all, some;
    int code = MPI_Comm_group(base, &all);
    if (code == MPI_SUCCESS) {
        code = MPI_Group_incl(all, count, members, &some);
        MPI_Group_free(&all);
    }
    if (code != MPI_SUCCESS) {
        return pc_error_set("MPI_Group_incl", code);
    }
    int tag = make_tag(parent);
    int result = create(base, some, tag, users_p) < 0 ? -1 : create(base, some, tag, inner_p);
    MPI_Group_free(&some);
    return result;
}

PyObject *pm_make_of_members(pm_state *state, pm_comm *parent, const int *members, int count)
{
    MPI_Comm users, inner;
    if (pm_make_gate(parent->users, members, count, "MPI_Comm_create_group") < 0 ||
        create_both(parent, members, count, &users, &inner) < 0 || PyErr_Occurred()) {
        return NULL;
    }
    return pm_make_child(state, parent, users, inner);
}

PyObject *pm_make_app(pm_state *state, PyObject *world)
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
    PyObject *app = pm_make_of_members(state, (pm_comm *)world, members, runtime->app_size);
    PyMem_Free(members);
    if (app && agree_on_check(((pm_comm *)app)->users, &((pm_comm *)app)->checked, "mpi.app") < 0) {
        Py_CLEAR(app);
    }
    return app;
}
