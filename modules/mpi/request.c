/* Request: work that goes on while the program does other things.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/request.h"

#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/mpi/args.h"
#include "modules/mpi/status.h"

typedef struct {
    PyObject_HEAD pm_work *work; /* owned */
    PyObject *file;              /* where it was made; NULL: by no Python code */
    int line;
} pm_request;

static void note_place(pm_request *request)
{
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed */
    PyCodeObject *code = frame ? PyFrame_GetCode(frame) : NULL;
    request->file = code ? Py_NewRef(code->co_filename) : NULL;
    request->line = frame ? PyFrame_GetLineNumber(frame) : 0;
    Py_XDECREF(code);
}

PyObject *pm_request_start(pm_work *work)
{
    pm_request *request = NULL;
    if (work) {
        work->begun = true;
    }
    if (work && pm_work_start(work) == 0) {
        request = PyObject_New(pm_request, work->state->request_type);
    }
    if (!request) {
        pm_work_release(work);
        return NULL;
    }
    request->work = work;
    note_place(request);
    pm_work_list(work);
    return (PyObject *)request;
}

/* What is under way belongs to nobody now: a collective goes on for the others, a receive is taken back. */
static void abandon(pm_request *request)
{
    pm_work *work = request->work;
    if (pc_session_is_broken(work->statement)) {
        return; /* it is given up where all ranks meet */
    }
    PyObject *file = request->file ? Py_NewRef(request->file) : PyUnicode_FromString("<unknown>");
    PyObject *text = PyUnicode_FromFormat("this %s was dropped before it was done, and nobody will "
                                          "know whether it ever was: keep it and call wait()",
                                          work->call);
    if (!file || !text ||
        PyErr_WarnExplicitObject(PyExc_RuntimeWarning, text, file, request->line, NULL, NULL) < 0) {
        PyErr_WriteUnraisable(NULL); /* warnings are errors here: a destructor cannot raise */
    }
    Py_XDECREF(text);
    Py_XDECREF(file);
    if (work->channel == PM_POST_USERS) {
        pm_work_cancel(work);
    }
}

static void request_dealloc(PyObject *self)
{
    pm_request *request = (pm_request *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject *kind, *value, *traceback;
    PyErr_Fetch(&kind, &value, &traceback);
    bool under_way = request->work->condition == PM_WORK_UNDER_WAY;
    if (under_way && pc_runtime_usable()) {
        abandon(request);
    }
    if (!under_way || pc_runtime_usable()) { /* in a fork it is the parent's: nothing is touched */
        pm_work_release(request->work);
    }
    Py_XDECREF(request->file);
    type->tp_free(self);
    Py_DECREF(type);
    PyErr_Restore(kind, value, traceback);
}

static const char *condition_of(const pm_work *work)
{
    static const char *const names[] = {"under way", "done", "cancelled"};
    return names[work->condition];
}

static PyObject *request_repr(PyObject *self)
{
    const pm_request *request = (pm_request *)self;
    if (!request->file) {
        return PyUnicode_FromFormat("<mpi.Request, %s, %s>", request->work->call,
                                    condition_of(request->work));
    }
    return PyUnicode_FromFormat("<mpi.Request, %s, %s, %U:%d>", request->work->call,
                                condition_of(request->work), request->file, request->line);
}

static int read_status(pm_request *request, PyObject *const *args, Py_ssize_t count,
                       PyObject *names, const pm_signature *signature, PyObject **status_p)
{
    return pm_args_read(signature, args, count, names, status_p) < 0 ||
                   pm_status_check(request->work->state, *status_p, signature->call) < 0
               ? -1
               : 0;
}

static PyObject *take_result(pm_request *request, PyObject *status)
{
    PyObject *value = pm_work_result(request->work);
    if (value) {
        pm_status_fill(status, &request->work->status);
    }
    return value;
}

PyDoc_STRVAR(wait_doc,
             "wait($self, /, status=None)\n--\n\n"
             "Waits until it is done and gives the result: the object that a receive or a\n"
             "collective brings, else None; None after cancel().\n"
             "Local. Interruptible, and may be called again then. Raises what the verb "
             "raises.");

static PyObject *request_wait(PyObject *self, PyObject *const *args, Py_ssize_t count,
                              PyObject *names)
{
    static const pm_signature signature = {"wait", 0, 0, {"status"}};
    pm_request *request = (pm_request *)self;
    PyObject *status;
    if (read_status(request, args, count, names, &signature, &status) < 0 ||
        pm_work_wait(request->work) < 0) {
        return NULL;
    }
    return take_result(request, status);
}

pm_work *pm_request_work(PyObject *request)
{
    return ((pm_request *)request)->work;
}

int pm_request_move_on(pm_work *work)
{
    int done = 1;
    if (work->condition == PM_WORK_UNDER_WAY && !pm_work_usable(work)) {
        return -1;
    }
    while (done && !work->busy && work->condition == PM_WORK_UNDER_WAY) {
        if (pc_error_check(work->call, pm_work_look(work, &done)) < 0) {
            return -1;
        }
        if (done) {
            pm_work_step(work);
        }
    }
    return PyErr_CheckSignals();
}

PyDoc_STRVAR(test_doc, "test($self, /, status=None)\n--\n\n"
                       "(True, the result) when it is done, (False, None) while it is not.\n"
                       "Local. Does not wait.");

static PyObject *request_test(PyObject *self, PyObject *const *args, Py_ssize_t count,
                              PyObject *names)
{
    static const pm_signature signature = {"test", 0, 0, {"status"}};
    pm_request *request = (pm_request *)self;
    PyObject *status;
    if (read_status(request, args, count, names, &signature, &status) < 0 ||
        pm_request_move_on(request->work) < 0) {
        return NULL;
    }
    if (request->work->condition == PM_WORK_UNDER_WAY) {
        return Py_BuildValue("(OO)", Py_False, Py_None);
    }
    PyObject *value = take_result(request, status);
    return value ? Py_BuildValue("(ON)", Py_True, value) : NULL;
}

PyDoc_STRVAR(cancel_doc,
             "cancel($self, /)\n--\n\n"
             "Takes back a receive whose message has not come: True, and it is over. False\n"
             "where it is too late, and for a send, which cannot be taken back.\n"
             "Local. Raises ValueError for a collective, which others take part in.");

static PyObject *request_cancel(PyObject *self, PyObject *Py_UNUSED(unused))
{
    pm_work *work = ((pm_request *)self)->work;
    if (work->channel == PM_POST_INNER) {
        return PyErr_Format(PyExc_ValueError, "cancel: other ranks take part in this %s",
                            work->call);
    }
    if (work->condition == PM_WORK_UNDER_WAY && !work->busy && work->receiving_count) {
        pm_work_cancel(work);
    }
    return PyBool_FromLong(work->condition == PM_WORK_CANCELLED);
}

static PyObject *request_await(PyObject *self)
{
    PyObject *module = PyImport_ImportModule("pympi.mpi");
    PyObject *coroutine = module ? PyObject_CallMethod(module, "_finish", "O", self) : NULL;
    PyObject *iterator = coroutine ? PyObject_CallMethod(coroutine, "__await__", NULL) : NULL;
    Py_XDECREF(coroutine);
    Py_XDECREF(module);
    return iterator;
}

static PyObject *request_done(PyObject *self, void *Py_UNUSED(unused))
{
    pm_work *work = ((pm_request *)self)->work;
    return pm_request_move_on(work) < 0 ? NULL
                                        : PyBool_FromLong(work->condition != PM_WORK_UNDER_WAY);
}

#define FAST(function) (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS
static PyMethodDef request_methods[] = {
    {"wait", FAST(request_wait), wait_doc},
    {"test", FAST(request_test), test_doc},
    {"cancel", request_cancel, METH_NOARGS, cancel_doc},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS,
     PyDoc_STR("Request[T]: whose wait() gives a T; for annotations.")},
    {0},
};
#undef FAST

static PyGetSetDef request_getset[] = {
    {"done", request_done, NULL, "Whether it is over. Looks, and does not wait.", NULL},
    {0},
};

PyDoc_STRVAR(
    request_doc,
    "Something under way: a message, or a collective that was begun with an i… verb.\n\n"
    "wait() gives its result, test() looks; `await request` does so in asyncio. It owns the\n"
    "memory that MPI uses.");

static PyType_Slot request_slots[] = {
    {Py_tp_dealloc, request_dealloc},
    {Py_tp_repr, request_repr},
    {Py_tp_methods, request_methods},
    {Py_tp_getset, request_getset},
    {Py_am_await, request_await},
    {Py_tp_doc, (void *)request_doc},
    {0, NULL},
};

static PyType_Spec request_spec = {
    .name = "pympi.mpi.Request",
    .basicsize = sizeof(pm_request),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = request_slots,
};

int pm_request_setup(PyObject *module)
{
    pm_state *state = pm_state_of_module(module);
    state->request_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &request_spec, NULL);
    return state->request_type ? PyModule_AddType(module, state->request_type) : -1;
}
