/* NumPy arrays in letters.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/array.h"

#include <string.h>

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

#define SMALL 2048 /* bytes of elements that are copied at once */

/* What the body of an ARRAY letter begins with; the dimensions follow, 8 bytes each. */
typedef struct {
    uint8_t type; /* NumPy's number */
    uint8_t columns;
    uint8_t nd;
    uint8_t unused;
    uint32_t item; /* bytes */
} array_form;

int pm_array_kind(pm_state *state, PyObject *value)
{
    if ((PyObject *)Py_TYPE(value) != pm_state_ndarray(state)) {
        return 0;
    }
    if (pm_numpy_type(&state->numpy, value) >= 0) {
        return PM_KIND_ARRAY;
    }
    PyObject *dtype = PyObject_GetAttrString(value, "dtype");
    bool plain = dtype && !is_true(dtype, "hasobject");
    Py_XDECREF(dtype);
    PyErr_Clear();
    return plain ? PM_KIND_RECORD : 0;
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

static int put_record(pm_letter *letter, PyObject *array)
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

static int put_plain(pm_state *state, pm_letter *letter, PyObject *array)
{
    const pm_numpy_array *fields = (const pm_numpy_array *)array;
    int type = pm_numpy_type(&state->numpy, array);
    array_form form = {.type = (uint8_t)type,
                       .columns = !(fields->flags & PM_NUMPY_ROWS),
                       .nd = (uint8_t)fields->nd,
                       .item = (uint32_t)state->numpy.sizes[type]};
    size_t dimensions = (size_t)fields->nd * sizeof *fields->dimensions;
    Py_buffer view;
    if (pm_letter_add(letter, &form, sizeof form) < 0 ||
        pm_letter_add(letter, fields->dimensions, dimensions) < 0) {
        return -1;
    }
    pm_letter_end_body(letter);
    PyBuffer_FillInfo(&view, array, fields->data, pm_numpy_count(array) * (Py_ssize_t)form.item, 1,
                      PyBUF_SIMPLE);
    return pm_letter_add_part(letter, &view);
}

/* A small array as a whole letter but for what closes it: body, size of the part, the part. */
static int put_small(pm_state *state, pm_letter *letter, PyObject *array, size_t size)
{
    const pm_numpy_array *fields = (const pm_numpy_array *)array;
    int type = pm_numpy_type(&state->numpy, array);
    size_t dimensions = (size_t)fields->nd * sizeof *fields->dimensions;
    const array_form form = {.type = (uint8_t)type,
                             .columns = !(fields->flags & PM_NUMPY_ROWS),
                             .nd = (uint8_t)fields->nd,
                             .item = (uint32_t)state->numpy.sizes[type]};
    const uint64_t part = size;
    if (pm_letter_reserve(letter, sizeof form + dimensions + sizeof part + size) < 0) {
        return -1;
    }
    char *to = letter->bytes + letter->used;
    memcpy(to, &form, sizeof form);
    to += sizeof form;
    to = dimensions ? mempcpy(to, fields->dimensions, dimensions) : to;
    to = mempcpy(to, &part, sizeof part);
    memcpy(to, fields->data, size);
    pm_letter_header(letter)->body = sizeof form + dimensions;
    pm_letter_header(letter)->parts = 1;
    letter->used += sizeof form + dimensions + sizeof part + size;
    return 0;
}

int pm_array_put(pm_state *state, pm_letter *letter, PyObject *array)
{
    if (pm_letter_header(letter)->kind == PM_KIND_RECORD) {
        return put_record(letter, array);
    }
    const pm_numpy_array *fields = (const pm_numpy_array *)array;
    bool whole = fields->flags & (PM_NUMPY_ROWS | PM_NUMPY_COLUMNS);
    size_t size = (size_t)pm_numpy_count(array) *
                  (size_t)state->numpy.sizes[pm_numpy_type(&state->numpy, array)];
    if (whole && size && size <= SMALL) {
        return put_small(state, letter, array, size);
    }
    PyObject *copy = whole ? Py_NewRef(array) : PyObject_CallMethod(array, "copy", "s", "C");
    int result = copy ? put_plain(state, letter, copy) : -1;
    Py_XDECREF(copy);
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

static PyObject *new_record(pm_state *state, pm_letter *letter, Py_ssize_t size)
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

/* The form and dimensions of a plain array whose elements take size bytes; false: damage. */
static bool read_form(pm_letter *letter, Py_ssize_t size, array_form *form, Py_ssize_t *dimensions)
{
    size_t length;
    const char *bytes = pm_letter_body(letter, &length);
    if (length < sizeof *form) {
        return false;
    }
    memcpy(form, bytes, sizeof *form);
    if (form->type >= PM_NUMPY_TYPES || form->nd > PM_NUMPY_DIMS || form->item == 0 ||
        length != sizeof *form + form->nd * sizeof *dimensions) {
        return false;
    }
    memcpy(dimensions, bytes + sizeof *form, form->nd * sizeof *dimensions);
    Py_ssize_t total = form->item;
    for (int i = 0; i < form->nd; i++) {
        if (dimensions[i] < 0 || __builtin_mul_overflow(total, dimensions[i], &total)) {
            return false;
        }
    }
    return total == size;
}

/* True when the elements may be received where the receiver wants them, as they come. */
static bool fits(pm_state *state, PyObject *into, const array_form *form,
                 const Py_ssize_t *dimensions, Py_ssize_t size)
{
    if (!into || (PyObject *)Py_TYPE(into) != pm_state_ndarray(state) ||
        pm_numpy_type(&state->numpy, into) != form->type) {
        return false;
    }
    const pm_numpy_array *fields = (const pm_numpy_array *)into;
    int order = form->columns ? PM_NUMPY_COLUMNS : PM_NUMPY_ROWS;
    bool same_shape = pm_numpy_has_shape(into, form->nd, dimensions);
    return (fields->flags & PM_NUMPY_WRITABLE) && (fields->flags & order) &&
           (same_shape || (!form->columns && pm_numpy_count(into) * form->item == size));
}

/* NumPy's own types, so that the table of its binary interface is there. */
static bool has_numpy(pm_state *state)
{
    if (!pm_state_ndarray(state)) {
        Py_XDECREF(PyImport_ImportModule("numpy"));
        PyErr_Clear();
    }
    return pm_state_ndarray(state) && state->numpy.usable;
}

PyObject *pm_array_new(pm_state *state, pm_letter *letter, Py_ssize_t size)
{
    array_form form;
    Py_ssize_t dimensions[PM_NUMPY_DIMS];
    if (pm_letter_header(letter)->kind == PM_KIND_RECORD) {
        return new_record(state, letter, size);
    }
    if (!read_form(letter, size, &form, dimensions)) {
        pc_error_say("recv", "a damaged message: an array of %zd bytes has another shape", size);
        return NULL;
    }
    if (fits(state, letter->into, &form, dimensions, size)) {
        return Py_NewRef(letter->into);
    }
    if (!has_numpy(state)) {
        return PyByteArray_FromStringAndSize(NULL, size);
    }
    return pm_numpy_new(&state->numpy, state->ndarray, form.type, form.nd, dimensions,
                        form.columns && form.nd > 1);
}

PyObject *pm_array_take(pm_state *state, pm_letter *letter)
{
    size_t size = pm_letter_part_size(letter, 0);
    PyObject *target = pm_array_new(state, letter, (Py_ssize_t)size);
    if (target && PyByteArray_CheckExact(target)) { /* no NumPy here */
        memcpy(PyByteArray_AS_STRING(target), pm_letter_part_inside(letter, 0), size);
        Py_XSETREF(letter->value, target);
        return pm_array_finish(letter);
    }
    if (target && size) {
        memcpy(((pm_numpy_array *)target)->data, pm_letter_part_inside(letter, 0), size);
    }
    return target;
}

int pm_array_view(pm_state *state, PyObject *target, Py_buffer *view)
{
    bool is_array = (PyObject *)Py_TYPE(target) == state->ndarray;
    int type = is_array ? pm_numpy_type(&state->numpy, target) : -1;
    if (type >= 0) {
        Py_ssize_t size = pm_numpy_count(target) * state->numpy.sizes[type];
        return PyBuffer_FillInfo(view, target, ((pm_numpy_array *)target)->data, size, 0,
                                 PyBUF_SIMPLE);
    }
    if (PyObject_GetBuffer(target, view, PyBUF_WRITABLE | PyBUF_ANY_CONTIGUOUS) == 0) {
        return 0;
    }
    if (!is_array) {
        return -1;
    }
    PyErr_Clear(); /* datetimes cannot be exported; nameless bytes in their place can */
    PyObject *plain = view_as_void(target);
    int result =
        plain ? PyObject_GetBuffer(plain, view, PyBUF_WRITABLE | PyBUF_ANY_CONTIGUOUS) : -1;
    Py_XDECREF(plain);
    return result;
}

/* A bytearray of the elements in the order of rows, which is the only one that memoryview.cast knows. */
static PyObject *in_rows(PyObject *columns, const array_form *form, const Py_ssize_t *dimensions)
{
    Py_ssize_t size = PyByteArray_GET_SIZE(columns), item = form->item;
    PyObject *rows = PyByteArray_FromStringAndSize(NULL, size);
    for (Py_ssize_t i = 0; rows && i < size / item; i++) {
        Py_ssize_t rest = i, stride = size / item, from = 0;
        for (int d = form->nd - 1; d >= 0; d--) { /* the last index is the slowest of columns */
            stride /= dimensions[d];
            from += rest % dimensions[d] * stride;
            rest /= dimensions[d];
        }
        memcpy(PyByteArray_AS_STRING(rows) + i * item, PyByteArray_AS_STRING(columns) + from * item,
               (size_t)item);
    }
    return rows;
}

/* The array's elements as memory without NumPy: array.array's letters for NumPy's types. */
PyObject *pm_array_finish(pm_letter *letter)
{
    static const char formats[] = "?bBhHiIlLqQfd";
    array_form form;
    Py_ssize_t dimensions[PM_NUMPY_DIMS];
    if (!PyByteArray_CheckExact(letter->value) || pm_letter_header(letter)->kind != PM_KIND_ARRAY) {
        return Py_NewRef(letter->value);
    }
    bool right = read_form(letter, PyByteArray_GET_SIZE(letter->value), &form, dimensions);
    PyObject *rows = right && form.columns && form.nd > 1
                         ? in_rows(letter->value, &form, dimensions)
                         : Py_NewRef(letter->value);
    PyObject *memory = rows ? PyMemoryView_FromObject(rows) : NULL;
    Py_XDECREF(rows);
    if (!memory || !right || form.type >= sizeof formats - 1) {
        return memory; /* of bytes: complex numbers have no format there */
    }
    const char format[] = {formats[form.type], '\0'};
    PyObject *shape = PyTuple_New(form.nd), *value = NULL;
    for (int i = 0; shape && i < form.nd; i++) {
        PyTuple_SET_ITEM(shape, i, PyLong_FromSsize_t(dimensions[i]));
    }
    if (shape && PyByteArray_GET_SIZE(letter->value)) {
        value = PyObject_CallMethod(memory, "cast", "sO", format, shape);
    } else if (shape) {
        value = PyObject_CallMethod(memory, "cast", "s", format); /* no shape holds nothing */
    }
    Py_XDECREF(shape);
    Py_DECREF(memory);
    return value;
}
