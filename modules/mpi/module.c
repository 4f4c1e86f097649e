/* The module: `_pympi_mpi`, shown as pympi.mpi and mpi.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/module.h"

#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/mpi/letter.h"
#include "modules/mpi/make.h"
#include "modules/mpi/probe.h"
#include "modules/mpi/request.h"
#include "modules/mpi/status.h"

pm_state *pm_state_of_module(PyObject *module)
{
    return PyModule_GetState(module);
}

pm_state *pm_state_of_type(PyTypeObject *type)
{
    return PyType_GetModuleState(type);
}

PyObject *pm_state_ndarray(pm_state *state)
{
    if (!state->ndarray) {
        PyObject *modules = PyImport_GetModuleDict();             /* borrowed */
        PyObject *numpy = PyDict_GetItemString(modules, "numpy"); /* borrowed */
        state->ndarray = numpy ? PyObject_GetAttrString(numpy, "ndarray") : NULL;
        PyErr_Clear(); /* NumPy is being imported right now, or is somebody's own numpy.py */
        if (state->ndarray) {
            pm_numpy_setup(&state->numpy, state->ndarray);
        }
    }
    return state->ndarray;
}

static int import_pickle(pm_state *state)
{
    PyObject *pickle = PyImport_ImportModule("pickle");
    if (pickle) {
        state->dumps = PyObject_GetAttrString(pickle, "dumps");
        state->loads = PyObject_GetAttrString(pickle, "loads");
        Py_DECREF(pickle);
    }
    return state->dumps && state->loads ? 0 : -1;
}

PyDoc_STRVAR(error_doc,
             "What MPI refused or could not do.\n\n"
             "code, error_class: MPI's numbers; text: MPI's words or ours; call: what was "
             "called.");

PyDoc_STRVAR(mismatch_doc,
             "Ranks disagree in a collective; --check finds it, on every rank.\n\n"
             "The text, the same on all ranks, names two of them with their verbs and lines.");

PyDoc_STRVAR(deadlock_doc,
             "Every rank waits and nothing is on its way; --check finds it, on every rank.\n\n"
             "The text, the same on all ranks, lists who waits for whom, and where.");

PyDoc_STRVAR(peer_doc, "Another rank failed in the session's statement, and a wait was broken.\n\n"
                       "The text names the ranks that failed.");

static int add_exception(PyObject *module, const char *name, const char *doc, PyObject *base,
                         PyObject **type_p)
{
    *type_p = PyErr_NewExceptionWithDoc(name, doc, base, NULL);
    return *type_p ? PyModule_AddObjectRef(module, strrchr(name, '.') + 1, *type_p) : -1;
}

static int add_errors(PyObject *module, pm_state *state)
{
    PyObject *deadlock = NULL, *peer = NULL;
    int result =
        add_exception(module, "pympi.mpi.Error", error_doc, PyExc_RuntimeError, &state->error) <
                    0 ||
                add_exception(module, "pympi.mpi.CollectiveMismatch", mismatch_doc, state->error,
                              &state->mismatch) < 0 ||
                add_exception(module, "pympi.mpi.DeadlockError", deadlock_doc, state->error,
                              &deadlock) < 0 ||
                add_exception(module, "pympi.mpi.PeerError", peer_doc, state->error, &peer) < 0
            ? -1
            : 0;
    Py_XDECREF(deadlock);
    Py_XDECREF(peer);
    return result;
}

/* The world's verbs are functions of the module. */
static int add_verbs(PyObject *module, PyObject *world)
{
    static const char *const verbs[] = {
        "send",      "ssend",      "recv",           "sendrecv",
        "isend",     "irecv",      "probe",          "iprobe",
        "mprobe",    "improbe",    "barrier",        "ibarrier",
        "bcast",     "ibcast",     "scatter",        "iscatter",
        "gather",    "igather",    "allgather",      "iallgather",
        "alltoall",  "ialltoall",  "reduce",         "ireduce",
        "allreduce", "iallreduce", "scan",           "iscan",
        "exscan",    "iexscan",    "reduce_scatter", "ireduce_scatter",
        "split",     "dup",        "abort",          "cart",
        "spawn",     NULL};
    for (const char *const *verb = verbs; *verb; verb++) {
        PyObject *method = PyObject_GetAttrString(world, *verb);
        int result = method ? PyModule_AddObjectRef(module, *verb, method) : -1;
        Py_XDECREF(method);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

static int add_communicators(PyObject *module, pm_state *state)
{
    PyObject *world = pm_make_world(state);
    PyObject *app = world ? pm_make_app(state, world) : NULL;
    int result = app && PyModule_AddObjectRef(module, "world", world) == 0 &&
                         PyModule_AddObjectRef(module, "app", app) == 0 &&
                         add_verbs(module, world) == 0
                     ? 0
                     : -1;
    Py_XDECREF(app);
    Py_XDECREF(world);
    return result;
}

static int add_constants(PyObject *module)
{
    char host[MPI_MAX_PROCESSOR_NAME];
    int length;
    const pc_runtime *runtime = pc_runtime_get();
    if (pc_error_check("MPI_Get_processor_name", MPI_Get_processor_name(host, &length)) < 0) {
        return -1;
    }
    return PyModule_AddIntConstant(module, "rank", runtime->rank) < 0 ||
                   PyModule_AddIntConstant(module, "size", runtime->size) < 0 ||
                   PyModule_AddStringConstant(module, "host", host) < 0 ||
                   PyModule_AddIntConstant(module, "ANY_SOURCE", MPI_ANY_SOURCE) < 0 ||
                   PyModule_AddIntConstant(module, "ANY_TAG", MPI_ANY_TAG) < 0 ||
                   PyModule_AddIntConstant(module, "PROC_NULL", MPI_PROC_NULL) < 0
               ? -1
               : 0;
}

static int check_running(void)
{
    int over;
    MPI_Finalized(&over);
    if (over) {
        PyErr_SetString(PyExc_ImportError, "mpi: MPI has been finalised, and cannot start again");
    }
    return over ? -1 : 0;
}

static int module_exec(PyObject *module)
{
    pm_state *state = pm_state_of_module(module);
    return check_running() < 0 || import_pickle(state) < 0 || add_errors(module, state) < 0 ||
                   pm_letter_setup(module) < 0 || pm_operator_setup(module) < 0 ||
                   pm_status_setup(module) < 0 || pm_request_setup(module) < 0 ||
                   pm_message_setup(module) < 0 || pm_several_setup(module) < 0 ||
                   pm_work_setup(state) < 0 || pm_comm_setup(module) < 0 ||
                   pm_cart_setup(module) < 0 || pm_inter_setup(module) < 0 ||
                   pm_interop_setup(module) < 0 || pm_about_setup(module) < 0 ||
                   add_constants(module) < 0 || add_communicators(module, state) < 0 ||
                   pm_spawn_setup(module) < 0
               ? -1
               : 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    pm_state *state = pm_state_of_module(module);
    Py_VISIT(state->comm_type);
    Py_VISIT(state->cart_type);
    Py_VISIT(state->inter_type);
    Py_VISIT(state->operator_type);
    Py_VISIT(state->letter_type);
    Py_VISIT(state->request_type);
    Py_VISIT(state->status_type);
    Py_VISIT(state->message_type);
    Py_VISIT(state->error);
    Py_VISIT(state->mismatch);
    Py_VISIT(state->dumps);
    Py_VISIT(state->loads);
    Py_VISIT(state->ndarray);
    Py_VISIT(state->sum);
    return 0;
}

static int module_clear(PyObject *module)
{
    pm_state *state = pm_state_of_module(module);
    Py_CLEAR(state->comm_type);
    Py_CLEAR(state->cart_type);
    Py_CLEAR(state->inter_type);
    Py_CLEAR(state->operator_type);
    Py_CLEAR(state->letter_type);
    Py_CLEAR(state->request_type);
    Py_CLEAR(state->status_type);
    Py_CLEAR(state->message_type);
    Py_CLEAR(state->error);
    Py_CLEAR(state->mismatch);
    Py_CLEAR(state->dumps);
    Py_CLEAR(state->loads);
    Py_CLEAR(state->ndarray);
    Py_CLEAR(state->sum);
    pm_work_clear(state);
    pm_numpy_clear(&state->numpy);
    pm_letter_free_kept(state);
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
    {0, NULL},
};

PyDoc_STRVAR(module_doc, "Communicators, messages and collectives; use it as pympi.mpi or mpi.");

static PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,      .m_name = "_pympi_mpi",  .m_doc = module_doc,
    .m_size = sizeof(pm_state), .m_slots = module_slots, .m_traverse = module_traverse,
    .m_clear = module_clear,    .m_free = module_free,
};

PC_EXPORT PyObject *PyInit__pympi_mpi(void)
{
    return PyModuleDef_Init(&module_def);
}
