/* The status that sys.exit() gives a rank, seen before Python waits for its threads.
 * SPDX-License-Identifier: MIT
 *
 * Python tells nobody that a SystemExit ends it: no hook is called, and its exit handlers do not learn the
 * status. But it reads the exception's attribute `code`, on the thread of the program and with no frame of
 * Python's left, and nobody else does that. So SystemExit.code is a descriptor of ours, which looks the
 * same. */
#include "modules/common/exitcode.h"

#include <pthread.h>

#include "modules/common/compat.h"
#include "modules/common/runtime.h"

/* What Python makes of it: None is 0, a number itself, and everything else is printed and 1. */
static int status_of(PyObject *code)
{
    int overflow, status = 1;
    if (code == Py_None) {
        status = 0;
    } else if (PyLong_Check(code)) {
        long number = PyLong_AsLongAndOverflow(code, &overflow);
        status = overflow ? 255 : (int)(number & 0xff);
    }
    return status;
}

static PyObject *get_code(PyObject *self, void *Py_UNUSED(unused))
{
    PyObject *code = ((PySystemExitObject *)self)->code;
    void (*ending)(int) = *pc_runtime_ending();
    code = Py_NewRef(code ? code : Py_None);
    if (!PyEval_GetFrame() && pthread_equal(pc_runtime_shown()->program, pthread_self())) {
        ending(status_of(code));
    }
    return code;
}

static int set_code(PyObject *self, PyObject *value, void *Py_UNUSED(unused))
{
    Py_XSETREF(((PySystemExitObject *)self)->code, Py_XNewRef(value));
    return 0;
}

/* exit(status=None), in place of sys.exit where that makes no exception to be read. */
static PyObject *exit_with_exception(PyObject *Py_UNUSED(module), PyObject *const *args,
                                     Py_ssize_t count)
{
    PyObject *type, *value, *traceback;
    if (count > 1) {
        return PyErr_Format(PyExc_TypeError, "exit expected at most 1 argument, got %zd", count);
    }
    PyErr_SetObject(PyExc_SystemExit, count ? args[0] : Py_None);
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyErr_Restore(type, value, traceback);
    return NULL;
}

static PyMethodDef exit_methods[] = {
    {"exit", (PyCFunction)(void (*)(void))exit_with_exception, METH_FASTCALL,
     PyDoc_STR(
         "exit($module, status=None, /)\n--\n\n"
         "Leaves the interpreter by raising SystemExit(status).\n\n"
         "No status, or None, is success; a whole number is the exit status, of which the system\n"
         "keeps the lowest 8 bits; anything else is printed to stderr, with status 1.")},
    {0},
};

static int replace_exit(void)
{
    PyObject *sys = PyImport_ImportModule("sys"), *name = PyUnicode_FromString("sys");
    PyObject *ours = sys && name ? PyCFunction_NewEx(exit_methods, sys, name) : NULL;
    int result = ours ? PyObject_SetAttrString(sys, "exit", ours) : -1;
    Py_XDECREF(ours);
    Py_XDECREF(name);
    Py_XDECREF(sys);
    return result;
}

static PyGetSetDef code_getset[] = {
    {"code", get_code, set_code, "exception code", NULL},
    {0},
};

int pc_exitcode_watch(void (*ending)(int status))
{
    PyTypeObject *type = (PyTypeObject *)PyExc_SystemExit;
    PyObject *code = PyDescr_NewGetSet(type, code_getset);
    PyObject *dict = PyType_GetDict(type);
    int result = code && dict ? PyDict_SetItemString(dict, "code", code) : -1;
    if (result == 0) {
        *pc_runtime_ending() = ending;
        PyType_Modified(type);
    }
    Py_XDECREF(dict);
    Py_XDECREF(code);
    return result == 0 && PC_EXIT_MAKES_NO_EXCEPTION ? replace_exit() : result;
}
