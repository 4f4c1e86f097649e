/* Elements of datasets and attributes: in and out.
 * SPDX-License-Identifier: MIT
 *
 * Memory is one piece, in the order of the selected elements. While HDF5 moves them others may run. */
#include "modules/h5/errors.h"
#include "modules/h5/ids.h"
#include "modules/h5/module.h"
#include "modules/h5/objects.h"
#include "modules/h5/space.h"

#include <stdbool.h>
#include <stdlib.h>

/* A move of elements: what is opened for it. */
typedef struct {
    hid_t from, type; /* given: a dataset or an attribute; the type in memory */
    hid_t space, memory;
    size_t count;
    bool whole; /* an attribute: all of it, and no spaces */
} move;

/* Memory for so many selected elements, of their shape where they have one: else HDF5 goes through those of
 * chunked datasets one by one. */
static hid_t memory_space(hid_t space, hsize_t count)
{
    hsize_t shape[H5S_MAX_RANK], start[H5S_MAX_RANK], step[H5S_MAX_RANK], block[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_dims(space, shape, NULL);
    H5S_sel_type type = H5Sget_select_type(space);
    if (rank < 2 || (type != H5S_SEL_ALL && type != H5S_SEL_HYPERSLABS) ||
        (type == H5S_SEL_HYPERSLABS && H5Sis_regular_hyperslab(space) <= 0)) {
        return H5Screate_simple(1, &count, NULL);
    }
    if (type == H5S_SEL_HYPERSLABS) {
        H5Sget_regular_hyperslab(space, start, step, shape, block);
        for (int i = 0; i < rank; i++) {
            shape[i] *= block[i];
        }
    }
    return H5Screate_simple(rank, shape, NULL);
}

static int open_move(move *one, PyObject *selection)
{
    one->whole = H5Iget_type(one->from) == H5I_ATTR;
    one->memory = -1;
    one->space = one->whole ? H5Aget_space(one->from) : H5Dget_space(one->from);
    if (one->space < 0 || (!one->whole && ph_space_select(one->space, selection) < 0)) {
        return ph_error_set("selection");
    }
    hssize_t count = H5Sget_select_npoints(one->space);
    if (count < 0 || (!one->whole && H5Sselect_valid(one->space) <= 0)) {
        PyErr_SetString(PyExc_IndexError, "the selection reaches beyond the shape");
        return -1;
    }
    one->count = (size_t)count;
    one->memory = memory_space(one->space, (hsize_t)count);
    return one->memory < 0 ? ph_error_set("selection") : 0;
}

static void close_move(move *one)
{
    if (one->memory >= 0) {
        H5Sclose(one->memory);
    }
    if (one->space >= 0) {
        H5Sclose(one->space);
    }
}

static herr_t get(const move *one, void *bytes)
{
    return one->whole ? H5Aread(one->from, one->type, bytes)
                      : H5Dread(one->from, one->type, one->memory, one->space, H5P_DEFAULT, bytes);
}

static herr_t put(const move *one, const void *bytes)
{
    return one->whole ? H5Awrite(one->from, one->type, bytes)
                      : H5Dwrite(one->from, one->type, one->memory, one->space, H5P_DEFAULT, bytes);
}

/* The memory fits the elements: 0, or -1 with an exception set. */
static int check_size(const move *one, const Py_buffer *view)
{
    size_t size = one->count * H5Tget_size(one->type);
    if ((size_t)view->len != size) {
        PyErr_Format(PyExc_ValueError, "%zu elements take %zu bytes; there are %zd", one->count,
                     size, view->len);
        return -1;
    }
    return 0;
}

static PyObject *transfer(ph_state *state, move *one, PyObject *selection, Py_buffer *view,
                          bool out)
{
    herr_t code = open_move(one, selection) < 0 ? -1 : check_size(one, view);
    if (code == 0 && one->count > 0) {
        Py_BEGIN_ALLOW_THREADS;
        code = out ? put(one, view->buf) : get(one, view->buf);
        Py_END_ALLOW_THREADS;
    }
    if (code < 0) {
        ph_error_set(out ? "write" : "read"); /* the next call of HDF5's forgets why */
    }
    close_move(one);
    PyBuffer_Release(view);
    return ph_leave_none(state, code, "");
}

static PyObject *read_into(PyObject *module, PyObject *args)
{
    move one;
    PyObject *selection, *memory;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "O&O&OO:read", ph_id_convert, &one.from, ph_id_convert, &one.type,
                          &selection, &memory) ||
        PyObject_GetBuffer(memory, &view, PyBUF_WRITABLE) < 0) {
        return NULL;
    }
    return transfer(ph_enter(module), &one, selection, &view, false);
}

static PyObject *write_from(PyObject *module, PyObject *args)
{
    move one;
    PyObject *selection, *memory;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "O&O&OO:write", ph_id_convert, &one.from, ph_id_convert, &one.type,
                          &selection, &memory) ||
        PyObject_GetBuffer(memory, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    return transfer(ph_enter(module), &one, selection, &view, true);
}

static PyObject *take_objects(const move *one, char *bytes)
{
    size_t size = H5Tget_size(one->type);
    PyObject *list = NULL;
    if (get(one, bytes) < 0) {
        ph_error_set("read");
    } else {
        list = PyList_New((Py_ssize_t)one->count);
    }
    for (size_t i = 0; list && i < one->count; i++) {
        PyObject *item = ph_object_read(one->type, bytes + i * size);
        if (!item) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    H5Dvlen_reclaim(one->type, one->memory, H5P_DEFAULT, bytes);
    return list;
}

static PyObject *read_objects(PyObject *module, PyObject *args)
{
    move one;
    PyObject *selection, *result = NULL;
    if (!PyArg_ParseTuple(args, "O&O&O:read_objects", ph_id_convert, &one.from, ph_id_convert,
                          &one.type, &selection)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    if (open_move(&one, selection) == 0) {
        char *bytes = calloc(one.count + 1, H5Tget_size(one.type));
        result = one.count == 0 ? PyList_New(0)
                 : bytes        ? take_objects(&one, bytes)
                                : PyErr_NoMemory();
        free(bytes);
    }
    if (!result) {
        ph_error_set("read");
    }
    close_move(&one);
    return ph_leave_object(state, result);
}

static int place_all(const move *one, PyObject *list, char *bytes, ph_arena **arena_p)
{
    if (!PyList_Check(list) || (size_t)PyList_GET_SIZE(list) != one->count) {
        PyErr_Format(PyExc_ValueError, "%zu elements are to be written, and there are %zd",
                     one->count, PyObject_Size(list));
        return -1;
    }
    for (size_t i = 0; i < one->count; i++) {
        if (ph_object_place(one->type, PyList_GET_ITEM(list, (Py_ssize_t)i),
                            bytes + i * H5Tget_size(one->type), arena_p) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *write_objects(PyObject *module, PyObject *args)
{
    move one;
    ph_arena *arena = NULL;
    PyObject *selection, *list;
    herr_t code = -1;
    if (!PyArg_ParseTuple(args, "O&O&OO:write_objects", ph_id_convert, &one.from, ph_id_convert,
                          &one.type, &selection, &list)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    if (open_move(&one, selection) == 0) {
        char *bytes = calloc(one.count + 1, H5Tget_size(one.type));
        code = !bytes || place_all(&one, list, bytes, &arena) < 0 ? -1
               : one.count                                        ? put(&one, bytes)
                                                                  : 0;
        free(bytes);
        ph_arena_free(arena);
    }
    if (code < 0) {
        ph_error_set("write");
    }
    close_move(&one);
    return ph_leave_none(state, code, "");
}

PyMethodDef ph_data_methods[] = {
    {"read", read_into, METH_VARARGS, "Reads selected elements into memory. Local."},
    {"write", write_from, METH_VARARGS, "Writes memory to selected elements. Local."},
    {"read_objects", read_objects, METH_VARARGS, "Reads elements that point. Local."},
    {"write_objects", write_objects, METH_VARARGS, "Writes elements that point. Local."},
    {0},
};
