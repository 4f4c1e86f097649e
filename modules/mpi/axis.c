/* axis=: arrays that are cut and joined along one of their axes.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/axis.h"

#include "modules/mpi/args.h"
#include "modules/mpi/into.h"

#define NO_AXIS 32 /* numpy.concatenate of NumPy 1 takes it, and all beyond, for None */

int pm_axis_check(PyObject *axis, PyObject *counts, const char *call)
{
    axis = axis ? pm_args_given(axis) : NULL;
    counts = counts ? pm_args_given(counts) : NULL;
    if (axis && !PyIndex_Check(axis)) {
        PyErr_Format(PyExc_TypeError, "%s: axis must be a whole number, not %R", call, axis);
        return -1;
    }
    if (counts && !axis) {
        PyErr_Format(PyExc_ValueError, "%s: counts %R without an axis to cut along", call, counts);
        return -1;
    }
    return 0;
}

/* The places to cut at: the sums of the counts but the last, which has to be length. */
static PyObject *places_of(PyObject *counts, int size, Py_ssize_t length, const char *call)
{
    PyObject *list = PySequence_List(counts);
    Py_ssize_t end = 0;
    bool right = list && PyList_GET_SIZE(list) == size;
    for (Py_ssize_t i = 0; right && i < size; i++) {
        Py_ssize_t part = PyNumber_AsSsize_t(PyList_GET_ITEM(list, i), PyExc_OverflowError);
        right = part >= 0 && !PyErr_Occurred();
        end += part;
        PyList_SetItem(list, i, PyLong_FromSsize_t(end));
    }
    if (!PyErr_Occurred() && (!right || end != length)) {
        PyErr_Format(PyExc_ValueError, "%s: counts %R do not cut %zd elements for %d ranks", call,
                     counts, length, size);
    }
    if (PyErr_Occurred() || PyList_SetSlice(list, size - 1, size, NULL) < 0) {
        Py_CLEAR(list);
    }
    return list;
}

/* The array's length along the axis; -1 with an exception that names both. */
static Py_ssize_t length_along(PyObject *array, PyObject *axis, const char *call)
{
    PyObject *shape = PyObject_GetAttrString(array, "shape");
    PyObject *length = shape ? PyObject_GetItem(shape, axis) : NULL;
    Py_ssize_t result = length ? PyLong_AsSsize_t(length) : -1;
    if (!length && PyErr_ExceptionMatches(PyExc_IndexError)) {
        PyErr_Format(PyExc_ValueError, "%s: axis %S of an array of shape %S", call, axis, shape);
    }
    Py_XDECREF(length);
    Py_XDECREF(shape);
    return result;
}

PyObject *pm_axis_split(PyObject *value, PyObject *axis, PyObject *counts, int size,
                        const char *call)
{
    if (!axis) {
        return Py_NewRef(value);
    }
    PyObject *numpy = PyImport_ImportModule("numpy"), *parts = NULL, *places = NULL;
    PyObject *array = numpy ? PyObject_CallMethod(numpy, "asarray", "(O)", value) : NULL;
    Py_ssize_t length = array ? length_along(array, axis, call) : -1;
    if (length >= 0) {
        places = counts ? places_of(counts, size, length, call) : PyLong_FromLong(size);
    }
    if (places) {
        parts = PyObject_CallMethod(numpy, "array_split", "OOO", array, places, axis);
    }
    Py_XDECREF(places);
    Py_XDECREF(array);
    Py_XDECREF(numpy);
    return parts;
}

static PyObject *join(PyObject *list, PyObject *axis, const char *call)
{
    if (!axis) {
        return Py_NewRef(list);
    }
    if (PyNumber_AsSsize_t(axis, NULL) >= NO_AXIS) {
        return PyErr_Format(PyExc_ValueError, "%s: axis %S of arrays to be joined", call, axis);
    }
    PyObject *numpy = PyImport_ImportModule("numpy");
    PyObject *whole = numpy ? PyObject_CallMethod(numpy, "concatenate", "OO", list, axis) : NULL;
    Py_XDECREF(numpy);
    return whole;
}

int pm_axis_end(pm_work *work)
{
    PyObject *whole = work->failed ? NULL : join(work->gathered, work->axis, work->call);
    return pm_work_end(work, pm_into_put(work->state, whole, work->into, work->call));
}
