/* The end of a communicator.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/life.h"

#include "modules/common/errors.h"
#include "modules/mpi/collectives.h"
#include "modules/mpi/threads.h"

static int check_ours(const pm_comm *comm)
{
    if (comm->owns == PM_OWNS_NOTHING || comm->users == MPI_COMM_NULL) {
        PyErr_SetString(PyExc_ValueError, "free: the world, its node and a freed communicator "
                                          "stay as they are");
        return -1;
    }
    return pm_comm_usable(comm, "free") ? 0 : -1;
}

/* The other side may be a program in C, which knows of no meeting before this: so it waits within MPI. */
static int disconnect(MPI_Comm *comm)
{
    pm_threads threads;
    pm_threads_let_go(&threads, "free");
    int code = MPI_Comm_disconnect(comm);
    pm_threads_take_back(&threads);
    return pc_error_check("MPI_Comm_disconnect", code);
}

static int free_users(pm_comm *comm)
{
    MPI_Comm users = comm->users;
    comm->users = MPI_COMM_NULL;
    if (comm->owns == PM_OWNS_INNER) {
        return 0;
    }
    return comm->remote_size ? disconnect(&users)
                             : pc_error_check("MPI_Comm_free", MPI_Comm_free(&users));
}

static int free_inner(pm_comm *comm)
{
    MPI_Comm inner = comm->inner;
    comm->inner = MPI_COMM_NULL;
    return inner == MPI_COMM_NULL ? 0 : pc_error_check("MPI_Comm_free", MPI_Comm_free(&inner));
}

static int give_back(pm_comm *comm)
{
    if (check_ours(comm) < 0 ||
        (comm->inner != MPI_COMM_NULL && pm_collective_meet(comm, "free") < 0)) {
        return -1;
    }
    int result = free_users(comm);
    if (free_inner(comm) < 0) {
        result = -1;
    }
    Py_CLEAR(comm->keeper);
    return result;
}

const char pm_comm_free_doc[] =
    "free($self, /)\n--\n\n"
    "Gives the communicator back to MPI; it cannot be used any more.\n"
    "Collective over comm; of an intercommunicator over both sides, which are disconnected.\n\n"
    "One of from_handle() or from_mpi4py() is not freed itself: only what pympi made for it "
    "is.\n"
    "Raises ValueError for the world and its node.";

PyObject *pm_comm_free(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return give_back((pm_comm *)self) < 0 ? NULL : Py_NewRef(Py_None);
}

const char pm_comm_enter_doc[] = "__enter__($self, /)\n--\n\n"
                                 "The communicator, which is freed at the end of the block.\n"
                                 "Local. Raises ValueError for one that cannot be freed.";

PyObject *pm_comm_enter(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return check_ours((pm_comm *)self) < 0 ? NULL : Py_NewRef(self);
}

const char pm_comm_exit_doc[] =
    "__exit__($self, type, value, traceback, /)\n--\n\n"
    "Frees the communicator, unless an exception ends the block.\n"
    "Collective over comm. Behind an exception Local, and MPI keeps the communicator: the\n"
    "other ranks may never come to the end of their blocks.";

PyObject *pm_comm_exit(PyObject *self, PyObject *args)
{
    PyObject *type, *value, *traceback;
    pm_comm *comm = (pm_comm *)self;
    if (!PyArg_ParseTuple(args, "OOO:__exit__", &type, &value, &traceback)) {
        return NULL;
    }
    bool over = comm->users == MPI_COMM_NULL || type != Py_None;
    return !over && give_back(comm) < 0 ? NULL : Py_NewRef(Py_False);
}
