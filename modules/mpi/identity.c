/* Which communicator it is.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/identity.h"

#include "modules/common/errors.h"

/* MPI_Comm_compare gives MPI_IDENT for equal handles only. */
PyObject *pm_comm_compare(PyObject *self, PyObject *other, int operation)
{
    const pm_comm *a = (pm_comm *)self;
    PyTypeObject *type = pm_state_of_type(Py_TYPE(self))->comm_type;
    if ((operation != Py_EQ && operation != Py_NE) || !PyObject_TypeCheck(other, type)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    bool same =
        self == other || (a->users != MPI_COMM_NULL && a->users == ((pm_comm *)other)->users);
    return PyBool_FromLong(same == (operation == Py_EQ));
}

Py_hash_t pm_comm_hash(PyObject *self)
{
    return ((pm_comm *)self)->hash;
}

const char pm_comm_name_doc[] =
    "MPI's name of the communicator, for tools and error messages; may be set.";

PyObject *pm_comm_name(PyObject *self, void *Py_UNUSED(unused))
{
    char name[MPI_MAX_OBJECT_NAME];
    int length;
    const pm_comm *comm = (pm_comm *)self;
    if (!pm_comm_usable(comm, "name") ||
        pc_error_check("MPI_Comm_get_name", MPI_Comm_get_name(comm->users, name, &length)) < 0) {
        return NULL;
    }
    return PyUnicode_DecodeUTF8(name, length, "replace");
}

int pm_comm_set_name(PyObject *self, PyObject *name, void *Py_UNUSED(unused))
{
    const pm_comm *comm = (pm_comm *)self;
    Py_ssize_t length;
    if (!name || !PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError, "name must be a string, not %R", name ? name : Py_None);
        return -1;
    }
    const char *text = PyUnicode_AsUTF8AndSize(name, &length);
    if (!text || !pm_comm_usable(comm, "name")) {
        return -1;
    }
    if (length >= MPI_MAX_OBJECT_NAME || (Py_ssize_t)strlen(text) != length) {
        PyErr_Format(PyExc_ValueError, "name %R: MPI takes %d bytes, none of them zero", name,
                     MPI_MAX_OBJECT_NAME - 1);
        return -1;
    }
    return pc_error_check("MPI_Comm_set_name", MPI_Comm_set_name(comm->users, text));
}

const char pm_comm_handle_doc[] = "MPI's handle of the communicator, as C has it, as a number.";

PyObject *pm_comm_handle(PyObject *self, void *Py_UNUSED(unused))
{
    unsigned long long number = 0;
    pm_comm *comm = (pm_comm *)self;
    if (!pm_comm_usable(comm, "handle")) {
        return NULL;
    }
    comm->shared = true;
    memcpy(&number, &comm->users, sizeof comm->users);
    return PyLong_FromUnsignedLongLong(number);
}

const char pm_comm_node_doc[] =
    "The ranks of the world that share this rank's memory: a communicator.\n\n"
    "It is made at the start of MPI, so that asking for it is Local. Only the world has one;\n"
    "split(mpi.host) makes those of another communicator.";

PyObject *pm_comm_node(PyObject *self, void *Py_UNUSED(unused))
{
    const pm_comm *comm = (pm_comm *)self;
    if (!comm->node) {
        PyErr_SetString(PyExc_AttributeError,
                        "node: only the world of a job of one program has it ready; "
                        "split(mpi.host) makes a communicator for each node");
    }
    return Py_XNewRef(comm->node);
}

const char pm_comm_reduce_pickle_doc[] =
    "__reduce__($self, /)\n--\n\nRaises TypeError: a communicator cannot be pickled. Local.";

PyObject *pm_comm_reduce_pickle(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    PyErr_SetString(PyExc_TypeError,
                    "a communicator cannot be pickled, copied or sent: it is a place among ranks, "
                    "made by all of them; send the ranks, and slice or split there");
    return NULL;
}
