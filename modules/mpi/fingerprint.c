/* Fingerprints: what a rank asks of a collective.
 * SPDX-License-Identifier: MIT
 *
 * Only what makes a wrong program is compared. Ranks may give numbers of different types, which combine as
 * Python's numbers do, and a callable may be made for values of different types and shapes. */
#include "modules/mpi/fingerprint.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "modules/common/runtime.h"
#include "modules/mpi/args.h"
#include "modules/mpi/operators.h"

static bool has_root(const char *verb)
{
    static const char *const verbs[] = {"bcast", "scatter", "gather", "reduce", "spawn", NULL};
    const char *const *at = verbs;
    while (*at && strcmp(*at, verb) != 0) {
        at++;
    }
    return *at != NULL;
}

/* FNV-1a (Fowler, Noll, Vo): Python's own hash of a text differs from rank to rank. */
static uint32_t hash_text(const char *text)
{
    uint32_t hash = 2166136261U;
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * 16777619U;
    }
    return hash;
}

static void take_type_text(pm_fingerprint *print, const char *text)
{
    snprintf(print->type, sizeof print->type, "%s", text);
    print->hash = hash_text(text);
}

/* "float64[3,4]". An array without dimensions is as good as a number. */
static void take_array(pm_fingerprint *print, PyObject *array)
{
    PyObject *dtype = PyObject_GetAttrString(array, "dtype");
    PyObject *shape = dtype ? PyObject_GetAttrString(array, "shape") : NULL;
    PyObject *list = shape ? PySequence_List(shape) : NULL;
    PyObject *text = !list                   ? NULL
                     : PyList_GET_SIZE(list) ? PyUnicode_FromFormat("%S%S", dtype, list)
                                             : PyUnicode_FromString("number");
    const char *bytes = text ? PyUnicode_AsUTF8(text) : NULL;
    take_type_text(print, bytes ? bytes : "ndarray");
    Py_XDECREF(text);
    Py_XDECREF(list);
    Py_XDECREF(shape);
    Py_XDECREF(dtype);
    PyErr_Clear(); /* a subclass that has lost what arrays have */
}

static void take_type(pm_fingerprint *print, pm_state *state, PyObject *value)
{
    PyObject *ndarray = pm_state_ndarray(state);
    if (ndarray && PyObject_TypeCheck(value, (PyTypeObject *)ndarray)) {
        take_array(print, value);
    } else {
        take_type_text(print, PyNumber_Check(value) ? "number" : Py_TYPE(value)->tp_name);
    }
}

static void take_counts(pm_fingerprint *print, PyObject *counts)
{
    PyObject *tuple = PySequence_Tuple(counts);
    print->counts = tuple ? PyObject_Hash(tuple) : 0; /* of whole numbers, the same on all ranks */
    Py_XDECREF(tuple);
    PyErr_Clear(); /* the verb will say what is wrong with them */
}

static int64_t read_axis(PyObject *axis)
{
    int64_t number = axis ? PyLong_AsLongLong(axis) : PM_FINGERPRINT_NONE;
    PyErr_Clear(); /* it has been checked */
    return number;
}

static void take_reduction(pm_fingerprint *print, const pm_work *work)
{
    pm_operation_id id = pm_operator_id(work->state, work->op);
    snprintf(print->op, sizeof print->op, "%s", pm_operator_text(work->state, work->op));
    print->commutes = work->commutes;
    if (work->per_item || work->axis) {
        print->axis = read_axis(work->axis);
    }
    if (work->per_item && work->counts) {
        take_counts(print, work->counts);
    }
    if (id != PM_OP_OTHER && (!work->per_item || work->axis)) {
        take_type(print, work->state, work->items);
    }
}

void pm_fingerprint_take(pm_fingerprint *print, const pm_work *work)
{
    memset(print, 0, sizeof *print);
    snprintf(print->verb, sizeof print->verb, "%s%s", work->begun ? "i" : "", work->call);
    print->axis = print->counts = print->root = PM_FINGERPRINT_NONE;
    if (has_root(work->call)) {
        print->root = work->root;
    }
    if (work->op) {
        take_reduction(print, work);
    }
    print->order = work->comm->rank;
    print->rank = pc_runtime_get()->rank;
    pc_place_find(&print->place);
}

bool pm_fingerprint_agrees(const pm_fingerprint *print, const pm_fingerprint *other)
{
    return memcmp(print, other, offsetof(pm_fingerprint, order)) == 0;
}

/* One more argument of the list. */
static void add(char *list, size_t size, const char *format, const char *name, const char *text)
{
    size_t length = strlen(list);
    snprintf(list + length, size - length, format, length ? ", " : "", name, text);
}

static void add_number(char *list, size_t size, const char *name, int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)number);
    if (number != PM_FINGERPRINT_NONE) {
        add(list, size, "%s%s=%s", name, text);
    }
}

PyObject *pm_fingerprint_show(const pm_fingerprint *print)
{
    char list[256] = "";
    const pc_place *place = &print->place;
    if (*print->op) {
        add(list, sizeof list, "%s%s=%s", "op", print->op);
    }
    if (*print->type) {
        add(list, sizeof list, "%s%s%s", "", print->type);
    }
    add_number(list, sizeof list, "root", print->root);
    add_number(list, sizeof list, "axis", print->axis);
    if (print->counts != PM_FINGERPRINT_NONE) {
        add(list, sizeof list, "%s%s%s", "counts", "");
    }
    if (print->commutes) {
        add(list, sizeof list, "%s%s%s", "commutative", "");
    }
    return PyUnicode_FromFormat("%s(%s) at %s:%d on rank %d", print->verb, list,
                                *place->file ? place->file : "<no Python code>", place->line,
                                print->rank);
}
