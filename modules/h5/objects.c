/* Elements that point to memory of their own, as Python's objects.
 * SPDX-License-Identifier: MIT */
#include "modules/h5/objects.h"

#include <stdlib.h>
#include <string.h>

#include "modules/h5/types.h"

void ph_arena_free(ph_arena *arena)
{
    while (arena) {
        ph_arena *next = arena->next;
        free(arena);
        arena = next;
    }
}

static void *take(ph_arena **arena_p, size_t size)
{
    ph_arena *block = calloc(1, sizeof *block + size);
    if (!block) {
        PyErr_NoMemory();
        return NULL;
    }
    block->next = *arena_p;
    *arena_p = block;
    return block + 1;
}

/* ---- memory to objects -------------------------------------------------------------------- */

static PyObject *read_several(hid_t type, const char *memory, size_t count)
{
    size_t size = H5Tget_size(type);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *item = ph_object_read(type, memory + i * size);
        if (!item) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    return list;
}

static PyObject *read_sequence(hid_t type, const char *memory)
{
    hvl_t sequence;
    hid_t base = H5Tget_super(type);
    memcpy(&sequence, memory, sizeof sequence);
    PyObject *result =
        ph_type_points(base)
            ? read_several(base, sequence.p, sequence.len)
            : PyBytes_FromStringAndSize(sequence.p, (Py_ssize_t)(sequence.len * H5Tget_size(base)));
    H5Tclose(base);
    return result;
}

static size_t array_length(hid_t type)
{
    hsize_t dims[H5S_MAX_RANK];
    size_t count = 1;
    int rank = H5Tget_array_dims2(type, dims);
    for (int i = 0; i < rank; i++) {
        count *= dims[i];
    }
    return count;
}

static PyObject *read_array(hid_t type, const char *memory)
{
    hid_t base = H5Tget_super(type);
    PyObject *result = read_several(base, memory, array_length(type));
    H5Tclose(base);
    return result;
}

static PyObject *read_compound(hid_t type, const char *memory)
{
    int count = H5Tget_nmembers(type);
    PyObject *tuple = PyTuple_New(count);
    for (int i = 0; tuple && i < count; i++) {
        hid_t part = H5Tget_member_type(type, (unsigned)i);
        PyObject *item = ph_object_read(part, memory + H5Tget_member_offset(type, (unsigned)i));
        H5Tclose(part);
        if (!item) {
            Py_DECREF(tuple);
            return NULL;
        }
        PyTuple_SET_ITEM(tuple, i, item);
    }
    return tuple;
}

PyObject *ph_object_read(hid_t type, const char *memory)
{
    const char *text;
    if (!ph_type_points(type)) {
        return PyBytes_FromStringAndSize(memory, (Py_ssize_t)H5Tget_size(type));
    }
    switch (H5Tget_class(type)) {
    case H5T_STRING:
        memcpy(&text, memory, sizeof text);
        return PyBytes_FromString(text ? text : "");
    case H5T_REFERENCE:
        return PyBytes_FromStringAndSize(memory, (Py_ssize_t)H5Tget_size(type));
    case H5T_VLEN:
        return read_sequence(type, memory);
    case H5T_ARRAY:
        return read_array(type, memory);
    default:
        return read_compound(type, memory);
    }
}

/* ---- objects to memory -------------------------------------------------------------------- */

static int place_bytes(PyObject *value, size_t size, char *memory)
{
    if (!PyBytes_Check(value) || (size_t)PyBytes_GET_SIZE(value) != size) {
        PyErr_Format(PyExc_TypeError, "an element of %zu bytes cannot be %R", size, value);
        return -1;
    }
    memcpy(memory, PyBytes_AS_STRING(value), size);
    return 0;
}

static int place_several(hid_t type, PyObject *value, size_t count, char *memory,
                         ph_arena **arena_p)
{
    size_t size = H5Tget_size(type);
    if (!PyList_Check(value) || (size_t)PyList_GET_SIZE(value) != count) {
        PyErr_Format(PyExc_TypeError, "%zu elements cannot be %R", count, value);
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (ph_object_place(type, PyList_GET_ITEM(value, (Py_ssize_t)i), memory + i * size,
                            arena_p) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Elements that do not point lie in the bytes that were given. */
static int place_sequence(hid_t base, PyObject *value, char *memory, ph_arena **arena_p)
{
    hvl_t sequence = {0};
    size_t size = H5Tget_size(base);
    if (PyBytes_Check(value)) {
        sequence.len = (size_t)PyBytes_GET_SIZE(value) / size;
        sequence.p = PyBytes_AS_STRING(value);
    } else if (PyList_Check(value)) {
        sequence.len = (size_t)PyList_GET_SIZE(value);
        sequence.p = take(arena_p, sequence.len * size);
        if (!sequence.p || place_several(base, value, sequence.len, sequence.p, arena_p) < 0) {
            return -1;
        }
    } else {
        PyErr_Format(PyExc_TypeError, "a sequence cannot be %R", value);
        return -1;
    }
    memcpy(memory, &sequence, sizeof sequence);
    return 0;
}

static int place_compound(hid_t type, PyObject *value, char *memory, ph_arena **arena_p)
{
    int count = H5Tget_nmembers(type), code = 0;
    if (!PyTuple_Check(value) || PyTuple_GET_SIZE(value) != count) {
        PyErr_Format(PyExc_TypeError, "a compound of %d members cannot be %R", count, value);
        return -1;
    }
    for (int i = 0; i < count && code == 0; i++) {
        hid_t part = H5Tget_member_type(type, (unsigned)i);
        code = ph_object_place(part, PyTuple_GET_ITEM(value, i),
                               memory + H5Tget_member_offset(type, (unsigned)i), arena_p);
        H5Tclose(part);
    }
    return code;
}

static int place_text(PyObject *value, char *memory)
{
    const char *text = PyBytes_AsString(value);
    if (text) {
        memcpy(memory, &text, sizeof text);
    }
    return text ? 0 : -1;
}

static int place_parts(hid_t type, PyObject *value, char *memory, ph_arena **arena_p)
{
    hid_t base = H5Tget_super(type);
    int code = H5Tget_class(type) == H5T_VLEN
                   ? place_sequence(base, value, memory, arena_p)
                   : place_several(base, value, array_length(type), memory, arena_p);
    H5Tclose(base);
    return code;
}

int ph_object_place(hid_t type, PyObject *value, char *memory, ph_arena **arena_p)
{
    if (!ph_type_points(type)) {
        return place_bytes(value, H5Tget_size(type), memory);
    }
    switch (H5Tget_class(type)) {
    case H5T_STRING:
        return place_text(value, memory);
    case H5T_REFERENCE:
        return place_bytes(value, H5Tget_size(type), memory);
    case H5T_COMPOUND:
        return place_compound(type, value, memory, arena_p);
    default:
        return place_parts(type, value, memory, arena_p);
    }
}
