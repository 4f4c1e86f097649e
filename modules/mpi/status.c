/* Status: what is known of a message beside its value.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/status.h"

#include <stddef.h>

#include "modules/common/buffers.h"

typedef struct {
    PyObject_HEAD int source;
    int tag;
    Py_ssize_t bytes;
} pm_status;

static void status_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *status_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, ":Status", names)) {
        return NULL;
    }
    pm_status *status = (pm_status *)type->tp_alloc(type, 0);
    if (status) {
        status->source = MPI_ANY_SOURCE;
        status->tag = MPI_ANY_TAG;
    }
    return (PyObject *)status;
}

static PyObject *status_repr(PyObject *self)
{
    const pm_status *status = (pm_status *)self;
    return PyUnicode_FromFormat("<mpi.Status, from rank %d, tag %d, %zd bytes>", status->source,
                                status->tag, status->bytes);
}

static PyMemberDef status_members[] = {
    {"source", Py_T_INT, offsetof(pm_status, source), Py_READONLY,
     "The rank that sent the message."},
    {"tag", Py_T_INT, offsetof(pm_status, tag), Py_READONLY, "The tag it was sent with."},
    {"count", Py_T_PYSSIZET, offsetof(pm_status, bytes), Py_READONLY,
     "Bytes of its first message, with what pympi adds; of a raw one, its own."},
    {0},
};

PyDoc_STRVAR(status_doc, "Status()\n--\n\n"
                         "What is known of a message beside its value: source, tag and count.\n\n"
                         "recv(status=status) and probe() fill one in.");

static PyType_Slot status_slots[] = {
    {Py_tp_dealloc, status_dealloc}, {Py_tp_new, status_new},         {Py_tp_repr, status_repr},
    {Py_tp_members, status_members}, {Py_tp_doc, (void *)status_doc}, {0, NULL},
};

static PyType_Spec status_spec = {
    .name = "pympi.mpi.Status",
    .basicsize = sizeof(pm_status),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = status_slots,
};

int pm_status_setup(PyObject *module)
{
    pm_state *state = pm_state_of_module(module);
    state->status_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &status_spec, NULL);
    return state->status_type ? PyModule_AddType(module, state->status_type) : -1;
}

void pm_status_fill(PyObject *target, const MPI_Status *from)
{
    size_t size;
    if (target && target != Py_None) {
        pm_status *status = (pm_status *)target;
        status->source = from->MPI_SOURCE;
        status->tag = from->MPI_TAG;
        pc_buffer_size(from, &size);
        status->bytes = (Py_ssize_t)size;
    }
}

PyObject *pm_status_new(pm_state *state, const MPI_Status *from)
{
    PyObject *status = state->status_type->tp_alloc(state->status_type, 0);
    pm_status_fill(status, from);
    return status;
}

int pm_status_check(pm_state *state, PyObject *target, const char *call)
{
    if (!target || target == Py_None || Py_TYPE(target) == state->status_type) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "%s: status must be a mpi.Status, not %R", call, target);
    return -1;
}
