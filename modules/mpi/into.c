/* into=: a result goes into memory that its receiver gives.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/into.h"

#include <string.h>

static bool is_array(pm_state *state, PyObject *value)
{
    PyObject *ndarray = pm_state_ndarray(state);
    return ndarray && PyObject_TypeCheck(value, (PyTypeObject *)ndarray);
}

/* Plain arrays tell by their flags, at no cost. */
static bool is_writable_array(pm_state *state, PyObject *into)
{
    return (PyObject *)Py_TYPE(into) == state->ndarray && state->numpy.usable &&
           ((pm_numpy_array *)into)->flags & PM_NUMPY_WRITABLE;
}

/* The same for an array of any kind. */
static bool says_writable(PyObject *into)
{
    PyObject *flags = PyObject_GetAttrString(into, "flags");
    PyObject *writable = flags ? PyObject_GetAttrString(flags, "writeable") : NULL;
    bool result = writable == Py_True;
    Py_XDECREF(writable);
    Py_XDECREF(flags);
    PyErr_Clear();
    return result;
}

int pm_into_check(pm_state *state, PyObject *into, const char *call)
{
    Py_buffer view;
    if (!into || into == Py_None || PyList_Check(into) || is_writable_array(state, into)) {
        return 0;
    }
    if (!PyObject_CheckBuffer(into)) {
        PyErr_Format(PyExc_TypeError, "%s: into must be memory such as an array, not %R", call,
                     into);
        return -1;
    }
    if (PyObject_GetBuffer(into, &view, PyBUF_STRIDES | PyBUF_WRITABLE) == 0) {
        PyBuffer_Release(&view);
        return 0;
    }
    PyErr_Clear();
    if (says_writable(into)) { /* datetimes have no buffer; NumPy copies them */
        return 0;
    }
    PyErr_Format(PyExc_ValueError, "%s: into is read-only", call);
    return -1;
}

/* 1 when the attributes are equal, 0 when not, -1 with an exception set. */
static int equal_attributes(PyObject *left, PyObject *right, const char *name)
{
    PyObject *a = PyObject_GetAttrString(left, name);
    PyObject *b = a ? PyObject_GetAttrString(right, name) : NULL;
    int equal = b ? PyObject_RichCompareBool(a, b, Py_EQ) : -1;
    Py_XDECREF(b);
    Py_XDECREF(a);
    return equal;
}

/* ValueError or TypeError that shows the attribute of both. */
static int refuse(PyObject *type, PyObject *value, PyObject *into, const char *name,
                  const char *call)
{
    PyObject *has = PyObject_GetAttrString(into, name);
    PyObject *came = has ? PyObject_GetAttrString(value, name) : NULL;
    if (came) {
        PyErr_Format(type, "%s: into has %s %S, what came has %s %S", call, name, has, name, came);
    }
    Py_XDECREF(came);
    Py_XDECREF(has);
    return -1;
}

/* into[...] = value, in the shape of into. */
static int copy_array(PyObject *value, PyObject *into)
{
    PyObject *shape = PyObject_GetAttrString(into, "shape");
    PyObject *fitted = shape ? PyObject_CallMethod(value, "reshape", "(O)", shape) : NULL;
    int result = fitted ? PyObject_SetItem(into, Py_Ellipsis, fitted) : -1;
    Py_XDECREF(fitted);
    Py_XDECREF(shape);
    return result;
}

static int put_array(PyObject *value, PyObject *into, const char *call)
{
    int same = equal_attributes(value, into, "dtype");
    if (same != 1) {
        return same < 0 ? -1 : refuse(PyExc_TypeError, value, into, "dtype", call);
    }
    same = equal_attributes(value, into, "size");
    if (same != 1) {
        return same < 0 ? -1 : refuse(PyExc_ValueError, value, into, "shape", call);
    }
    return copy_array(value, into);
}

static bool is_bytes(const Py_buffer *view)
{
    return !view->format || strcmp(view->format, "B") == 0;
}

/* Memory of equal size and format; plain bytes go anywhere. */
static int copy_memory(const Py_buffer *from, Py_buffer *to, const char *call)
{
    if (from->len != to->len) {
        PyErr_Format(PyExc_ValueError, "%s: into has %zd bytes, what came has %zd", call, to->len,
                     from->len);
        return -1;
    }
    if (!is_bytes(from) && !is_bytes(to) && strcmp(from->format, to->format) != 0) {
        PyErr_Format(PyExc_TypeError, "%s: into has elements of format '%s', what came of '%s'",
                     call, to->format, from->format);
        return -1;
    }
    return PyBuffer_FromContiguous(to, from->buf, from->len, 'C');
}

static int put_memory(PyObject *value, PyObject *into, const char *call)
{
    Py_buffer to;
    if (PyList_Check(into)) {
        PyErr_Format(PyExc_TypeError, "%s: into is a list, and what came is %.200R", call, value);
        return -1;
    }
    PyObject *whole = PyMemoryView_GetContiguous(value, PyBUF_READ, 'C');
    if (!whole) {
        PyErr_Clear();
        PyErr_Format(PyExc_TypeError, "%s: into takes memory, and what came is %.200R", call,
                     value);
        return -1;
    }
    const Py_buffer *from = PyMemoryView_GET_BUFFER(whole);
    int result = PyObject_GetBuffer(into, &to, PyBUF_FULL);
    if (result == 0) {
        result = copy_memory(from, &to, call);
        PyBuffer_Release(&to);
    }
    Py_DECREF(whole);
    return result;
}

/* A list's items into a list or the rows of an array. */
static int put_items(pm_state *state, PyObject *list, PyObject *into, const char *call)
{
    Py_ssize_t count = PyObject_Size(into);
    if (count != PyList_GET_SIZE(list)) {
        if (count >= 0) {
            PyErr_Format(PyExc_ValueError, "%s: into has %zd rows for %zd items", call, count,
                         PyList_GET_SIZE(list));
        }
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PyList_GET_ITEM(list, i), *row = PySequence_GetItem(into, i);
        bool whole = row && is_array(state, row) && is_array(state, item);
        int result = !row    ? -1
                     : whole ? put_array(item, row, call)
                             : PySequence_SetItem(into, i, item);
        Py_XDECREF(row);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

PyObject *pm_into_put(pm_state *state, PyObject *value, PyObject *into, const char *call)
{
    if (!value || !into || into == Py_None || value == into) {
        return value;
    }
    int result;
    if (PyList_CheckExact(value)) {
        result = put_items(state, value, into, call);
    } else if (is_array(state, value) && is_array(state, into)) {
        result = put_array(value, into, call);
    } else {
        result = put_memory(value, into, call);
    }
    Py_DECREF(value);
    return result < 0 ? NULL : Py_NewRef(into);
}
