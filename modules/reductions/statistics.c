/* The kernels of the statistics, for lib/pympi/_statistics/: on one rank's memory, without the GIL.
 * SPDX-License-Identifier: MIT */
#include "modules/reductions/statistics.h"

#include "modules/reductions/extremes.h"
#include "modules/reductions/histogram.h"
#include "modules/reductions/moments.h"
#include "modules/reductions/select.h"

PyDoc_STRVAR(moments_doc,
             "moments($module, x, order, /)\n--\n\n"
             "(count, mean, low, m2, m3, m4) of a buffer; m3 and m4 only with an order of 4.\n"
             "Local.");

static PyObject *moments(PyObject *Py_UNUSED(module), PyObject *args)
{
    pr_source source;
    PyObject *x;
    int order;
    if (!PyArg_ParseTuple(args, "Oi:moments", &x, &order) ||
        pr_source_open(&source, x, "moments") < 0) {
        return NULL;
    }
    PyThreadState *thread = PyEval_SaveThread();
    pr_moments sum = pr_moments_of(&source, order);
    PyEval_RestoreThread(thread);
    pr_source_close(&source);
    return Py_BuildValue("dddddd", sum.count, sum.mean, sum.low, sum.m2, sum.m3, sum.m4);
}

PyDoc_STRVAR(
    extremes_doc,
    "extremes($module, x, skip, /)\n--\n\n"
    "The places of the first smallest and the first largest element of a buffer; -1 for none.\n"
    "Local. The first NaN is both, but with skip as if it were not there.");

static PyObject *extremes(PyObject *Py_UNUSED(module), PyObject *args)
{
    pr_source source;
    PyObject *x;
    int skip;
    if (!PyArg_ParseTuple(args, "Op:extremes", &x, &skip) ||
        pr_source_open(&source, x, "extremes") < 0) {
        return NULL;
    }
    PyThreadState *thread = PyEval_SaveThread();
    pr_extremes found = pr_extremes_of(&source, skip);
    PyEval_RestoreThread(thread);
    pr_source_close(&source);
    return Py_BuildValue("nn", found.low, found.high);
}

/* Memory of `count` elements of eight bytes of one of these formats, to be read or written. */
static int get_words(PyObject *object, const char *formats, size_t count, int flags,
                     Py_buffer *view_p)
{
    if (PyObject_GetBuffer(object, view_p, flags | PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) < 0) {
        return -1;
    }
    if (view_p->itemsize == 8 && strlen(view_p->format) == 1 && strchr(formats, *view_p->format) &&
        (size_t)view_p->len == 8 * count) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "%zd bytes of format %s are not %zu words of format %s",
                 view_p->len, view_p->format, count, formats);
    PyBuffer_Release(view_p);
    return -1;
}

static void release(Py_buffer *view)
{
    if (view->obj) {
        PyBuffer_Release(view);
    }
}

static int count_bins(PyObject *x, const pr_bins *bins, int64_t *counts)
{
    pr_source source;
    if (pr_source_open(&source, x, "histogram") < 0) {
        return -1;
    }
    PyThreadState *thread = PyEval_SaveThread();
    int counted = pr_histogram_count(&source, bins, counts);
    PyEval_RestoreThread(thread);
    pr_source_close(&source);
    if (counted < 0) {
        PyErr_NoMemory();
    }
    return counted;
}

static int weigh_bins(PyObject *x, PyObject *w, const pr_bins *bins, double *sums)
{
    pr_source source, weights;
    if (pr_source_open(&source, x, "histogram") < 0) {
        return -1;
    }
    if (pr_source_open(&weights, w, "histogram") < 0) {
        pr_source_close(&source);
        return -1;
    }
    int weighed = -1;
    if (source.count == weights.count) {
        PyThreadState *thread = PyEval_SaveThread();
        weighed = pr_histogram_weigh(&source, &weights, bins, sums);
        PyEval_RestoreThread(thread);
        if (weighed < 0) {
            PyErr_NoMemory();
        }
    } else {
        PyErr_Format(PyExc_ValueError, "histogram: %zu weights for %zu elements", weights.count,
                     source.count);
    }
    pr_source_close(&weights);
    pr_source_close(&source);
    return weighed;
}

PyDoc_STRVAR(
    histogram_doc,
    "histogram($module, x, weights, edges, even, into, /)\n--\n\n"
    "Adds to `into` how many elements of a buffer are between the edges, or their weights.\n"
    "Local. weights is a buffer or None; into int64 without, else float64; even says that\n"
    "the bins are equally wide.");

static PyObject *histogram(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *x, *weights, *edges, *into, *result = NULL;
    Py_buffer limits = {0}, sums = {0};
    int even;
    if (!PyArg_ParseTuple(args, "OOOpO:histogram", &x, &weights, &edges, &even, &into)) {
        return NULL;
    }
    Py_ssize_t count = PyObject_Size(edges);
    if (count < 2) {
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "histogram: no bins");
    }
    if (count >= PR_MOST_BINS) {
        return PyErr_Format(PyExc_ValueError, "histogram: %zd bins are too many", count - 1);
    }
    if (get_words(edges, "d", (size_t)count, 0, &limits) == 0 &&
        get_words(into, weights == Py_None ? "lq" : "d", (size_t)count - 1, PyBUF_WRITABLE,
                  &sums) == 0) {
        pr_bins bins = {limits.buf, (size_t)count - 1, even};
        int done = weights == Py_None ? count_bins(x, &bins, sums.buf)
                                      : weigh_bins(x, weights, &bins, sums.buf);
        result = done < 0 ? NULL : Py_NewRef(Py_None);
    }
    release(&sums);
    release(&limits);
    return result;
}

PyDoc_STRVAR(
    count_digits_doc,
    "count_digits($module, x, columns, prefixes, shift, bits, into, /)\n--\n\n"
    "Adds to into[target, column, digit] how many keys of rows of columns have that digit.\n"
    "Local. Only keys with the prefix that prefixes[target, column] says; see select.h.");

static PyObject *count_digits(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *x, *prefixes, *into, *result = NULL;
    Py_buffer before = {0}, counts = {0};
    Py_ssize_t columns;
    pr_source source;
    int shift, bits;
    if (!PyArg_ParseTuple(args, "OnOiiO:count_digits", &x, &columns, &prefixes, &shift, &bits,
                          &into)) {
        return NULL;
    }
    Py_ssize_t targets = PyObject_Size(prefixes);
    if (targets < 0 || columns < 1 || shift < 0 || bits < 1 || bits > 16 || shift + bits > 64) {
        return PyErr_Occurred() ? NULL
                                : PyErr_Format(PyExc_ValueError,
                                               "count_digits: %zd columns, digits of %d bits at %d",
                                               columns, bits, shift);
    }
    size_t places = (size_t)targets * (size_t)columns;
    if (get_words(prefixes, "LQ", places, 0, &before) == 0 &&
        get_words(into, "lq", places << bits, PyBUF_WRITABLE, &counts) == 0 &&
        pr_source_open(&source, x, "count_digits") == 0) {
        pr_digits digits = {(size_t)columns, (size_t)targets, before.buf, shift, bits};
        PyThreadState *thread = PyEval_SaveThread();
        int counted = pr_select_count(&source, &digits, counts.buf);
        PyEval_RestoreThread(thread);
        pr_source_close(&source);
        result = counted < 0 ? PyErr_NoMemory() : Py_NewRef(Py_None);
    }
    release(&counts);
    release(&before);
    return result;
}

PyMethodDef pr_statistics_methods[] = {
    {"moments", moments, METH_VARARGS, moments_doc},
    {"extremes", extremes, METH_VARARGS, extremes_doc},
    {"histogram", histogram, METH_VARARGS, histogram_doc},
    {"count_digits", count_digits, METH_VARARGS, count_digits_doc},
    {0},
};
