/* Small values of Python's built-in types, packed by hand.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/pack.h"

#include <string.h>

#include "modules/common/errors.h"

#define PACKED_MOST 16384 /* bytes of a packed value; what is larger is left to pickle */
#define DEPTH_MOST  16
#define SEEN_MOST   64 /* lists and dicts in one value */

enum {
    NONE = 'N',
    FALSE = 'F',
    TRUE = 'T',
    INT = 'i',
    FLOAT = 'd',
    COMPLEX = 'c',
    STR = 's',
    BYTES = 'b',
    TUPLE = '(',
    LIST = '[',
    DICT = '{'
};

typedef struct {
    pm_letter *letter;
    size_t start;
    int depth;
    int seen_count;
    PyObject *seen[SEEN_MOST]; /* borrowed: containers whose identity matters */
} packer;

static int add_value(packer *to, PyObject *value);

static int add_tagged(packer *to, char tag, const void *bytes, size_t size)
{
    if (to->letter->used + size - to->start > PACKED_MOST) {
        return 0;
    }
    if (pm_letter_reserve(to->letter, size + 1) < 0) {
        return -1;
    }
    to->letter->bytes[to->letter->used++] = tag;
    memcpy(to->letter->bytes + to->letter->used, bytes, size);
    to->letter->used += size;
    return 1;
}

static int add_counted(packer *to, char tag, const char *bytes, size_t size)
{
    uint32_t count = (uint32_t)size;
    if (size > PACKED_MOST) {
        return 0;
    }
    int added = add_tagged(to, tag, &count, sizeof count);
    return added == 1 ? (pm_letter_add(to->letter, bytes, size) < 0 ? -1 : 1) : added;
}

static int add_int(packer *to, PyObject *value)
{
    int overflow;
    int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow ? 0 : add_tagged(to, INT, &number, sizeof number);
}

static int add_str(packer *to, PyObject *value)
{
    Py_ssize_t size;
    const char *bytes = PyUnicode_AsUTF8AndSize(value, &size);
    if (!bytes) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
            return -1;
        }
        PyErr_Clear(); /* lone surrogates: pickle knows how */
        return 0;
    }
    return add_counted(to, STR, bytes, (size_t)size);
}

static int add_items(packer *to, char tag, PyObject **items, Py_ssize_t size)
{
    uint32_t count = (uint32_t)size;
    int added = size > PACKED_MOST ? 0 : add_tagged(to, tag, &count, sizeof count);
    for (Py_ssize_t i = 0; added == 1 && i < size; i++) {
        added = add_value(to, items[i]);
    }
    return added;
}

static int add_dict(packer *to, PyObject *value)
{
    uint32_t count = (uint32_t)PyDict_GET_SIZE(value);
    PyObject *key, *item;
    Py_ssize_t at = 0;
    int added =
        PyDict_GET_SIZE(value) > PACKED_MOST ? 0 : add_tagged(to, DICT, &count, sizeof count);
    while (added == 1 && PyDict_Next(value, &at, &key, &item)) {
        added = add_value(to, key);
        added = added == 1 ? add_value(to, item) : added;
    }
    return added;
}

/* True when a container that can be told from its equals is met for the first time. */
static bool is_new(packer *to, PyObject *value)
{
    for (int i = 0; i < to->seen_count; i++) {
        if (to->seen[i] == value) {
            return false;
        }
    }
    if (to->seen_count == SEEN_MOST) {
        return false;
    }
    to->seen[to->seen_count++] = value;
    return true;
}

static int add_container(packer *to, PyObject *value)
{
    int added = 0;
    if (++to->depth > DEPTH_MOST) {
        return 0;
    }
    if (PyTuple_CheckExact(value)) {
        added = add_items(to, TUPLE, &PyTuple_GET_ITEM(value, 0), PyTuple_GET_SIZE(value));
    } else if (PyList_CheckExact(value) && is_new(to, value)) {
        added = add_items(to, LIST, ((PyListObject *)value)->ob_item, PyList_GET_SIZE(value));
    } else if (PyDict_CheckExact(value) && is_new(to, value)) {
        added = add_dict(to, value);
    }
    to->depth--;
    return added;
}

static int add_value(packer *to, PyObject *value)
{
    if (value == Py_None || PyBool_Check(value)) {
        return add_tagged(to, value == Py_None ? NONE : value == Py_True ? TRUE : FALSE, "", 0);
    }
    if (PyLong_CheckExact(value)) {
        return add_int(to, value);
    }
    if (PyFloat_CheckExact(value)) {
        double number = PyFloat_AS_DOUBLE(value);
        return add_tagged(to, FLOAT, &number, sizeof number);
    }
    if (PyUnicode_CheckExact(value)) {
        return add_str(to, value);
    }
    if (PyBytes_CheckExact(value)) {
        return add_counted(to, BYTES, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value));
    }
    if (PyComplex_CheckExact(value)) {
        Py_complex number = PyComplex_AsCComplex(value);
        return add_tagged(to, COMPLEX, &number, sizeof number);
    }
    return add_container(to, value);
}

int pm_pack(pm_letter *letter, PyObject *value)
{
    packer to;
    to.letter = letter;
    to.start = letter->used;
    to.depth = 0;
    to.seen_count = 0;
    int added = add_value(&to, value);
    if (added != 1) {
        letter->used = to.start;
    }
    return added;
}

typedef struct {
    const char *at;
    const char *end;
} unpacker;

static PyObject *read_value(unpacker *from);

static int take(unpacker *from, void *to, size_t size)
{
    if ((size_t)(from->end - from->at) < size) {
        return pc_error_say("unpack", "a damaged message: it ends within a value");
    }
    memcpy(to, from->at, size);
    from->at += size;
    return 0;
}

/* Reads a count; no item is shorter than a byte, so a count above the rest is damage. */
static int take_count(unpacker *from, uint32_t *count_p)
{
    if (take(from, count_p, sizeof *count_p) < 0) {
        return -1;
    }
    if (*count_p > (size_t)(from->end - from->at)) {
        return pc_error_say("unpack", "a damaged message: %u items in %zd bytes", *count_p,
                            (Py_ssize_t)(from->end - from->at));
    }
    return 0;
}

static PyObject *read_text(unpacker *from, char tag)
{
    uint32_t count;
    if (take_count(from, &count) < 0) {
        return NULL;
    }
    const char *bytes = from->at;
    from->at += count;
    return tag == STR ? PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)count, NULL)
                      : PyBytes_FromStringAndSize(bytes, (Py_ssize_t)count);
}

static PyObject *read_sequence(unpacker *from, char tag)
{
    uint32_t count;
    if (take_count(from, &count) < 0) {
        return NULL;
    }
    PyObject *list = tag == TUPLE ? PyTuple_New((Py_ssize_t)count) : PyList_New((Py_ssize_t)count);
    for (uint32_t i = 0; list && i < count; i++) {
        PyObject *item = read_value(from);
        if (!item) {
            Py_CLEAR(list);
        } else if (tag == TUPLE) {
            PyTuple_SET_ITEM(list, (Py_ssize_t)i, item);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    return list;
}

static int read_pair(unpacker *from, PyObject *dict)
{
    PyObject *key = read_value(from);
    PyObject *item = key ? read_value(from) : NULL;
    int result = item ? PyDict_SetItem(dict, key, item) : -1;
    Py_XDECREF(key);
    Py_XDECREF(item);
    return result;
}

static PyObject *read_dict(unpacker *from)
{
    uint32_t count;
    if (take_count(from, &count) < 0) {
        return NULL;
    }
    PyObject *dict = PyDict_New();
    for (uint32_t i = 0; dict && i < count; i++) {
        if (read_pair(from, dict) < 0) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}

static PyObject *read_number(unpacker *from, char tag)
{
    int64_t integer = 0;
    double real;
    Py_complex number;
    if (tag == INT) {
        return take(from, &integer, sizeof integer) < 0 ? NULL : PyLong_FromLongLong(integer);
    }
    if (tag == FLOAT) {
        return take(from, &real, sizeof real) < 0 ? NULL : PyFloat_FromDouble(real);
    }
    return take(from, &number, sizeof number) < 0 ? NULL : PyComplex_FromCComplex(number);
}

static PyObject *read_value(unpacker *from)
{
    char tag = 0;
    if (take(from, &tag, 1) < 0) {
        return NULL;
    }
    switch (tag) {
    case NONE:
        return Py_NewRef(Py_None);
    case FALSE:
        return Py_NewRef(Py_False);
    case TRUE:
        return Py_NewRef(Py_True);
    case INT:
    case FLOAT:
    case COMPLEX:
        return read_number(from, tag);
    case STR:
    case BYTES:
        return read_text(from, tag);
    case TUPLE:
    case LIST:
        return read_sequence(from, tag);
    case DICT:
        return read_dict(from);
    default:
        pc_error_say("unpack", "a damaged message: there is no kind of value %d", tag);
        return NULL;
    }
}

PyObject *pm_unpack(const char *bytes, size_t size)
{
    unpacker from = {bytes, bytes + size};
    return read_value(&from);
}
