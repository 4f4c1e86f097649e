/* The one collective of an exact sum for Python: what ranks have to agree on, what went wrong, the sums.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "modules/common/errors.h"
#include "modules/reductions/module.h"

/* What a rank brings. */
typedef struct {
    PyObject *comm, *sums, *error; /* borrowed; error is None or an exception */
    const char *call, *what;
    int rank, size, family, weak;
    unsigned long long count;
} given;

static pr_problem problem_of(PyObject *error)
{
    return error == Py_None                                          ? PR_FINE
           : PyErr_GivenExceptionMatches(error, PyExc_TypeError)     ? PR_TYPE
           : PyErr_GivenExceptionMatches(error, PyExc_ValueError)    ? PR_VALUE
           : PyErr_GivenExceptionMatches(error, PyExc_OverflowError) ? PR_OVERFLOW
                                                                     : PR_FAILED;
}

/* What the others raise; the class of an exception that is not one of ours belongs to the text. */
static int write_problem(const given *own, pr_head *head)
{
    PyObject *text = PyObject_Str(own->error);
    const char *bytes = text ? PyUnicode_AsUTF8(text) : NULL;
    head->problem = (uint8_t)problem_of(own->error);
    if (bytes && head->problem == PR_FAILED) {
        snprintf(head->text, sizeof head->text, "%s on rank %d: %s", Py_TYPE(own->error)->tp_name,
                 own->rank, bytes);
    } else if (bytes) {
        snprintf(head->text, sizeof head->text, "%s", bytes);
    }
    Py_XDECREF(text);
    return bytes ? 0 : -1;
}

/* A text that was cut may end within a character. */
static PyObject *read_text(const pr_head *head)
{
    size_t length = strnlen(head->text, sizeof head->text);
    return PyUnicode_DecodeUTF8(head->text, (Py_ssize_t)length, "ignore");
}

static void raise_problem(const given *own, const pr_head *head)
{
    PyObject *const classes[] = {[PR_TYPE] = PyExc_TypeError,
                                 [PR_VALUE] = PyExc_ValueError,
                                 [PR_OVERFLOW] = PyExc_OverflowError};
    if (head->problem == PR_FAILED && problem_of(own->error) == PR_FAILED) {
        PyErr_SetObject((PyObject *)Py_TYPE(own->error), own->error);
        return;
    }
    PyObject *text = read_text(head);
    if (text && head->problem == PR_FAILED) {
        pc_error_say(own->call, "%U", text);
    } else if (text) {
        PyErr_Format(classes[head->problem], "%s: %U", own->call, text);
    }
    Py_XDECREF(text);
}

static int fill_head(const given *own, pr_head *head)
{
    pr_head_init(head, own->rank);
    head->family = (uint8_t)own->family;
    head->weak = (uint8_t)own->weak;
    head->count = own->count;
    snprintf(head->what, sizeof head->what, "%s", own->what);
    return own->error == Py_None ? 0 : write_problem(own, head);
}

/* Behind an agreement: the sums of all ranks, which are `sums` itself where they were few, or are
 * of one rank. */
static PyObject *sum_up(const pm_api *api, pr_native *native, const given *own, Py_buffer *from)
{
    Py_ssize_t count = from->len / (Py_ssize_t)sizeof(pr_exact);
    if (count <= PR_CELL_SUMS || own->size == 1) {
        return Py_NewRef(own->sums);
    }
    PyObject *result = PyByteArray_FromStringAndSize(NULL, from->len);
    PyObject *owner = result ? PyTuple_Pack(2, own->sums, result) : NULL;
    if (!owner ||
        pr_combine_large(api, own->comm, own->call, native, from->buf,
                         (pr_exact *)(void *)PyByteArray_AS_STRING(result), count, owner) < 0) {
        Py_CLEAR(result);
    }
    Py_XDECREF(owner);
    return result;
}

static void settle_all(Py_buffer *view)
{
    pr_exact *all = view->buf;
    for (Py_ssize_t i = 0; i < view->len / (Py_ssize_t)sizeof *all; i++) {
        pr_exact_settle(&all[i]);
    }
}

static int find_place(const pm_api *api, given *own)
{
    MPI_Comm comm;
    if (api->users(own->comm, &comm) < 0) {
        return -1;
    }
    int code = MPI_Comm_rank(comm, &own->rank);
    return pc_error_check(own->call, code == MPI_SUCCESS ? MPI_Comm_size(comm, &own->size) : code);
}

static PyObject *combine(pr_native *native, given *own, Py_buffer *view)
{
    pr_head head;
    const pm_api *api = pm_api_get();
    if (!api || find_place(api, own) < 0 || fill_head(own, &head) < 0) {
        return NULL;
    }
    settle_all(view);
    if (pr_combine(api, own->comm, own->call, &head, view->buf,
                   view->len / (Py_ssize_t)sizeof(pr_exact)) < 0) {
        return NULL;
    }
    if (head.problem) {
        raise_problem(own, &head);
        return NULL;
    }
    PyObject *sums = sum_up(api, native, own, view);
    return sums ? Py_BuildValue("NisK", sums, (int)head.family, head.what,
                                (unsigned long long)head.count)
                : NULL;
}

PyDoc_STRVAR(
    allreduce_doc,
    "allreduce($module, comm, call, sums, what, family, weak, count, error, /)\n--\n\n"
    "The sums of all ranks, their family, what they are, and how many elements they are of.\n"
    "Collective over comm: one collective; two for more than two sums.\n\n"
    "what (a text) has to be equal on all ranks, or empty; weak ones give way to others of their\n"
    "family or a wider one. error: None, or the exception that this rank ran into, which all "
    "raise.");

static PyObject *allreduce(PyObject *module, PyObject *args)
{
    given own;
    Py_buffer view;
    pr_state *state = PyModule_GetState(module);
    if (!PyArg_ParseTuple(args, "OsOsipKO:allreduce", &own.comm, &own.call, &own.sums, &own.what,
                          &own.family, &own.weak, &own.count, &own.error) ||
        PyObject_GetBuffer(own.sums, &view, PyBUF_WRITABLE) < 0) {
        return NULL;
    }
    PyObject *result = combine(&state->native, &own, &view);
    PyBuffer_Release(&view);
    return result;
}

PyMethodDef pr_agree_methods[] = {
    {"allreduce", allreduce, METH_VARARGS, allreduce_doc},
    {0},
};
