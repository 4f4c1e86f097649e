/* Values as letters and back: the way is picked by the value's type.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/codec.h"

#include <string.h>

#include "modules/common/errors.h"
#include "modules/mpi/array.h"
#include "modules/mpi/pack.h"

#define PACK_BYTES_MOST 4096 /* longer bytes objects travel as a part, without a copy */

/* Takes a view of an object's memory as the letter's next part. */
static int add_memory(pm_letter *letter, PyObject *object)
{
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_ANY_CONTIGUOUS) < 0) {
        return -1;
    }
    return pm_letter_add_part(letter, &view);
}

static int put_bytes(pm_letter *letter, PyObject *value)
{
    pm_letter_end_body(letter);
    return add_memory(letter, value);
}

static int put_memory(pm_letter *letter, PyObject *value)
{
    PyObject *format = PyObject_GetAttrString(value, "format");
    PyObject *shape = format ? PyObject_GetAttrString(value, "shape") : NULL;
    PyObject *pair = shape ? PyTuple_Pack(2, format, shape) : NULL;
    PyObject *whole = Py_NewRef(value);
    int result = pair ? pm_pack(letter, pair) : -1;
    if (result == 1 && !PyBuffer_IsContiguous(PyMemoryView_GET_BUFFER(value), 'C')) {
        Py_SETREF(whole, PyMemoryView_GetContiguous(value, PyBUF_READ, 'C'));
    }
    pm_letter_end_body(letter);
    result = result == 1 && whole ? add_memory(letter, whole) : -1;
    Py_XDECREF(whole);
    Py_XDECREF(pair);
    Py_XDECREF(shape);
    Py_XDECREF(format);
    return result;
}

/* The buffers that pickle left out of band, as parts. */
static int add_pickle_buffers(pm_letter *letter, PyObject *buffers)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(buffers); i++) {
        if (add_memory(letter, PyList_GET_ITEM(buffers, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *dump(pm_state *state, PyObject *value, PyObject *buffers)
{
    PyObject *append = PyObject_GetAttrString(buffers, "append");
    PyObject *args = Py_BuildValue("(Oi)", value, 5);
    PyObject *keywords = append ? Py_BuildValue("{sO}", "buffer_callback", append) : NULL;
    PyObject *pickle = args && keywords ? PyObject_Call(state->dumps, args, keywords) : NULL;
    Py_XDECREF(keywords);
    Py_XDECREF(args);
    Py_XDECREF(append);
    return pickle;
}

static int put_pickle(pm_state *state, pm_letter *letter, PyObject *value)
{
    PyObject *buffers = PyList_New(0);
    PyObject *pickle = buffers ? dump(state, value, buffers) : NULL;
    int result =
        pickle ? pm_letter_add(letter, PyBytes_AS_STRING(pickle), (size_t)PyBytes_GET_SIZE(pickle))
               : -1;
    pm_letter_end_body(letter);
    if (result == 0) {
        result = add_pickle_buffers(letter, buffers);
    }
    Py_XDECREF(pickle);
    Py_XDECREF(buffers);
    return result;
}

/* Numbers and texts are most of what is sent, so they are asked for first. */
static pm_kind kind_of(pm_state *state, PyObject *value)
{
    if (PyLong_CheckExact(value) || PyFloat_CheckExact(value) || PyUnicode_CheckExact(value)) {
        return PM_KIND_PACKED;
    }
    if (PyBytes_CheckExact(value) && PyBytes_GET_SIZE(value) > PACK_BYTES_MOST) {
        return PM_KIND_BYTES;
    }
    if (PyByteArray_CheckExact(value)) {
        return PM_KIND_BYTEARRAY;
    }
    if (PyMemoryView_Check(value)) {
        return PM_KIND_MEMORY;
    }
    int array = pm_array_kind(state, value);
    return array ? (pm_kind)array : PM_KIND_PACKED;
}

static int put_value(pm_state *state, pm_letter *letter, PyObject *value)
{
    int packed;
    switch (pm_letter_header(letter)->kind) {
    case PM_KIND_BYTES:
    case PM_KIND_BYTEARRAY:
        return put_bytes(letter, value);
    case PM_KIND_MEMORY:
        return put_memory(letter, value);
    case PM_KIND_ARRAY:
    case PM_KIND_RECORD:
        return pm_array_put(state, letter, value);
    default:
        packed = pm_pack(letter, value);
        if (packed == 0) {
            pm_letter_header(letter)->kind = PM_KIND_PICKLE;
            return put_pickle(state, letter, value);
        }
        pm_letter_end_body(letter);
        return packed < 0 ? -1 : 0;
    }
}

pm_letter *pm_encode(pm_state *state, PyObject *value, bool inside)
{
    pm_letter *letter = pm_letter_new(state, kind_of(state, value));
    if (letter && (put_value(state, letter, value) < 0 || pm_letter_close(letter, inside) < 0)) {
        Py_CLEAR(letter);
    }
    return letter;
}

/* "ValueError: too small", as the last line of a traceback. */
static PyObject *describe(PyObject *exception)
{
    PyObject *text = PyUnicode_FromFormat("%s: %S", Py_TYPE(exception)->tp_name, exception);
    if (!text) {
        PyErr_Clear(); /* an exception that cannot be shown is still one */
        text = PyUnicode_FromString(Py_TYPE(exception)->tp_name);
    }
    return text;
}

pm_letter *pm_encode_failure(pm_state *state)
{
    PyObject *type, *exception, *traceback;
    PyErr_Fetch(&type, &exception, &traceback);
    PyErr_NormalizeException(&type, &exception, &traceback);
    PyObject *text = describe(exception);
    pm_letter *letter = text ? pm_letter_new(state, PM_KIND_FAILED) : NULL;
    int packed = letter ? pm_pack(letter, text) : -1;
    if (packed == 0) { /* too long, or not encodable: the type says enough */
        Py_SETREF(text, PyUnicode_FromString(Py_TYPE(exception)->tp_name));
        packed = text ? pm_pack(letter, text) : -1;
    }
    if (letter) {
        pm_letter_end_body(letter);
    }
    if (packed != 1 || pm_letter_close(letter, true) < 0) {
        Py_CLEAR(letter);
    }
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(exception);
    Py_XDECREF(traceback);
    return letter;
}

static PyObject *body_value(pm_letter *letter)
{
    size_t size;
    const char *body = pm_letter_body(letter, &size);
    return pm_unpack(body, size);
}

/* An object whose memory a part goes into. */
static PyObject *new_target(pm_state *state, pm_letter *letter, int part)
{
    Py_ssize_t size = (Py_ssize_t)pm_letter_part_size(letter, part);
    switch (pm_letter_header(letter)->kind) {
    case PM_KIND_BYTES:
        return PyBytes_FromStringAndSize(NULL, size);
    case PM_KIND_ARRAY:
    case PM_KIND_RECORD:
        return pm_array_new(state, letter, size);
    default:
        return PyByteArray_FromStringAndSize(NULL, size);
    }
}

/* Adds the target's memory as the letter's next part. */
static int add_target(pm_state *state, pm_letter *letter, PyObject *target)
{
    Py_buffer view;
    int result;
    if (PyBytes_CheckExact(target)) { /* nobody has seen it yet: it may be written */
        result = PyBuffer_FillInfo(&view, target, PyBytes_AS_STRING(target),
                                   PyBytes_GET_SIZE(target), 0, PyBUF_SIMPLE);
    } else {
        result = pm_array_view(state, target, &view);
    }
    return result < 0 ? -1 : pm_letter_add_part(letter, &view);
}

static int prepare_part(pm_state *state, pm_letter *letter, int part)
{
    PyObject *target = new_target(state, letter, part);
    int result = target ? add_target(state, letter, target) : -1;
    if (result == 0 && pm_letter_header(letter)->kind != PM_KIND_PICKLE) {
        Py_XSETREF(letter->value, Py_NewRef(target));
    }
    Py_XDECREF(target);
    return result;
}

int pm_decode_prepare(pm_state *state, pm_letter *letter)
{
    int parts = (int)pm_letter_header(letter)->parts;
    for (int i = 0; i < parts; i++) {
        if (prepare_part(state, letter, i) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Copies the parts that came inside the letter to memories of their own. */
static int take_out_parts(pm_state *state, pm_letter *letter)
{
    if (pm_decode_prepare(state, letter) < 0) {
        return -1;
    }
    for (int i = 0; i < letter->part_count; i++) {
        size_t size = pm_letter_part_size(letter, i);
        if (size) {
            memcpy(letter->parts[i].buf, pm_letter_part_inside(letter, i), size);
        }
    }
    return 0;
}

static PyObject *load_pickle(pm_state *state, pm_letter *letter)
{
    size_t size;
    const char *body = pm_letter_body(letter, &size);
    PyObject *pickle = PyMemoryView_FromMemory((char *)body, (Py_ssize_t)size, PyBUF_READ);
    PyObject *buffers = PyList_New(letter->part_count);
    PyObject *args = NULL, *keywords = NULL, *value = NULL;
    for (int i = 0; buffers && i < letter->part_count; i++) {
        PyList_SET_ITEM(buffers, i, Py_NewRef(letter->parts[i].obj));
    }
    if (pickle && buffers) {
        args = PyTuple_Pack(1, pickle);
        keywords = Py_BuildValue("{sO}", "buffers", buffers);
    }
    if (args && keywords) {
        value = PyObject_Call(state->loads, args, keywords);
    }
    Py_XDECREF(keywords);
    Py_XDECREF(args);
    Py_XDECREF(buffers);
    Py_XDECREF(pickle);
    return value;
}

/* A memoryview with the format and shape it had; a format that cast() does not know gives bytes. */
static PyObject *load_memory(pm_letter *letter)
{
    PyObject *pair = body_value(letter);
    PyObject *plain = pair ? PyMemoryView_FromObject(letter->value) : NULL;
    PyObject *format = NULL, *shape = NULL, *value = NULL;
    if (plain && PyArg_ParseTuple(pair, "OO", &format, &shape)) {
        value = PyObject_CallMethod(plain, "cast", "OO", format, shape);
        if (!value && PyErr_ExceptionMatches(PyExc_ValueError)) {
            PyErr_Clear();
            value = Py_NewRef(plain);
        }
    }
    Py_XDECREF(plain);
    Py_XDECREF(pair);
    return value;
}

static PyObject *raise_failure(pm_letter *letter, const char *call)
{
    PyObject *text = body_value(letter);
    if (text) {
        pc_error_say(call, "failed on rank %d: %S", (int)pm_letter_header(letter)->source, text);
        Py_DECREF(text);
    }
    return NULL;
}

PyObject *pm_decode(pm_state *state, pm_letter *letter, const char *call)
{
    bool inside = !pm_letter_header(letter)->apart && letter->part_count == 0;
    if (inside && pm_letter_header(letter)->kind == PM_KIND_ARRAY &&
        pm_letter_header(letter)->parts == 1) {
        return pm_array_take(state, letter);
    }
    if (inside && pm_letter_header(letter)->parts && take_out_parts(state, letter) < 0) {
        return NULL;
    }
    switch (pm_letter_header(letter)->kind) {
    case PM_KIND_PACKED:
        return body_value(letter);
    case PM_KIND_BYTES:
    case PM_KIND_BYTEARRAY:
    case PM_KIND_RECORD:
        return Py_XNewRef(letter->value);
    case PM_KIND_ARRAY:
        return pm_array_finish(letter);
    case PM_KIND_MEMORY:
        return load_memory(letter);
    case PM_KIND_PICKLE:
        return load_pickle(state, letter);
    case PM_KIND_FAILED:
        return raise_failure(letter, call);
    default:
        pc_error_say(call, "there is no kind of message %d", pm_letter_header(letter)->kind);
        return NULL;
    }
}
