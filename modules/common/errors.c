/* MPI's error codes as exceptions.
 * SPDX-License-Identifier: MIT */
#include "modules/common/errors.h"

#include <stdio.h>

static int set_attribute(PyObject *object, const char *name, PyObject *value)
{
    int result = value ? PyObject_SetAttrString(object, name, value) : -1;
    Py_XDECREF(value);
    return result;
}

/* mpi.Error(message) with its four attributes; message is taken over. */
static PyObject *make_error(PyObject *type, PyObject *message, const char *call, int code,
                            int class, PyObject *text)
{
    PyObject *error = message ? PyObject_CallOneArg(type, message) : NULL;
    Py_XDECREF(message);
    if (error && (set_attribute(error, "code", PyLong_FromLong(code)) < 0 ||
                  set_attribute(error, "error_class", PyLong_FromLong(class)) < 0 ||
                  set_attribute(error, "text", Py_NewRef(text)) < 0 ||
                  set_attribute(error, "call", PyUnicode_FromString(call)) < 0)) {
        Py_CLEAR(error);
    }
    return error;
}

/* The types belong to the module mpi; failing is the rare case and may look them up. */
static PyObject *find_type(const char *name)
{
    PyObject *module = PyImport_ImportModule("_pympi_mpi");
    PyObject *type = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return type;
}

static void raise_error(const char *call, int code, int class, PyObject *text)
{
    PyObject *type = text ? find_type("Error") : NULL;
    PyObject *message = type ? PyUnicode_FromFormat("%s: %U", call, text) : NULL;
    PyObject *error = type ? make_error(type, message, call, code, class, text) : NULL;
    if (error) {
        PyErr_SetObject(type, error);
    }
    Py_XDECREF(error);
    Py_XDECREF(type);
    Py_XDECREF(text);
}

int pc_error_raise(const char *name, const char *call, PyObject *text)
{
    PyObject *type = text ? find_type(name) : NULL;
    PyObject *error =
        type ? make_error(type, Py_NewRef(text), call, MPI_ERR_OTHER, MPI_ERR_OTHER, text) : NULL;
    if (error) {
        PyErr_SetObject(type, error);
    }
    Py_XDECREF(error);
    Py_XDECREF(type);
    Py_XDECREF(text);
    return -1;
}

int pc_error_set(const char *call, int code)
{
    char text[MPI_MAX_ERROR_STRING];
    int length, class;
    if (PyErr_Occurred()) {
        return -1;
    }
    if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) {
        snprintf(text, sizeof text, "error code %d", code);
    }
    if (MPI_Error_class(code, &class) != MPI_SUCCESS) {
        class = MPI_ERR_UNKNOWN;
    }
    raise_error(call, code, class, PyUnicode_FromString(text));
    return -1;
}

int pc_error_check(const char *call, int code)
{
    return code == MPI_SUCCESS ? 0 : pc_error_set(call, code);
}

int pc_error_say(const char *call, const char *format, ...)
{
    va_list args;
    if (PyErr_Occurred()) {
        return -1;
    }
    va_start(args, format);
    raise_error(call, MPI_ERR_OTHER, MPI_ERR_OTHER, PyUnicode_FromFormatV(format, args));
    va_end(args);
    return -1;
}
