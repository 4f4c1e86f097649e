/* Communicators of others.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/interop.h"

#include "modules/common/errors.h"
#include "modules/common/ledger.h"
#include "modules/common/runtime.h"
#include "modules/mpi/api.h"
#include "modules/mpi/make.h"
#include "modules/mpi/memory.h"

/* mpi4py's C functions, of which a capsule's name is the type. */
typedef PyObject *new_function(MPI_Comm comm);
typedef MPI_Comm *get_function(PyObject *object);

/* A function of mpi4py.MPI's C interface; NULL with an exception set. */
static void *find_function(const char *name, const char *call)
{
    PyObject *module = PyImport_ImportModule("mpi4py.MPI");
    if (!module && PyErr_ExceptionMatches(PyExc_ImportError)) {
        PyObject *type, *cause, *traceback;
        PyErr_Fetch(&type, &cause, &traceback);
        PyErr_Format(PyExc_ImportError, "%s: mpi4py cannot be imported: %S", call,
                     cause ? cause : type);
        Py_XDECREF(type);
        Py_XDECREF(cause);
        Py_XDECREF(traceback);
    }
    PyObject *table = module ? PyObject_GetAttrString(module, "__pyx_capi__") : NULL;
    PyObject *capsule = table ? PyMapping_GetItemString(table, name) : NULL;
    void *function = capsule ? PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)) : NULL;
    Py_XDECREF(capsule); /* the module keeps it */
    Py_XDECREF(table);
    Py_XDECREF(module);
    return function;
}

const char pm_comm_to_mpi4py_doc[] =
    "to_mpi4py($self, /)\n--\n\n"
    "This communicator as one of mpi4py's: an Intracomm, Cartcomm or Intercomm.\n"
    "Local.\n\n"
    "It is the same communicator, not a copy: it stays ours to free, and mpi4py's messages meet\n"
    "those of send() and recv(). Raises ImportError where mpi4py is not installed.";

PyObject *pm_comm_to_mpi4py(PyObject *self, PyObject *Py_UNUSED(unused))
{
    pm_comm *comm = (pm_comm *)self;
    if (!pm_comm_usable(comm, "to_mpi4py")) {
        return NULL;
    }
    comm->shared = true;
    new_function *make = (new_function *)find_function("PyMPIComm_New", "to_mpi4py");
    return make ? make(comm->users) : NULL;
}

/* Wraps a communicator of somebody else's. */
static PyObject *wrap(pm_state *state, MPI_Comm users, PyObject *keeper, const char *call)
{
    int between = 0;
    bool checked = false;
    MPI_Comm inner = MPI_COMM_NULL;
    if (!pc_runtime_usable()) {
        pc_error_say(call, PM_COMM_NO_MPI);
        return NULL;
    }
    if (users == MPI_COMM_NULL) {
        return PyErr_Format(PyExc_ValueError, "%s: the communicator is MPI_COMM_NULL", call);
    }
    if (pc_error_check("MPI_Comm_test_inter", MPI_Comm_test_inter(users, &between)) < 0 ||
        (!between && pm_make_first_twin(users, &inner, &checked, call) < 0)) {
        return NULL;
    }
    pc_ledger_spoil(); /* others may know it by another number */
    PyObject *comm = pm_make_object(state, users, inner, PM_OWNS_INNER);
    if (comm) {
        ((pm_comm *)comm)->keeper = Py_XNewRef(keeper);
        ((pm_comm *)comm)->checked = checked;
        ((pm_comm *)comm)->shared = true;
    }
    return comm;
}

PyDoc_STRVAR(from_mpi4py_doc,
             "from_mpi4py(comm, /)\n--\n\n"
             "A communicator of mpi4py's as one of ours.\n"
             "Collective over comm, which gets a second one beside it for our collectives; Local\n"
             "for an intercommunicator.\n\n"
             "It is the same communicator, not a copy: it stays mpi4py's to free; free() gives\n"
             "back the second one only. Raises ImportError where mpi4py is not installed.");

static PyObject *from_mpi4py(PyObject *module, PyObject *object)
{
    get_function *get = (get_function *)find_function("PyMPIComm_Get", "from_mpi4py");
    MPI_Comm *comm = get ? get(object) : NULL;
    if (!comm) {
        if (get && PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError, "from_mpi4py: %R is no communicator of mpi4py's", object);
        }
        return NULL;
    }
    return wrap(pm_state_of_module(module), *comm, object, "from_mpi4py");
}

PyDoc_STRVAR(
    from_handle_doc,
    "from_handle(handle, /)\n--\n\n"
    "The communicator with this handle of MPI's, as C has it.\n"
    "Collective over it: it gets a second one beside it for our collectives; Local for an\n"
    "intercommunicator.\n\n"
    "It stays its maker's to free; free() gives back the second one only. A number that is\n"
    "no handle ends the process. Raises ValueError for 0 and MPI_COMM_NULL.");

static PyObject *from_handle(PyObject *module, PyObject *value)
{
    MPI_Comm users;
    unsigned long long number = PyLong_Check(value) ? PyLong_AsUnsignedLongLong(value) : 0;
    bool fits = sizeof users == sizeof number || number < 1ULL << (8 * sizeof(int));
    if (!PyLong_Check(value)) {
        return PyErr_Format(PyExc_TypeError, "from_handle: %R is no number", value);
    }
    if (PyErr_Occurred() || !number || !fits) {
        return PyErr_Format(PyExc_ValueError, "from_handle: %S is no handle", value);
    }
    memcpy(&users, &number, sizeof users);
    return wrap(pm_state_of_module(module), users, NULL, "from_handle");
}

int pm_interop_users(PyObject *object, MPI_Comm *users_p)
{
    PyObject *module = PyImport_ImportModule("_pympi_mpi");
    bool is_comm = module && PyObject_TypeCheck(object, pm_state_of_module(module)->comm_type);
    if (module && !is_comm) {
        PyErr_Format(PyExc_TypeError, "%R is no communicator", object);
    }
    Py_XDECREF(module);
    if (!is_comm || !pm_comm_usable((pm_comm *)object, "comm")) {
        return -1;
    }
    *users_p = ((pm_comm *)object)->users;
    return 0;
}

static const pm_api api = {PM_API_VERSION, pm_interop_users, pm_memory_allreduce_cells,
                           pm_memory_allreduce};

static PyMethodDef interop_methods[] = {
    {"from_mpi4py", from_mpi4py, METH_O, from_mpi4py_doc},
    {"from_handle", from_handle, METH_O, from_handle_doc},
    {0},
};

int pm_interop_setup(PyObject *module)
{
    PyObject *capsule = PyCapsule_New((void *)&api, PM_API_CAPSULE, NULL);
    int result = capsule ? PyModule_AddObjectRef(module, "_C_API", capsule) : -1;
    Py_XDECREF(capsule);
    return result < 0 ? -1 : PyModule_AddFunctions(module, interop_methods);
}
