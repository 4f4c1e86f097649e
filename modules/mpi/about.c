/* About this MPI: mpi.version, library, thread_level, wtime and constants.
 * SPDX-License-Identifier: MIT */
#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/mpi/module.h"

static const char *name_threads(int level)
{
    return level == MPI_THREAD_MULTIPLE     ? "multiple"
           : level == MPI_THREAD_SERIALIZED ? "serialized"
           : level == MPI_THREAD_FUNNELED   ? "funneled"
                                            : "single";
}

static int add_library(PyObject *module)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    if (pc_error_check("MPI_Get_library_version", MPI_Get_library_version(text, &length)) < 0) {
        return -1;
    }
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' ')) {
        text[--length] = '\0';
    }
    return PyModule_AddStringConstant(module, "library", text);
}

static int add_version(PyObject *module)
{
    int version, subversion;
    if (pc_error_check("MPI_Get_version", MPI_Get_version(&version, &subversion)) < 0) {
        return -1;
    }
    PyObject *pair = Py_BuildValue("(ii)", version, subversion);
    int result = pair ? PyModule_AddObjectRef(module, "version", pair) : -1;
    Py_XDECREF(pair);
    return result;
}

PyDoc_STRVAR(wtime_doc, "wtime()\n--\n\n"
                        "Seconds since some time in the past, by MPI's clock.\nLocal.");

static PyObject *wtime(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyFloat_FromDouble(MPI_Wtime());
}

static PyMethodDef about_methods[] = {
    {"wtime", wtime, METH_NOARGS, wtime_doc},
    {0},
};

int pm_about_setup(PyObject *module)
{
    const char *threads = name_threads(pc_runtime_get()->threads);
    return add_library(module) < 0 || add_version(module) < 0 ||
                   PyModule_AddStringConstant(module, "thread_level", threads) < 0 ||
                   PyModule_AddIntConstant(module, "UNDEFINED", MPI_UNDEFINED) < 0
               ? -1
               : PyModule_AddFunctions(module, about_methods);
}
