/* How an exception that broke a wait of MPI's gets through mpi4py.
 * SPDX-License-Identifier: MIT */
#include "modules/common/breakout.h"

#include <time.h>

#include "modules/common/runtime.h"

#define FRESH_S                                                                                    \
    1 /* mpi4py makes its exception at once; what another caller left is not for a later one */

/* The constructor of mpi4py.MPI.Exception, while a wait has just been broken. */
static PyObject *make(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    pc_breakout *kept = pc_runtime_breakout();
    PyObject *exception = kept->exception;
    kept->exception = NULL;
    if (exception && time(NULL) - kept->since <= FRESH_S) {
        if (PC_RAISES_WHAT_IS_MADE) {
            return exception;
        }
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
        return NULL;
    }
    Py_XDECREF(exception);
    return kept->make(type, args, keywords);
}

/* Teaches the class, once; a borrowed look at what has been imported. */
static void teach(pc_breakout *kept)
{
    PyObject *module = PyDict_GetItemString(PyImport_GetModuleDict(), "mpi4py.MPI");
    PyObject *class = module ? PyObject_GetAttrString(module, "Exception") : NULL;
    if (class && PyType_Check(class) && ((PyTypeObject *)class)->tp_new != make) {
        kept->make = ((PyTypeObject *)class)->tp_new;
        ((PyTypeObject *)class)->tp_new = make;
    }
    Py_XDECREF(class);
    PyErr_Clear();
}

void pc_breakout_prepare(void)
{
    pc_breakout *kept = pc_runtime_breakout();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    teach(kept);
    Py_XSETREF(kept->exception, Py_XNewRef(value));
    kept->since = time(NULL);
    PyErr_Restore(type, value, traceback);
}
