/* Operators of reductions.
 * SPDX-License-Identifier: MIT
 *
 * They mean what Python's operators mean on the values, and element by element on arrays. */
#include "modules/mpi/operators.h"

#include <string.h>

typedef PyObject *(*binary)(PyObject *left, PyObject *right);

typedef struct {
    const char *name;
    binary apply; /* NULL: by ufunc for arrays, by choose for the rest */
    const char *ufunc;
    PyObject *(*choose)(PyObject *left, PyObject *right);
    const char *doc;
} operation;

typedef struct {
    PyObject_HEAD const operation *operation;
} pm_operator;

static PyObject *choose_min(PyObject *left, PyObject *right)
{
    int less = PyObject_RichCompareBool(right, left, Py_LT);
    return less < 0 ? NULL : Py_NewRef(less ? right : left);
}

static PyObject *choose_max(PyObject *left, PyObject *right)
{
    int greater = PyObject_RichCompareBool(right, left, Py_GT);
    return greater < 0 ? NULL : Py_NewRef(greater ? right : left);
}

/* The truth of both; -1 with an exception set. */
static int truths(PyObject *left, PyObject *right, int *left_p, int *right_p)
{
    *left_p = PyObject_IsTrue(left);
    *right_p = *left_p < 0 ? -1 : PyObject_IsTrue(right);
    return *right_p < 0 ? -1 : 0;
}

static PyObject *choose_and(PyObject *left, PyObject *right)
{
    int a, b;
    return truths(left, right, &a, &b) < 0 ? NULL : PyBool_FromLong(a && b);
}

static PyObject *choose_or(PyObject *left, PyObject *right)
{
    int a, b;
    return truths(left, right, &a, &b) < 0 ? NULL : PyBool_FromLong(a || b);
}

static PyObject *choose_xor(PyObject *left, PyObject *right)
{
    int a, b;
    return truths(left, right, &a, &b) < 0 ? NULL : PyBool_FromLong(a != b);
}

/* The pair with the better value; of equal ones that with the lower place, as MPI has it. */
static PyObject *choose_pair(PyObject *left, PyObject *right, int better)
{
    PyObject *a = PySequence_GetItem(left, 0), *b = a ? PySequence_GetItem(right, 0) : NULL;
    int changes = b ? PyObject_RichCompareBool(b, a, better) : -1;
    int equal = changes == 0 ? PyObject_RichCompareBool(b, a, Py_EQ) : 0;
    Py_XDECREF(b);
    Py_XDECREF(a);
    if (equal == 1) {
        PyObject *i = PySequence_GetItem(left, 1), *j = i ? PySequence_GetItem(right, 1) : NULL;
        changes = j ? PyObject_RichCompareBool(j, i, Py_LT) : -1;
        Py_XDECREF(j);
        Py_XDECREF(i);
    }
    return changes < 0 || equal < 0 ? NULL : Py_NewRef(changes ? right : left);
}

static PyObject *choose_minloc(PyObject *left, PyObject *right)
{
    return choose_pair(left, right, Py_LT);
}

static PyObject *choose_maxloc(PyObject *left, PyObject *right)
{
    return choose_pair(left, right, Py_GT);
}

static const operation operations[] = {
    {"SUM", PyNumber_Add, NULL, NULL, "left + right"},
    {"PROD", PyNumber_Multiply, NULL, NULL, "left * right"},
    {"MIN", NULL, "minimum", choose_min, "the smaller one; of arrays element by element"},
    {"MAX", NULL, "maximum", choose_max, "the larger one; of arrays element by element"},
    {"LAND", NULL, "logical_and", choose_and, "True when both are true"},
    {"LOR", NULL, "logical_or", choose_or, "True when one is true"},
    {"LXOR", NULL, "logical_xor", choose_xor, "True when exactly one is true"},
    {"BAND", PyNumber_And, NULL, NULL, "left & right"},
    {"BOR", PyNumber_Or, NULL, NULL, "left | right"},
    {"BXOR", PyNumber_Xor, NULL, NULL, "left ^ right"},
    {"MINLOC", NULL, NULL, choose_minloc, "of pairs (value, place) that with the smaller value"},
    {"MAXLOC", NULL, NULL, choose_maxloc, "of pairs (value, place) that with the larger value"},
};

static PyObject *apply_ufunc(const char *name, PyObject *left, PyObject *right)
{
    PyObject *numpy = PyImport_ImportModule("numpy");
    PyObject *result = numpy ? PyObject_CallMethod(numpy, name, "OO", left, right) : NULL;
    Py_XDECREF(numpy);
    return result;
}

static PyObject *apply(pm_state *state, const operation *what, PyObject *left, PyObject *right)
{
    PyObject *ndarray = pm_state_ndarray(state);
    if (what->apply) {
        return what->apply(left, right);
    }
    if (ndarray && what->ufunc &&
        (PyObject_TypeCheck(left, (PyTypeObject *)ndarray) ||
         PyObject_TypeCheck(right, (PyTypeObject *)ndarray))) {
        return apply_ufunc(what->ufunc, left, right);
    }
    return what->choose(left, right);
}

bool pm_operator_check(PyObject *op, const char *call)
{
    if (!PyCallable_Check(op)) {
        PyErr_Format(PyExc_TypeError,
                     "%s: op must be an operator such as mpi.SUM or a callable, not %R", call, op);
        return false;
    }
    return true;
}

pm_operation_id pm_operator_id(const pm_state *state, PyObject *op)
{
    return Py_TYPE(op) == state->operator_type
               ? (pm_operation_id)(((pm_operator *)op)->operation - operations)
               : PM_OP_OTHER;
}

const char *pm_operator_text(pm_operation_id id)
{
    return id == PM_OP_OTHER ? "callable" : operations[id].name;
}

PyObject *pm_operator_apply(pm_state *state, PyObject *op, PyObject *left, PyObject *right)
{
    if (Py_TYPE(op) == state->operator_type) {
        return apply(state, ((pm_operator *)op)->operation, left, right);
    }
    PyObject *args[] = {left, right};
    return PyObject_Vectorcall(op, args, 2, NULL);
}

static PyObject *operator_call(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"left", "right", NULL};
    PyObject *left, *right;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO", names, &left, &right)) {
        return NULL;
    }
    return apply(pm_state_of_type(Py_TYPE(self)), ((pm_operator *)self)->operation, left, right);
}

static PyObject *operator_repr(PyObject *self)
{
    return PyUnicode_FromFormat("mpi.%s", ((pm_operator *)self)->operation->name);
}

/* Operators are pickled by name: there is one of each. */
static PyObject *operator_reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyUnicode_FromString(((pm_operator *)self)->operation->name);
}

static PyObject *operator_name(PyObject *self, void *Py_UNUSED(unused))
{
    return PyUnicode_FromString(((pm_operator *)self)->operation->name);
}

static PyObject *operator_text(PyObject *self, void *Py_UNUSED(unused))
{
    return PyUnicode_FromString(((pm_operator *)self)->operation->doc);
}

static void operator_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef operator_methods[] = {
    {"__reduce__", operator_reduce, METH_NOARGS, NULL},
    {0},
};

static PyGetSetDef operator_getset[] = {
    {"name", operator_name, NULL, "The operator's name.", NULL},
    {"meaning", operator_text, NULL, "What it does with two values.", NULL},
    {0},
};

PyDoc_STRVAR(operator_doc, "An operator of reductions, such as mpi.SUM; also callable: "
                           "mpi.SUM(left, right).\n\nAny callable of two values may be used in its "
                           "place.");

static PyType_Slot operator_slots[] = {
    {Py_tp_dealloc, operator_dealloc},
    {Py_tp_repr, operator_repr},
    {Py_tp_call, operator_call},
    {Py_tp_methods, operator_methods},
    {Py_tp_getset, operator_getset},
    {Py_tp_doc, (void *)operator_doc},
    {0, NULL},
};

static PyType_Spec operator_spec = {
    .name = "pympi.mpi.Operator",
    .basicsize = sizeof(pm_operator),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = operator_slots,
};

static int add_operator(PyObject *module, pm_state *state, const operation *what)
{
    pm_operator *op = PyObject_New(pm_operator, state->operator_type);
    if (!op) {
        return -1;
    }
    op->operation = what;
    if (strcmp(what->name, "SUM") == 0) {
        Py_XSETREF(state->sum, Py_NewRef((PyObject *)op));
    }
    int result = PyModule_AddObjectRef(module, what->name, (PyObject *)op);
    Py_DECREF(op);
    return result;
}

int pm_operator_setup(PyObject *module)
{
    pm_state *state = pm_state_of_module(module);
    state->operator_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &operator_spec, NULL);
    if (!state->operator_type || PyModule_AddType(module, state->operator_type) < 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (add_operator(module, state, &operations[i]) < 0) {
            return -1;
        }
    }
    return 0;
}
