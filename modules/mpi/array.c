/* NumPy arrays in letters.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/array.h"

#include "modules/common/errors.h"
#include "modules/mpi/pack.h"

static bool is_true(PyObject *object, const char *attribute)
{
    PyObject *value = PyObject_GetAttrString(object, attribute);
    bool truth = value && PyObject_IsTrue(value) == 1;
    Py_XDECREF(value);
    PyErr_Clear();
    return truth;
}

bool pm_array_check(pm_state *state, PyObject *value)
{
    if ((PyObject *)Py_TYPE(value) != pm_state_ndarray(state)) {
        return false;
    }
    PyObject *dtype = PyObject_GetAttrString(value, "dtype");
    bool plain = dtype && !is_true(dtype, "hasobject");
    Py_XDECREF(dtype);
    PyErr_Clear();
    return plain;
}

/* True for NumPy's own types but void (20), which has fields. The numbers are part of NumPy's ABI. */
static bool has_own_type(PyObject *dtype)
{
    PyObject *value = PyObject_GetAttrString(dtype, "num");
    long number = value ? PyLong_AsLong(value) : -1;
    Py_XDECREF(value);
    PyErr_Clear();
    return number >= 0 && number < 24 && number != 20;
}

/* A dtype as its string ("<f8"), or pickled where the string does not tell all: fields, metadata, types
 * that others brought (bfloat16 would arrive as void). */
static PyObject *describe_dtype(PyObject *dtype)
{
    if (has_own_type(dtype) && !is_true(dtype, "metadata")) {
        return PyObject_GetAttrString(dtype, "str");
    }
    PyObject *pickle = PyImport_ImportModule("pickle");
    PyObject *bytes = pickle ? PyObject_CallMethod(pickle, "dumps", "Oi", dtype, 5) : NULL;
    Py_XDECREF(pickle);
    return bytes;
}

static PyObject *recall_dtype(PyObject *numpy, PyObject *description)
{
    if (!PyBytes_Check(description)) {
        return PyObject_CallMethod(numpy, "dtype", "O", description);
    }
    PyObject *pickle = PyImport_ImportModule("pickle");
    PyObject *dtype = pickle ? PyObject_CallMethod(pickle, "loads", "O", description) : NULL;
    Py_XDECREF(pickle);
    return dtype;
}

static bool has_order(PyObject *array, const char *flag)
{
    PyObject *flags = PyObject_GetAttrString(array, "flags");
    bool truth = flags && is_true(flags, flag);
    Py_XDECREF(flags);
    PyErr_Clear();
    return truth;
}

static int put_description(pm_letter *letter, PyObject *array, const char *order)
{
    PyObject *dtype = PyObject_GetAttrString(array, "dtype");
    PyObject *description = dtype ? describe_dtype(dtype) : NULL;
    PyObject *shape = PyObject_GetAttrString(array, "shape");
    PyObject *body =
        description && shape ? Py_BuildValue("(OOs)", description, shape, order) : NULL;
    int result = body ? pm_pack(letter, body) : -1;
    if (result == 0) {
        pc_error_say("send", "the dtype of this array has too long a description to be sent");
    }
    Py_XDECREF(body);
    Py_XDECREF(shape);
    Py_XDECREF(description);
    Py_XDECREF(dtype);
    pm_letter_end_body(letter);
    return result == 1 ? 0 : -1;
}

/* array.view(f"V{itemsize}"): the same memory as nameless bytes. */
static PyObject *view_as_void(PyObject *array)
{
    PyObject *size = PyObject_GetAttrString(array, "itemsize");
    PyObject *dtype = size ? PyUnicode_FromFormat("V%S", size) : NULL;
    PyObject *view = dtype ? PyObject_CallMethod(array, "view", "O", dtype) : NULL;
    Py_XDECREF(dtype);
    Py_XDECREF(size);
    return view;
}

PyObject *pm_array_memory(pm_state *state, PyObject *target)
{
    Py_buffer view;
    if ((PyObject *)Py_TYPE(target) != state->ndarray) {
        return Py_NewRef(target);
    }
    if (PyObject_GetBuffer(target, &view, PyBUF_ANY_CONTIGUOUS) == 0) {
        PyBuffer_Release(&view);
        return Py_NewRef(target);
    }
    PyErr_Clear();
    return view_as_void(target);
}

static int put_elements(pm_letter *letter, PyObject *array)
{
    Py_buffer view;
    if (PyObject_GetBuffer(array, &view, PyBUF_ANY_CONTIGUOUS) == 0) {
        return pm_letter_add_part(letter, &view);
    }
    PyErr_Clear();
    PyObject *plain = view_as_void(array);
    int result = plain ? PyObject_GetBuffer(plain, &view, PyBUF_ANY_CONTIGUOUS) : -1;
    Py_XDECREF(plain);
    return result < 0 ? -1 : pm_letter_add_part(letter, &view);
}

int pm_array_put(pm_letter *letter, PyObject *array)
{
    bool rows = has_order(array, "c_contiguous");
    bool columns = !rows && has_order(array, "f_contiguous");
    PyObject *whole =
        rows || columns ? Py_NewRef(array) : PyObject_CallMethod(array, "copy", "s", "C");
    int result = whole ? put_description(letter, whole, columns ? "F" : "C") : -1;
    if (result == 0) {
        result = put_elements(letter, whole);
    }
    Py_XDECREF(whole);
    return result;
}

static PyObject *make_array(PyObject *numpy, PyObject *body)
{
    PyObject *description, *shape, *order;
    if (!PyArg_ParseTuple(body, "OOO", &description, &shape, &order)) {
        return NULL;
    }
    PyObject *dtype = recall_dtype(numpy, description);
    PyObject *array =
        dtype ? PyObject_CallMethod(numpy, "empty", "OOO", shape, dtype, order) : NULL;
    Py_XDECREF(dtype);
    return array;
}

/* The elements must fit the part, or MPI would write beyond them. */
static int check_size(PyObject *array, Py_ssize_t size)
{
    PyObject *bytes = PyObject_GetAttrString(array, "nbytes");
    Py_ssize_t room = bytes ? PyLong_AsSsize_t(bytes) : -1;
    Py_XDECREF(bytes);
    if (room != size) {
        return pc_error_say("recv", "a damaged message: an array of %zd bytes in %zd", room, size);
    }
    return 0;
}

PyObject *pm_array_new(pm_state *state, pm_letter *letter, Py_ssize_t size)
{
    size_t length;
    const char *bytes = pm_letter_body(letter, &length);
    PyObject *numpy = PyImport_ImportModule("numpy");
    PyObject *body = numpy ? pm_unpack(bytes, length) : NULL;
    PyObject *array = body && pm_state_ndarray(state) ? make_array(numpy, body) : NULL;
    if (array && check_size(array, size) < 0) {
        Py_CLEAR(array);
    }
    Py_XDECREF(body);
    Py_XDECREF(numpy);
    return array;
}
