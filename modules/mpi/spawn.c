/* Starting a job from within one.
 * SPDX-License-Identifier: MIT
 *
 * Root alone knows what is wrong with its arguments, so it tells the others before anything is started:
 * Open MPI would end the job over a program that is not there. */
#include "modules/mpi/spawn.h"

#include <stdlib.h>
#include <unistd.h>

#include "modules/common/errors.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/collectives.h"
#include "modules/mpi/grid.h"
#include "modules/mpi/inter.h"
#include "modules/mpi/threads.h"

#define RANKS_MOST 1000000

const char pm_comm_spawn_doc[] =
    "spawn($self, /, args=(), ranks=1, command=None, root=0)\n--\n\n"
    "Starts a program on new ranks, a job of its own: the Inter between this one and that.\n"
    "Collective over comm. What others than root give does not matter.\n\n"
    "args: its arguments, or the only one: spawn(\"worker.py\", 4), spawn([\"-c\", text]).\n"
    "command: the program, by default this Python. The new ranks have a mpi.world of their own,\n"
    "and mpi.parent, the Inter's other side; they start in root's folder, with the launcher's\n"
    "environment. When a rank of either job fails, both end. free() on both sides parts them.\n"
    "Raises on root TypeError, ValueError, or FileNotFoundError for a command that is not there,\n"
    "and mpi.Error on the others then; mpi.Error when MPI cannot start it.";

/* What root wants to be started. */
typedef struct {
    PyObject *command; /* bytes; owned */
    PyObject *args;    /* a list of bytes; owned */
    char **argv;       /* of args */
    int ranks;
} order;

static void fini_order(order *wish)
{
    Py_CLEAR(wish->command);
    Py_CLEAR(wish->args);
    PyMem_Free(wish->argv);
}

/* shutil.which() looks as execvp() does. */
static int find_command(order *wish, PyObject *command)
{
    PyObject *own = PySys_GetObject("executable"); /* borrowed */
    PyObject *named = command == Py_None ? own : command;
    PyObject *shutil = PyImport_ImportModule("shutil");
    PyObject *path = shutil ? PyObject_CallMethod(shutil, "which", "O", named) : NULL;
    if (path == Py_None) {
        PyErr_Format(PyExc_FileNotFoundError, "spawn: command %R is no program that can be run",
                     named);
    } else if (path) {
        PyUnicode_FSConverter(path, &wish->command);
    } else if (PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Format(PyExc_TypeError, "spawn: command %R is no string and no path", named);
    }
    Py_XDECREF(path);
    Py_XDECREF(shutil);
    return wish->command ? 0 : -1;
}

/* Text, bytes or a path: one argument; else a sequence of them. */
static PyObject *list_arguments(PyObject *args)
{
    bool one = PyUnicode_Check(args) || PyBytes_Check(args) ||
               PyObject_HasAttrString((PyObject *)Py_TYPE(args), "__fspath__");
    PyObject *list = one ? Py_BuildValue("[O]", args) : PySequence_List(args);
    if (!list && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Format(PyExc_TypeError, "spawn: args must be a sequence of arguments, not %R", args);
    }
    return list;
}

static int read_arguments(order *wish, PyObject *args)
{
    wish->args = list_arguments(args);
    Py_ssize_t count = wish->args ? PyList_GET_SIZE(wish->args) : 0;
    wish->argv = wish->args ? PyMem_New(char *, (size_t)count + 1) : NULL;
    if (!wish->argv) {
        return wish->args ? (PyErr_NoMemory(), -1) : -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *bytes = NULL, *item = PyList_GET_ITEM(wish->args, i);
        if (!PyUnicode_FSConverter(item, &bytes)) {
            if (PyErr_ExceptionMatches(PyExc_TypeError)) {
                PyErr_Format(PyExc_TypeError, "spawn: argument %R is no string and no path", item);
            }
            return -1;
        }
        PyList_SetItem(wish->args, i, bytes);
        wish->argv[i] = PyBytes_AS_STRING(bytes);
    }
    wish->argv[count] = NULL;
    return 0;
}

static int read_order(order *wish, PyObject *args, PyObject *ranks, PyObject *command)
{
    wish->ranks = 1;
    if (ranks && pm_grid_read_int(ranks, "spawn", "ranks", 1, RANKS_MOST, &wish->ranks) < 0) {
        return -1;
    }
    return find_command(wish, command ? command : Py_None) < 0 ||
                   (args ? read_arguments(wish, args) : 0) < 0
               ? -1
               : 0;
}

/* As `pympi -n` does it: more ranks than cores is no mistake, and ranks find their places themselves. */
static MPI_Info make_info(void)
{
    char folder[MPI_MAX_INFO_VAL];
    MPI_Info info;
    if (MPI_Info_create(&info) != MPI_SUCCESS) {
        return MPI_INFO_NULL;
    }
    if (getcwd(folder, sizeof folder)) {
        MPI_Info_set(info, "wdir", folder);
    }
    MPI_Info_set(info, "map_by", "slot:OVERSUBSCRIBE");
    MPI_Info_set(info, "bind_to", "none");
    return info;
}

/* A rank without a launcher starts Open MPI 5.0's daemon by itself, which knows root's leave to run by
 * another name than mpirun does. */
static void pass_on_leave(const char *name, const char *daemons_name)
{
    const char *leave = getenv(name);
    if (leave) {
        setenv(daemons_name, leave, 0);
    }
}

static PyObject *start(pm_comm *comm, const order *wish, int root)
{
    MPI_Comm users;
    bool is_root = comm->rank == root;
    MPI_Info info = is_root ? make_info() : MPI_INFO_NULL;
    const char *command = is_root ? PyBytes_AS_STRING(wish->command) : "";
    pm_threads threads;
    pass_on_leave("OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT");
    pass_on_leave("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM");
    pm_threads_let_go(&threads, "spawn");
    int code = MPI_Comm_spawn(command, wish->argv ? wish->argv : MPI_ARGV_NULL, wish->ranks, info,
                              root, comm->inner, &users, MPI_ERRCODES_IGNORE);
    pm_threads_take_back(&threads);
    if (info != MPI_INFO_NULL) {
        MPI_Info_free(&info);
    }
    return pc_error_check("MPI_Comm_spawn", code) < 0
               ? NULL
               : pm_inter_new(pm_state_of_type(Py_TYPE(comm)), users);
}

PyObject *pm_comm_spawn(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"args", "ranks", "command", "root", NULL};
    PyObject *arguments = NULL, *ranks = NULL, *command = NULL, *root_value = NULL;
    PyObject *inter = NULL;
    pm_comm *comm = (pm_comm *)self;
    order wish = {0};
    int root = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OOOO:spawn", names, &arguments, &ranks,
                                     &command, &root_value) ||
        !pm_comm_has_one_side(comm, "spawn") ||
        (root_value && !pm_comm_read_rank(comm, root_value, "spawn", "root", &root))) {
        return NULL;
    }
    if (comm->rank == root) {
        read_order(&wish, arguments, ranks, command);
    }
    if (pm_collective_agree(comm, root, "spawn") == 0 && pm_collective_meet(comm, "spawn") == 0) {
        inter = start(comm, &wish, root);
    }
    fini_order(&wish);
    return inter;
}

int pm_spawn_setup(PyObject *module)
{
    MPI_Comm users;
    if (pc_error_check("MPI_Comm_get_parent", MPI_Comm_get_parent(&users)) < 0) {
        return -1;
    }
    PyObject *parent = users == MPI_COMM_NULL ? Py_NewRef(Py_None)
                                              : pm_inter_new(pm_state_of_module(module), users);
    int result = parent ? PyModule_AddObjectRef(module, "parent", parent) : -1;
    Py_XDECREF(parent);
    return result;
}
