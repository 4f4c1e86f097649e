/* HDF5's identifiers as Python objects that own them.
 * SPDX-License-Identifier: MIT
 *
 * An object may go away in any thread, on one rank and not on another: closing it is local, for nothing in
 * HDF5 is collective here (README.md). */
#include "modules/h5/ids.h"

#include <stdlib.h>

#include "modules/h5/errors.h"

typedef struct {
    PyObject_HEAD hid_t id;
} ph_id;

static void drop(ph_state *state, hid_t id)
{
    if (state->dropped_count == state->dropped_room) {
        int room = state->dropped_room ? 2 * state->dropped_room : 16;
        hid_t *more = realloc(state->dropped, (size_t)room * sizeof *more);
        if (!more) {
            return;
        }
        state->dropped = more;
        state->dropped_room = room;
    }
    state->dropped[state->dropped_count++] = id;
}

static void release(ph_state *state, hid_t id)
{
    if (!PyThread_acquire_lock(state->lock, NOWAIT_LOCK)) {
        drop(state, id);
        return;
    }
    if (H5Iis_valid(id) > 0) {
        H5Idec_ref(id);
    }
    PyThread_release_lock(state->lock);
}

static void id_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    release(ph_state_of_type(type), ((ph_id *)self)->id);
    type->tp_free(self);
    Py_DECREF(type);
}

/* A file that was closed takes its objects' identifiers along. */
static PyObject *id_bool(PyObject *self)
{
    return PyBool_FromLong(H5Iis_valid(((ph_id *)self)->id) > 0);
}

static PyObject *id_valid(PyObject *self, void *Py_UNUSED(unused))
{
    return id_bool(self);
}

static PyObject *id_number(PyObject *self, void *Py_UNUSED(unused))
{
    return PyLong_FromLongLong(((ph_id *)self)->id);
}

static PyGetSetDef id_getset[] = {
    {"id", id_number, NULL, "HDF5's number for it. Local.", NULL},
    {"valid", id_valid, NULL, "Whether it still stands for something. Local.", NULL},
    {0},
};

static PyType_Slot id_slots[] = {
    {Py_tp_dealloc, id_dealloc},
    {Py_tp_getset, id_getset},
    {Py_tp_doc, "What HDF5 has open; closed with the last reference to it."},
    {0, NULL},
};

static PyType_Spec id_spec = {
    .name = "_pympi_h5.Id",
    .basicsize = sizeof(ph_id),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = id_slots,
};

PyObject *ph_id_new(ph_state *state, hid_t id)
{
    ph_id *self = PyObject_New(ph_id, state->id_type);
    if (!self) {
        H5Idec_ref(id);
        return NULL;
    }
    self->id = id;
    return (PyObject *)self;
}

int ph_id_convert(PyObject *object, void *hid_p)
{
    if (Py_TYPE(object)->tp_dealloc != id_dealloc) {
        PyErr_Format(PyExc_TypeError, "%R is no Id", object);
        return 0;
    }
    *(hid_t *)hid_p = ((ph_id *)object)->id;
    return 1;
}

int ph_bytes_or_none(PyObject *object, void *text_p)
{
    const char *text = object == Py_None ? NULL : PyBytes_AsString(object);
    *(const char **)text_p = text;
    return object == Py_None || text;
}

H5T_cset_t ph_name_encoding(const char *name)
{
    while (name && *name && (unsigned char)*name < 128) {
        name++;
    }
    return name && *name ? H5T_CSET_UTF8 : H5T_CSET_ASCII;
}

int ph_id_setup(PyObject *module)
{
    ph_state *state = PyModule_GetState(module);
    state->id_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &id_spec, NULL);
    return state->id_type ? PyModule_AddType(module, state->id_type) : -1;
}
