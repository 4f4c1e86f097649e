/* Dims, coordinates and flags as arguments and results.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/grid.h"

#include <limits.h>

#include "modules/common/errors.h"

int pm_grid_read_int(PyObject *value, const char *call, const char *name, int least, int most,
                     int *number_p)
{
    int overflow = 0;
    PyObject *index = PyNumber_Index(value);
    if (!index) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError, "%s: %s must be a whole number, not %R", call, name,
                         value);
        }
        return -1;
    }
    long number = PyLong_AsLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (overflow || number < least || number > most) {
        PyErr_Format(PyExc_ValueError, "%s: %s %S is not in %d to %d", call, name, value, least,
                     most);
        return -1;
    }
    *number_p = (int)number;
    return 0;
}

/* The items as a tuple; count < 0: as many as there are, up to the most. */
static PyObject *read_items(PyObject *value, const char *call, const char *name, int count)
{
    PyObject *items = PySequence_Tuple(value);
    if (!items) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError, "%s: %s must be a sequence, not %R", call, name, value);
        }
        return NULL;
    }
    Py_ssize_t got = PyTuple_GET_SIZE(items);
    if (count >= 0 && got != count) {
        PyErr_Format(PyExc_ValueError, "%s: %s %R has %zd entries for %d dimensions", call, name,
                     value, got, count);
        Py_CLEAR(items);
    } else if (got < 1 || got > PM_CART_MOST) {
        PyErr_Format(PyExc_ValueError, "%s: %s %R has %zd entries, not 1 to %d", call, name, value,
                     got, PM_CART_MOST);
        Py_CLEAR(items);
    }
    return items;
}

/* Lets MPI fill in the dims that are 0, which takes all ranks; else the ranks must be enough. */
static int fill_dims(pm_grid *grid, int size, const char *call)
{
    long long given = 1;
    bool open = false;
    for (int i = 0; i < grid->count && given <= size; i++) {
        open = open || grid->dims[i] == 0;
        given *= grid->dims[i] ? grid->dims[i] : 1;
    }
    if (given <= size && !open) {
        return 0;
    }
    if (given <= size && size % given == 0) {
        return pc_error_check("MPI_Dims_create", MPI_Dims_create(size, grid->count, grid->dims));
    }
    PyObject *dims = pm_grid_ints(grid->dims, grid->count);
    if (dims) {
        PyErr_Format(PyExc_ValueError,
                     open && given <= size ? "%s: dims %R do not divide %d ranks"
                                           : "%s: dims %R take more than the %d ranks there are",
                     call, dims, size);
        Py_DECREF(dims);
    }
    return -1;
}

static int read_each_dim(pm_grid *grid, PyObject *value, const char *call)
{
    PyObject *items = read_items(value, call, "dims", -1);
    int result = items ? 0 : -1;
    grid->count = items ? (int)PyTuple_GET_SIZE(items) : 0;
    for (int i = 0; i < grid->count && result == 0; i++) {
        result =
            pm_grid_read_int(PyTuple_GET_ITEM(items, i), call, "dims", 0, INT_MAX, &grid->dims[i]);
    }
    Py_XDECREF(items);
    return result;
}

int pm_grid_read_dims(pm_grid *grid, PyObject *value, int size, const char *call)
{
    *grid = (pm_grid){0};
    bool number = PyIndex_Check(value) && !PySequence_Check(value);
    int result = number ? pm_grid_read_int(value, call, "dims", 1, PM_CART_MOST, &grid->count)
                        : read_each_dim(grid, value, call);
    return result < 0 ? -1 : fill_dims(grid, size, call);
}

int pm_grid_read_coords(pm_grid *grid, PyObject *value, const char *call)
{
    PyObject *items = read_items(value, call, "coords", grid->count);
    int result = items ? 0 : -1;
    for (int i = 0; i < grid->count && result == 0; i++) {
        bool closed = grid->periods[i];
        result =
            pm_grid_read_int(PyTuple_GET_ITEM(items, i), call, "coordinate", closed ? -INT_MAX : 0,
                             closed ? INT_MAX : grid->dims[i] - 1, &grid->coords[i]);
    }
    Py_XDECREF(items);
    return result;
}

int pm_grid_read_flags(PyObject *value, const char *call, const char *name, int count, int *flags)
{
    if (PyBool_Check(value)) {
        for (int i = 0; i < count; i++) {
            flags[i] = value == Py_True;
        }
        return 0;
    }
    PyObject *items = read_items(value, call, name, count);
    int result = items ? 0 : -1;
    for (int i = 0; i < count && result >= 0; i++) {
        result = flags[i] = PyObject_IsTrue(PyTuple_GET_ITEM(items, i));
    }
    Py_XDECREF(items);
    return result < 0 ? -1 : 0;
}

static PyObject *make_tuple(const int *numbers, int count, bool truths)
{
    PyObject *tuple = PyTuple_New(count);
    for (int i = 0; tuple && i < count; i++) {
        PyObject *item = truths ? PyBool_FromLong(numbers[i]) : PyLong_FromLong(numbers[i]);
        if (item) {
            PyTuple_SET_ITEM(tuple, i, item);
        } else {
            Py_CLEAR(tuple);
        }
    }
    return tuple;
}

PyObject *pm_grid_ints(const int *numbers, int count)
{
    return make_tuple(numbers, count, false);
}

PyObject *pm_grid_flags(const int *flags, int count)
{
    return make_tuple(flags, count, true);
}
