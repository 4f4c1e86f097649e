/* Arguments of verbs.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/args.h"

#include <string.h>

#include "modules/common/runtime.h"

/* Keywords are short texts in ASCII: most differ in their first letter. */
static bool is_named(PyObject *name, const char *text)
{
    const char *data = PyUnicode_IS_COMPACT_ASCII(name) ? (const char *)PyUnicode_DATA(name) : "";
    return data[0] == text[0] && strcmp(data, text) == 0 &&
           strlen(text) == (size_t)PyUnicode_GET_LENGTH(name);
}

static int take_keyword(const pm_signature *signature, PyObject *name, PyObject *value,
                        PyObject **values)
{
    for (int i = 0; i < PM_ARGS_MOST && signature->names[i]; i++) {
        if (!is_named(name, signature->names[i])) {
            continue;
        }
        if (values[i]) {
            PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'",
                         signature->call, name);
            return -1;
        }
        values[i] = value;
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", signature->call,
                 name);
    return -1;
}

static int check_needed(const pm_signature *signature, PyObject *const *values)
{
    for (int i = 0; i < signature->needed; i++) {
        if (!values[i]) {
            PyErr_Format(PyExc_TypeError, "%s() missing required argument '%s' (pos %d)",
                         signature->call, signature->names[i], i + 1);
            return -1;
        }
    }
    return 0;
}

int pm_args_read(const pm_signature *signature, PyObject *const *args, Py_ssize_t count,
                 PyObject *names, PyObject **values)
{
    int known = 0;
    for (; known < PM_ARGS_MOST && signature->names[known]; known++) {
        values[known] = known < count ? args[known] : NULL;
    }
    if (count > known - signature->named) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %d arguments by place (%zd given)",
                     signature->call, known - signature->named, count);
        return -1;
    }
    Py_ssize_t keywords = names ? PyTuple_GET_SIZE(names) : 0;
    for (Py_ssize_t i = 0; i < keywords; i++) {
        if (take_keyword(signature, PyTuple_GET_ITEM(names, i), args[count + i], values) < 0) {
            return -1;
        }
    }
    return count >= signature->needed ? 0 : check_needed(signature, values);
}

int pm_args_peer(const pm_comm *comm, PyObject *value, const char *call, const char *name, bool any,
                 int *peer_p)
{
    if (!value) {
        return 0;
    }
    if (PyLong_Check(value)) {
        int overflow, size = comm->remote_size ? comm->remote_size : comm->size;
        long number = PyLong_AsLongAndOverflow(value, &overflow);
        bool special = number == MPI_PROC_NULL || (any && number == MPI_ANY_SOURCE);
        if (!overflow && (special || (number >= 0 && number < size))) {
            *peer_p = (int)number;
            return 0;
        }
    }
    return pm_comm_read_rank(comm, value, call, name, peer_p) ? 0 : -1;
}

int pm_args_tag(PyObject *value, const char *call, const char *name, bool any, int *tag_p)
{
    int overflow = 0;
    if (!value) {
        return 0;
    }
    PyObject *index = PyNumber_Index(value);
    if (!index) {
        PyErr_Format(PyExc_TypeError, "%s: %s must be a whole number, not %R", call, name, value);
        return -1;
    }
    long tag = PyLong_AsLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (any && !overflow && tag == MPI_ANY_TAG) {
        *tag_p = MPI_ANY_TAG;
        return 0;
    }
    if (overflow || tag < 0 || tag > pc_runtime_get()->tag_most) {
        bool negative = overflow < 0 || (!overflow && tag < 0);
        PyErr_Format(PyExc_ValueError,
                     negative ? "%s: %s %S is negative" : "%s: %s %S is too large", call, name,
                     value);
        return -1;
    }
    *tag_p = (int)tag;
    return 0;
}

int pm_args_root(const pm_comm *comm, PyObject *value, const char *call, int *root_p)
{
    return !value || pm_comm_read_rank(comm, value, call, "root", root_p) ? 0 : -1;
}

PyObject *pm_args_given(PyObject *value)
{
    return value == Py_None ? NULL : value;
}
