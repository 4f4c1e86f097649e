/* Shapes and selections.
 * SPDX-License-Identifier: MIT */
#include "modules/h5/space.h"

#include "modules/h5/errors.h"

int ph_space_numbers(PyObject *tuple, hsize_t *numbers)
{
    if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) > H5S_MAX_RANK) {
        PyErr_Format(PyExc_ValueError, "%R is no tuple of at most %d lengths", tuple, H5S_MAX_RANK);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        PyObject *item = PyTuple_GET_ITEM(tuple, i);
        numbers[i] = item == Py_None ? H5S_UNLIMITED : PyLong_AsUnsignedLongLong(item);
    }
    return PyErr_Occurred() ? -1 : (int)PyTuple_GET_SIZE(tuple);
}

hid_t ph_space_make(PyObject *shape, PyObject *most)
{
    hsize_t lengths[H5S_MAX_RANK], limits[H5S_MAX_RANK];
    if (shape == Py_None) {
        return H5Screate(H5S_NULL);
    }
    int rank = ph_space_numbers(shape, lengths);
    if (rank < 0 || (most != Py_None && ph_space_numbers(most, limits) != rank)) {
        return -1;
    }
    hid_t space = rank == 0 ? H5Screate(H5S_SCALAR)
                            : H5Screate_simple(rank, lengths, most == Py_None ? NULL : limits);
    if (space < 0) {
        ph_error_set("shape");
    }
    return space;
}

static int select_slab(hid_t space, PyObject *slab, H5S_seloper_t how)
{
    PyObject *starts, *counts, *steps;
    hsize_t start[H5S_MAX_RANK], count[H5S_MAX_RANK], step[H5S_MAX_RANK];
    if (!PyArg_ParseTuple(slab, "OOO", &starts, &counts, &steps)) {
        return -1;
    }
    int rank = H5Sget_simple_extent_ndims(space);
    if (ph_space_numbers(starts, start) != rank || ph_space_numbers(counts, count) != rank ||
        ph_space_numbers(steps, step) != rank) {
        PyErr_Format(PyExc_ValueError, "a selection of another rank than %d", rank);
        return -1;
    }
    for (int i = 0; i < rank; i++) {
        if (count[i] == 0) {
            return how == H5S_SELECT_SET ? H5Sselect_none(space) : 0;
        }
    }
    if (rank == 0) {
        return H5Sselect_all(space);
    }
    return H5Sselect_hyperslab(space, how, start, step, count, NULL);
}

static int select_slabs(hid_t space, PyObject *list)
{
    int code = H5Sselect_none(space);
    for (Py_ssize_t i = 0; code >= 0 && i < PyList_GET_SIZE(list); i++) {
        code = select_slab(space, PyList_GET_ITEM(list, i), H5S_SELECT_OR);
    }
    return code;
}

static int select_points(hid_t space, PyObject *points)
{
    Py_buffer view;
    if (PyObject_GetBuffer(points, &view, PyBUF_C_CONTIGUOUS) < 0) {
        return -1;
    }
    int rank = H5Sget_simple_extent_ndims(space);
    size_t count = rank > 0 ? (size_t)view.len / sizeof(hsize_t) / (size_t)rank : 0;
    int code =
        count ? H5Sselect_elements(space, H5S_SELECT_SET, count, view.buf) : H5Sselect_none(space);
    PyBuffer_Release(&view);
    return code;
}

int ph_space_select(hid_t space, PyObject *selection)
{
    int code = selection == Py_None       ? 0
               : PyTuple_Check(selection) ? select_slab(space, selection, H5S_SELECT_SET)
               : PyList_Check(selection)  ? select_slabs(space, selection)
                                          : select_points(space, selection);
    return code < 0 ? ph_error_set("selection") : 0;
}

static PyObject *lengths_of(const hsize_t *lengths, int rank)
{
    PyObject *tuple = PyTuple_New(rank);
    for (int i = 0; tuple && i < rank; i++) {
        PyTuple_SET_ITEM(tuple, i,
                         lengths[i] == H5S_UNLIMITED ? Py_NewRef(Py_None)
                                                     : PyLong_FromUnsignedLongLong(lengths[i]));
    }
    return tuple;
}

PyObject *ph_space_describe(hid_t space)
{
    hsize_t lengths[H5S_MAX_RANK], limits[H5S_MAX_RANK];
    if (H5Sget_simple_extent_type(space) == H5S_NULL) {
        return Py_BuildValue("(OO)", Py_None, Py_None);
    }
    int rank = H5Sget_simple_extent_dims(space, lengths, limits);
    if (rank < 0) {
        ph_error_set("shape");
        return NULL;
    }
    PyObject *shape = lengths_of(lengths, rank);
    PyObject *most = shape ? lengths_of(limits, rank) : NULL;
    return most ? Py_BuildValue("(NN)", shape, most) : NULL;
}
