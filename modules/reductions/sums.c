/* Exact sums for Python: memory of superaccumulators, mostly a bytearray, and what is done with it.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "modules/common/errors.h"
#include "modules/reductions/feed.h"
#include "modules/reductions/module.h"

/* Superaccumulators in somebody's memory. */
typedef struct {
    Py_buffer view; /* view.obj is NULL: nothing to give back */
    pr_exact *at;
    Py_ssize_t count;
} sums;

static int find_sums(PyObject *object, bool writes, const char *call, sums *out)
{
    int flags = writes ? PyBUF_WRITABLE : PyBUF_SIMPLE;
    out->view.obj = NULL;
    if (PyObject_GetBuffer(object, &out->view, flags) < 0) {
        return -1;
    }
    out->at = out->view.buf;
    out->count = out->view.len / (Py_ssize_t)sizeof(pr_exact);
    if (out->view.len % (Py_ssize_t)sizeof(pr_exact) || (uintptr_t)out->at % _Alignof(pr_exact)) {
        PyErr_Format(PyExc_ValueError, "%s: %zd bytes are no exact sums", call, out->view.len);
        PyBuffer_Release(&out->view);
        return -1;
    }
    return 0;
}

/* Numbers in memory; -1 with an exception set. */
static int find_numbers(PyObject *object, const char *call, Py_buffer *view, pr_numbers *numbers_p)
{
    if (PyObject_GetBuffer(object, view, PyBUF_RECORDS_RO) < 0) {
        return -1;
    }
    *numbers_p = pr_feed_numbers(view);
    if (*numbers_p == PR_NO_NUMBERS) {
        PyErr_Format(PyExc_TypeError, "%s: elements of format '%s' have no exact sum", call,
                     view->format);
        PyBuffer_Release(view);
        return -1;
    }
    return 0;
}

static int check_room(const sums *all, Py_ssize_t needed, const char *call)
{
    if (all->count < needed) {
        PyErr_Format(PyExc_ValueError, "%s: %zd sums are needed and there are %zd", call, needed,
                     all->count);
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(add_doc,
             "add($module, sums, numbers, /)\n--\n\n"
             "Adds all numbers in memory to the first sum; imaginary parts to the second.\n"
             "Local.");

static PyObject *add(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *into, *from;
    sums all;
    Py_buffer view;
    pr_numbers numbers;
    if (!PyArg_ParseTuple(args, "OO:add", &into, &from) || find_sums(into, true, "add", &all) < 0) {
        return NULL;
    }
    int result = find_numbers(from, "add", &view, &numbers);
    if (result == 0) {
        result = check_room(&all, pr_feed_sums(numbers), "add");
        if (result == 0) {
            Py_BEGIN_ALLOW_THREADS pr_feed_add(all.at, &view, numbers);
            Py_END_ALLOW_THREADS
        }
        PyBuffer_Release(&view);
    }
    PyBuffer_Release(&all.view);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(add_rows_doc,
             "add_rows($module, sums, numbers, /)\n--\n\n"
             "Adds the numbers along the last axis to the sum that the other indices have, in C's\n"
             "order; complex ones to two sums each.\n"
             "Local.");

/* The sums that the rows need. */
static Py_ssize_t rows_need(const Py_buffer *view, pr_numbers numbers)
{
    Py_ssize_t rows = pr_feed_sums(numbers);
    for (int axis = 0; axis < view->ndim - 1; axis++) {
        rows *= view->shape[axis];
    }
    return rows;
}

static PyObject *add_rows(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *into, *from;
    sums all;
    Py_buffer view;
    pr_numbers numbers;
    if (!PyArg_ParseTuple(args, "OO:add_rows", &into, &from) ||
        find_sums(into, true, "add_rows", &all) < 0) {
        return NULL;
    }
    int result = find_numbers(from, "add_rows", &view, &numbers);
    if (result == 0) {
        result = view.ndim ? check_room(&all, rows_need(&view, numbers), "add_rows") : -1;
        if (result == 0) {
            Py_BEGIN_ALLOW_THREADS pr_feed_add_rows(all.at, &view, numbers);
            Py_END_ALLOW_THREADS
        } else if (!view.ndim) {
            PyErr_SetString(PyExc_ValueError, "add_rows: a single number has no axis");
        }
        PyBuffer_Release(&view);
    }
    PyBuffer_Release(&all.view);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(add_products_doc, "add_products($module, sums, x, y, /)\n--\n\n"
                               "Adds the products of the elements of two vectors.\n"
                               "Local.");

/* Two vectors of floating-point numbers, of equal length. */
static int check_vectors(const Py_buffer *x, pr_numbers x_numbers, const Py_buffer *y,
                         pr_numbers y_numbers)
{
    if (x->ndim != 1 || y->ndim != 1 || x->shape[0] != y->shape[0]) {
        PyErr_SetString(PyExc_ValueError, "add_products: the operands are no vectors of equal "
                                          "length");
        return -1;
    }
    if (x_numbers < PR_FLOAT || y_numbers < PR_FLOAT) {
        PyErr_SetString(PyExc_TypeError, "add_products: integers have to be made float64 first");
        return -1;
    }
    return 0;
}

static int multiply(const sums *all, PyObject *left, PyObject *right)
{
    Py_buffer x, y;
    pr_numbers x_numbers, y_numbers;
    if (find_numbers(left, "add_products", &x, &x_numbers) < 0) {
        return -1;
    }
    int result = find_numbers(right, "add_products", &y, &y_numbers);
    if (result == 0) {
        int parts = pr_feed_sums(x_numbers > y_numbers ? x_numbers : y_numbers);
        result = check_vectors(&x, x_numbers, &y, y_numbers) < 0 ||
                         check_room(all, parts, "add_products") < 0
                     ? -1
                     : 0;
        if (result == 0) {
            Py_BEGIN_ALLOW_THREADS pr_feed_add_products(all->at, &x, x_numbers, &y, y_numbers);
            Py_END_ALLOW_THREADS
        }
        PyBuffer_Release(&y);
    }
    PyBuffer_Release(&x);
    return result;
}

static PyObject *add_products(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *into, *left, *right;
    sums all;
    if (!PyArg_ParseTuple(args, "OOO:add_products", &into, &left, &right) ||
        find_sums(into, true, "add_products", &all) < 0) {
        return NULL;
    }
    int result = multiply(&all, left, right);
    PyBuffer_Release(&all.view);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(add_integer_doc,
             "add_integer($module, sums, size, negative, /)\n--\n\n"
             "Adds an integer, given as its absolute value's bytes in little-endian\n"
             "order, to the first sum. Raises OverflowError beyond 2**2110.\n"
             "Local.");

static PyObject *add_integer(PyObject *Py_UNUSED(module), PyObject *args)
{
    enum { MOST = PR_EXACT_CHUNKS - 2 - PR_EXACT_LOW / 32 }; /* room for what is added to it */
    PyObject *into;
    Py_buffer bytes;
    int negative;
    sums all;
    uint32_t words[MOST] = {0};
    if (!PyArg_ParseTuple(args, "Oy*p:add_integer", &into, &bytes, &negative)) {
        return NULL;
    }
    bool fits = bytes.len <= (Py_ssize_t)sizeof words;
    const unsigned char *digits = bytes.buf;
    for (Py_ssize_t i = 0; fits && i < bytes.len; i++) {
        words[i / 4] |= (uint32_t)digits[i] << 8 * (i % 4);
    }
    PyBuffer_Release(&bytes);
    if (!fits) {
        PyErr_Format(PyExc_OverflowError, "an integer of %zd bytes is too large", bytes.len);
    }
    if (!fits || find_sums(into, true, "add_integer", &all) < 0) {
        return NULL;
    }
    pr_exact_add_words(all.at, words, MOST, PR_EXACT_LOW / 32, negative);
    PyBuffer_Release(&all.view);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(merge_doc, "merge($module, left, right, /)\n--\n\n"
                        "The sums of both, as bytes.\n"
                        "Local.");

static PyObject *merge(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *one, *other, *both = NULL;
    sums left, right, into;
    if (!PyArg_ParseTuple(args, "OO:merge", &one, &other) ||
        find_sums(one, false, "merge", &left) < 0) {
        return NULL;
    }
    if (find_sums(other, false, "merge", &right) == 0) {
        if (left.count != right.count) {
            PyErr_Format(PyExc_ValueError, "merge: %zd sums and %zd", left.count, right.count);
        } else {
            both = PyByteArray_FromStringAndSize(right.view.buf, right.view.len);
        }
        if (both && find_sums(both, true, "merge", &into) == 0) {
            for (Py_ssize_t i = 0; i < into.count; i++) {
                pr_exact_merge(&left.at[i], &into.at[i]);
            }
            PyBuffer_Release(&into.view);
        }
        PyBuffer_Release(&right.view);
    }
    PyBuffer_Release(&left.view);
    return both;
}

PyDoc_STRVAR(round_into_doc,
             "round_into($module, sums, out, /)\n--\n\n"
             "Rounds the sums, each once, to the floats, doubles or complex numbers in out.\n"
             "Local.");

static void round_all(const sums *all, void *out, bool single)
{
    for (Py_ssize_t i = 0; i < all->count; i++) {
        if (single) {
            ((float *)out)[i] = pr_exact_float(&all->at[i]);
        } else {
            ((double *)out)[i] = pr_exact_double(&all->at[i]);
        }
    }
}

static PyObject *round_into(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *from, *into;
    sums all;
    Py_buffer out;
    if (!PyArg_ParseTuple(args, "OO:round_into", &from, &into) ||
        find_sums(from, false, "round_into", &all) < 0) {
        return NULL;
    }
    int result = PyObject_GetBuffer(into, &out, PyBUF_CONTIG | PyBUF_FORMAT);
    if (result == 0) {
        pr_numbers numbers = pr_feed_numbers(&out);
        bool single = numbers == PR_FLOAT || numbers == PR_COMPLEX_FLOAT;
        Py_ssize_t size = single ? sizeof(float) : sizeof(double);
        if (numbers < PR_FLOAT || out.len != all.count * size) {
            PyErr_Format(PyExc_ValueError, "round_into: %zd bytes of format '%s' for %zd sums",
                         out.len, out.format, all.count);
            result = -1;
        } else {
            round_all(&all, out.buf, single);
        }
        PyBuffer_Release(&out);
    }
    PyBuffer_Release(&all.view);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(exact_doc, "exact($module, sums, index, /)\n--\n\n"
                        "A sum itself: its flags, and the bytes of the integer, little-endian and\n"
                        "signed, that it is of 2**LOWEST_BIT.\n"
                        "Local.");

static PyObject *exact(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *from;
    Py_ssize_t index;
    sums all;
    if (!PyArg_ParseTuple(args, "On:exact", &from, &index) ||
        find_sums(from, false, "exact", &all) < 0) {
        return NULL;
    }
    PyObject *result = NULL;
    if (index < 0 || index >= all.count) {
        PyErr_Format(PyExc_IndexError, "exact: there is no sum %zd", index);
    } else {
        pr_exact sum = all.at[index];
        unsigned char bytes[4 * PR_EXACT_CHUNKS + 4];
        pr_exact_settle(&sum);
        for (size_t i = 0; i < sizeof bytes; i++) {
            size_t chunk = i / 4 < PR_EXACT_CHUNKS ? i / 4 : PR_EXACT_CHUNKS - 1;
            bytes[i] = (unsigned char)((uint64_t)sum.chunks[chunk] >> 8 * (i - 4 * chunk));
        }
        result = Py_BuildValue("Iy#", sum.flags, bytes, (Py_ssize_t)sizeof bytes);
    }
    PyBuffer_Release(&all.view);
    return result;
}

PyDoc_STRVAR(cumulate_doc,
             "cumulate($module, sums, numbers, out, /)\n--\n\n"
             "Adds the numbers one by one and rounds the sum so far into out, once each.\n"
             "Local.");

static void run_through(sums *all, const Py_buffer *from, pr_numbers numbers, const Py_buffer *out)
{
    int parts = pr_feed_sums(numbers);
    bool single = out->itemsize == parts * (Py_ssize_t)sizeof(float);
    sums few = {.at = all->at, .count = parts};
    for (Py_ssize_t i = 0; i < from->shape[0]; i++) {
        const char *at = (const char *)from->buf + i * from->strides[0];
        pr_feed_add_one(all->at, at, numbers, from->itemsize);
        round_all(&few, (char *)out->buf + i * out->itemsize, single);
    }
}

static int cumulate_checked(sums *all, const Py_buffer *from, pr_numbers numbers,
                            const Py_buffer *out)
{
    pr_numbers into = pr_feed_numbers(out);
    if (from->ndim != 1 || into < PR_FLOAT || pr_feed_sums(into) != pr_feed_sums(numbers) ||
        out->len != from->shape[0] * out->itemsize || all->count < pr_feed_sums(numbers)) {
        PyErr_SetString(PyExc_ValueError, "cumulate: the sums, the numbers and out do not fit");
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS run_through(all, from, numbers, out);
    Py_END_ALLOW_THREADS return 0;
}

static PyObject *cumulate(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *state, *values, *into;
    sums all;
    Py_buffer from, out;
    pr_numbers numbers;
    if (!PyArg_ParseTuple(args, "OOO:cumulate", &state, &values, &into) ||
        find_sums(state, true, "cumulate", &all) < 0) {
        return NULL;
    }
    int result = find_numbers(values, "cumulate", &from, &numbers);
    if (result == 0) {
        result = PyObject_GetBuffer(into, &out, PyBUF_CONTIG | PyBUF_FORMAT);
        if (result == 0) {
            result = cumulate_checked(&all, &from, numbers, &out);
            PyBuffer_Release(&out);
        }
        PyBuffer_Release(&from);
    }
    PyBuffer_Release(&all.view);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

PyMethodDef pr_sums_methods[] = {
    {"add", add, METH_VARARGS, add_doc},
    {"add_rows", add_rows, METH_VARARGS, add_rows_doc},
    {"add_products", add_products, METH_VARARGS, add_products_doc},
    {"add_integer", add_integer, METH_VARARGS, add_integer_doc},
    {"merge", merge, METH_VARARGS, merge_doc},
    {"round_into", round_into, METH_VARARGS, round_into_doc},
    {"exact", exact, METH_VARARGS, exact_doc},
    {"cumulate", cumulate, METH_VARARGS, cumulate_doc},
    {0},
};
