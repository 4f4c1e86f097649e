/* Waiting for several requests: the module's wait_all, wait_any, wait_some and their test_ forms.
 * SPDX-License-Identifier: MIT */
#include "modules/common/errors.h"
#include "modules/common/wait.h"
#include "modules/mpi/args.h"
#include "modules/mpi/request.h"

/* A tuple of Requests, or NULL with TypeError set. */
static PyObject *read_requests(PyObject *const *args, Py_ssize_t count, PyObject *names,
                               PyObject *module, const pm_signature *signature)
{
    PyObject *given;
    if (pm_args_read(signature, args, count, names, &given) < 0) {
        return NULL;
    }
    PyObject *all = PySequence_Tuple(given);
    pm_state *state = pm_state_of_module(module);
    for (Py_ssize_t i = 0; all && i < PyTuple_GET_SIZE(all); i++) {
        PyObject *one = PyTuple_GET_ITEM(all, i);
        if (Py_TYPE(one) != state->request_type) {
            PyErr_Format(PyExc_TypeError, "%s: requests[%zd] is %R, not a mpi.Request",
                         signature->call, i, one);
            Py_CLEAR(all);
        }
    }
    return all;
}

static pm_work *work_at(PyObject *all, Py_ssize_t i)
{
    return pm_request_work(PyTuple_GET_ITEM(all, i));
}

/* Looks whether anything has come for any of them. */
static int look_at_all(void *what, int *done_p)
{
    PyObject *all = what;
    int code = MPI_SUCCESS, done = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all) && !done && code == MPI_SUCCESS; i++) {
        pm_work *work = work_at(all, i);
        if (work->condition == PM_WORK_UNDER_WAY) {
            code = pm_work_look(work, &done);
        } else {
            done = 1;
        }
    }
    *done_p = done;
    return code;
}

static int check_free(PyObject *all, const char *call)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all); i++) {
        if (work_at(all, i)->busy) {
            return pc_error_say(call, "another thread waits for requests[%zd]", i);
        }
    }
    return 0;
}

static void set_busy(PyObject *all, bool busy)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all); i++) {
        work_at(all, i)->busy = busy;
    }
}

/* The index of one that is done from there on, or -1. */
static Py_ssize_t find_done(PyObject *all, Py_ssize_t from)
{
    for (Py_ssize_t i = from; i < PyTuple_GET_SIZE(all); i++) {
        if (work_at(all, i)->condition != PM_WORK_UNDER_WAY) {
            return i;
        }
    }
    return -1;
}

static int move_all_on(PyObject *all)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all); i++) {
        if (pm_request_move_on(work_at(all, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* What all of them wait for, where that is letters alone: the first's; else NULL. */
static const pc_ledger_line *find_line(PyObject *all, bool *sends_p)
{
    const pc_ledger_line *first = NULL;
    for (Py_ssize_t i = PyTuple_GET_SIZE(all); i-- > 0;) {
        const pm_work *work = work_at(all, i);
        if (work->condition == PM_WORK_UNDER_WAY) {
            first = pm_work_line(work, sends_p);
            if (!first) {
                return NULL;
            }
        }
    }
    return first;
}

/* Waits until one is done: its index, or -1 with an exception set. */
static Py_ssize_t wait_for_one(PyObject *all, const char *call)
{
    pc_board_wait wait = {.call = call, .peer = PC_BOARD_NOBODY};
    Py_ssize_t found = move_all_on(all) < 0 ? -2 : find_done(all, 0);
    if (PyTuple_GET_SIZE(all) == 0) {
        PyErr_Format(PyExc_ValueError, "%s: there is no request to wait for", call);
        found = -2;
    }
    while (found == -1) {
        if (check_free(all, call) < 0) {
            return -2;
        }
        wait.line = find_line(all, &wait.sends);
        set_busy(all, true);
        int result = pc_wait_until(look_at_all, all, &wait);
        set_busy(all, false);
        found = result < 0 || move_all_on(all) < 0 ? -2 : find_done(all, 0);
    }
    return found;
}

static PyObject *results_of(PyObject *all)
{
    PyObject *list = PyList_New(PyTuple_GET_SIZE(all));
    for (Py_ssize_t i = 0; list && i < PyTuple_GET_SIZE(all); i++) {
        PyObject *value = pm_work_result(work_at(all, i));
        if (value) {
            PyList_SET_ITEM(list, i, value);
        } else {
            Py_CLEAR(list);
        }
    }
    return list;
}

PyDoc_STRVAR(wait_all_doc, "wait_all($module, /, requests)\n--\n\n"
                           "Waits until all are done and gives the list of their results.\n"
                           "Local. Raises what the first that failed raises, when all are done.");

static PyObject *wait_all(PyObject *module, PyObject *const *args, Py_ssize_t count,
                          PyObject *names)
{
    static const pm_signature signature = {"wait_all", 1, 0, {"requests"}};
    PyObject *all = read_requests(args, count, names, module, &signature);
    int result = all ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(all); i++) {
        result = pm_work_wait(work_at(all, i));
    }
    PyObject *list = result == 0 ? results_of(all) : NULL;
    Py_XDECREF(all);
    return list;
}

PyDoc_STRVAR(wait_any_doc,
             "wait_any($module, /, requests)\n--\n\n"
             "Waits until one is done and gives (its index, its result).\n"
             "Local. One that was done before counts: take it out of the list first.");

static PyObject *wait_any(PyObject *module, PyObject *const *args, Py_ssize_t count,
                          PyObject *names)
{
    static const pm_signature signature = {"wait_any", 1, 0, {"requests"}};
    PyObject *all = read_requests(args, count, names, module, &signature);
    Py_ssize_t found = all ? wait_for_one(all, "wait_any") : -2;
    PyObject *value = found >= 0 ? pm_work_result(work_at(all, found)) : NULL;
    Py_XDECREF(all);
    return value ? Py_BuildValue("(nN)", found, value) : NULL;
}

/* ([indices], [results]) of those that are done. */
static PyObject *results_of_some(PyObject *all)
{
    PyObject *indices = PyList_New(0), *values = PyList_New(0);
    bool right = indices && values;
    for (Py_ssize_t i = find_done(all, 0); right && i >= 0; i = find_done(all, i + 1)) {
        PyObject *index = PyLong_FromSsize_t(i), *value = pm_work_result(work_at(all, i));
        right = index && value && PyList_Append(indices, index) == 0 &&
                PyList_Append(values, value) == 0;
        Py_XDECREF(value);
        Py_XDECREF(index);
    }
    PyObject *pair = right ? PyTuple_Pack(2, indices, values) : NULL;
    Py_XDECREF(values);
    Py_XDECREF(indices);
    return pair;
}

PyDoc_STRVAR(wait_some_doc, "wait_some($module, /, requests)\n--\n\n"
                            "Waits until one or more are done and gives ([indices], [results]).\n"
                            "Local. Those that were done before count.");

static PyObject *wait_some(PyObject *module, PyObject *const *args, Py_ssize_t count,
                           PyObject *names)
{
    static const pm_signature signature = {"wait_some", 1, 0, {"requests"}};
    PyObject *all = read_requests(args, count, names, module, &signature);
    PyObject *pair = all && wait_for_one(all, "wait_some") >= 0 ? results_of_some(all) : NULL;
    Py_XDECREF(all);
    return pair;
}

PyDoc_STRVAR(test_all_doc, "test_all($module, /, requests)\n--\n\n"
                           "(True, [results]) when all are done, else (False, None).\n"
                           "Local. Does not wait.");

static PyObject *test_all(PyObject *module, PyObject *const *args, Py_ssize_t count,
                          PyObject *names)
{
    static const pm_signature signature = {"test_all", 1, 0, {"requests"}};
    PyObject *all = read_requests(args, count, names, module, &signature), *answer = NULL;
    if (all && move_all_on(all) == 0) {
        bool done = true;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all); i++) {
            done = done && work_at(all, i)->condition != PM_WORK_UNDER_WAY;
        }
        PyObject *list = done ? results_of(all) : Py_NewRef(Py_None);
        answer = list ? Py_BuildValue("(NN)", PyBool_FromLong(done), list) : NULL;
    }
    Py_XDECREF(all);
    return answer;
}

PyDoc_STRVAR(test_any_doc, "test_any($module, /, requests)\n--\n\n"
                           "(True, index, result) of one that is done, else (False, -1, None).\n"
                           "Local. Does not wait.");

static PyObject *test_any(PyObject *module, PyObject *const *args, Py_ssize_t count,
                          PyObject *names)
{
    static const pm_signature signature = {"test_any", 1, 0, {"requests"}};
    PyObject *all = read_requests(args, count, names, module, &signature), *answer = NULL;
    if (all && move_all_on(all) == 0) {
        Py_ssize_t found = find_done(all, 0);
        PyObject *value = found < 0 ? Py_NewRef(Py_None) : pm_work_result(work_at(all, found));
        answer = value ? Py_BuildValue("(NnN)", PyBool_FromLong(found >= 0), found, value) : NULL;
    }
    Py_XDECREF(all);
    return answer;
}

PyDoc_STRVAR(test_some_doc, "test_some($module, /, requests)\n--\n\n"
                            "([indices], [results]) of those that are done.\n"
                            "Local. Does not wait.");

static PyObject *test_some(PyObject *module, PyObject *const *args, Py_ssize_t count,
                           PyObject *names)
{
    static const pm_signature signature = {"test_some", 1, 0, {"requests"}};
    PyObject *all = read_requests(args, count, names, module, &signature);
    PyObject *pair = all && move_all_on(all) == 0 ? results_of_some(all) : NULL;
    Py_XDECREF(all);
    return pair;
}

#define FAST(function) (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS
static PyMethodDef several_methods[] = {
    {"wait_all", FAST(wait_all), wait_all_doc},
    {"wait_any", FAST(wait_any), wait_any_doc},
    {"wait_some", FAST(wait_some), wait_some_doc},
    {"test_all", FAST(test_all), test_all_doc},
    {"test_any", FAST(test_any), test_any_doc},
    {"test_some", FAST(test_some), test_some_doc},
    {0},
};
#undef FAST

int pm_several_setup(PyObject *module)
{
    return PyModule_AddFunctions(module, several_methods);
}
