/* What lib/pympi/h5.py is made of: `_pympi_h5`, in a library of its own that open.c opens.
 * SPDX-License-Identifier: MIT */
#include "modules/h5/module.h"

#include <stdlib.h>

#include "modules/h5/driver.h"
#include "modules/h5/errors.h"
#include "modules/h5/ids.h"
#include "modules/h5/lzf.h"
#include "modules/h5/store.h"

static void free_dropped(ph_state *state)
{
    while (state->dropped_count > 0) {
        hid_t id = state->dropped[--state->dropped_count];
        if (H5Iis_valid(id) > 0) {
            H5Idec_ref(id);
        }
    }
}

ph_state *ph_enter(PyObject *module)
{
    ph_state *state = PyModule_GetState(module);
    if (!PyThread_acquire_lock(state->lock, NOWAIT_LOCK)) {
        Py_BEGIN_ALLOW_THREADS;
        PyThread_acquire_lock(state->lock, WAIT_LOCK);
        Py_END_ALLOW_THREADS;
    }
    free_dropped(state);
    return state;
}

void ph_leave(ph_state *state)
{
    PyThread_release_lock(state->lock);
}

PyObject *ph_leave_object(ph_state *state, PyObject *object)
{
    ph_leave(state);
    return object;
}

PyObject *ph_leave_id(ph_state *state, hid_t id, const char *call)
{
    PyObject *result = id < 0 ? NULL : ph_id_new(state, id);
    if (!result) {
        ph_error_set(call);
    }
    return ph_leave_object(state, result);
}

PyObject *ph_leave_none(ph_state *state, herr_t code, const char *call)
{
    if (code < 0) {
        ph_error_set(call);
    }
    return ph_leave_object(state, code < 0 ? NULL : Py_NewRef(Py_None));
}

PyObject *ph_leave_bool(ph_state *state, htri_t value, const char *call)
{
    if (value < 0) {
        ph_error_set(call);
    }
    return ph_leave_object(state, value < 0 ? NULL : PyBool_FromLong(value));
}

ph_state *ph_state_of_type(PyTypeObject *type)
{
    return PyType_GetModuleState(type);
}

/* HDF5 must not close our files at the process's end: MPI may be gone, and what was not closed stays as it was
 * flushed. */
static int start_hdf5(ph_state *state)
{
    state->lock = PyThread_allocate_lock();
    H5dont_atexit();
    if (!state->lock || H5open() < 0 || H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0 ||
        ph_lzf_setup() < 0) {
        PyErr_SetString(PyExc_ImportError, "_pympi_h5: HDF5 does not start");
        return -1;
    }
    state->driver = H5FDregister(ph_driver_class());
    return state->driver < 0 ? ph_error_set("_pympi_h5") : 0;
}

static int add_version(PyObject *module)
{
    unsigned major, minor, release;
    H5get_libversion(&major, &minor, &release);
    PyObject *version = Py_BuildValue("(III)", major, minor, release);
    int result = version ? PyModule_AddObjectRef(module, "VERSION", version) : -1;
    Py_XDECREF(version);
    return result;
}

static int module_exec(PyObject *module)
{
    PyMethodDef *const tables[] = {ph_file_methods, ph_link_methods,  ph_dataset_methods,
                                   ph_data_methods, ph_chunk_methods, ph_attribute_methods,
                                   ph_type_methods, ph_replay_methods};
    if (start_hdf5(PyModule_GetState(module)) < 0 || ph_id_setup(module) < 0 ||
        ph_store_setup(module) < 0 || add_version(module) < 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (PyModule_AddFunctions(module, tables[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

static void module_free(void *module)
{
    ph_state *state = PyModule_GetState(module);
    free(state->dropped);
    state->dropped = NULL;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
    {0, NULL},
};

PyDoc_STRVAR(module_doc, "HDF5 as each rank by itself has it; use it as pympi.h5.");

static PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,      .m_name = "_pympi_h5",   .m_doc = module_doc,
    .m_size = sizeof(ph_state), .m_slots = module_slots, .m_free = module_free,
};

PC_EXPORT PyObject *PyInit__pympi_h5(void)
{
    return PyModuleDef_Init(&module_def);
}
