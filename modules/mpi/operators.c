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

/* One of the table, or one that was made of functions; those are owned, and NULL for one of the table. */
typedef struct {
    PyObject_HEAD const operation *operation;
    PyObject *name, *lift, *combine, *finish, *doc;
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

/* NULL: another callable. */
static pm_operator *as_operator(const pm_state *state, PyObject *op)
{
    return Py_TYPE(op) == state->operator_type ? (pm_operator *)op : NULL;
}

pm_operation_id pm_operator_id(const pm_state *state, PyObject *op)
{
    const pm_operator *own = as_operator(state, op);
    return own && own->operation ? (pm_operation_id)(own->operation - operations) : PM_OP_OTHER;
}

const char *pm_operator_text(const pm_state *state, PyObject *op)
{
    const pm_operator *own = as_operator(state, op);
    const char *name = !own             ? "callable"
                       : own->operation ? own->operation->name
                                        : PyUnicode_AsUTF8(own->name);
    return name ? name : "operator";
}

PyObject *pm_operator_apply(pm_state *state, PyObject *op, PyObject *left, PyObject *right)
{
    const pm_operator *own = as_operator(state, op);
    if (own && own->operation) {
        return apply(state, own->operation, left, right);
    }
    PyObject *args[] = {left, right};
    return PyObject_Vectorcall(own ? own->combine : op, args, 2, NULL);
}

bool pm_operator_lifts(const pm_state *state, PyObject *op)
{
    const pm_operator *own = as_operator(state, op);
    return own && own->lift;
}

PyObject *pm_operator_lift(const pm_state *state, PyObject *op, PyObject *value)
{
    return pm_operator_lifts(state, op) ? PyObject_CallOneArg(((pm_operator *)op)->lift, value)
                                        : Py_NewRef(value);
}

PyObject *pm_operator_finish(const pm_state *state, PyObject *op, PyObject *value)
{
    PyObject *result = value && pm_operator_lifts(state, op)
                           ? PyObject_CallOneArg(((pm_operator *)op)->finish, value)
                           : Py_XNewRef(value);
    Py_XDECREF(value);
    return result;
}

/* Of two values, as a reduction of two ranks would have it. */
static PyObject *apply_made(const pm_operator *op, PyObject *left, PyObject *right)
{
    PyObject *one = PyObject_CallOneArg(op->lift, left);
    PyObject *other = one ? PyObject_CallOneArg(op->lift, right) : NULL;
    PyObject *both = other ? PyObject_CallFunctionObjArgs(op->combine, one, other, NULL) : NULL;
    PyObject *result = both ? PyObject_CallOneArg(op->finish, both) : NULL;
    Py_XDECREF(both);
    Py_XDECREF(other);
    Py_XDECREF(one);
    return result;
}

static PyObject *operator_call(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"left", "right", NULL};
    PyObject *left, *right;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO", names, &left, &right)) {
        return NULL;
    }
    const pm_operator *own = (pm_operator *)self;
    return own->operation ? apply(pm_state_of_type(Py_TYPE(self)), own->operation, left, right)
                          : apply_made(own, left, right);
}

static PyObject *operator_repr(PyObject *self)
{
    const pm_operator *own = (pm_operator *)self;
    return own->operation ? PyUnicode_FromFormat("mpi.%s", own->operation->name)
                          : PyUnicode_FromFormat("<mpi.Operator %U>", own->name);
}

/* Operators of the table are pickled by name: there is one of each. */
static PyObject *operator_reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    const pm_operator *own = (pm_operator *)self;
    if (own->operation) {
        return PyUnicode_FromString(own->operation->name);
    }
    PyObject *module = PyType_GetModule(Py_TYPE(self));
    PyObject *make = module ? PyObject_GetAttrString(module, "make_operator") : NULL;
    return make ? Py_BuildValue("N(OOOOO)", make, own->name, own->lift, own->combine, own->finish,
                                own->doc)
                : NULL;
}

static PyObject *operator_name(PyObject *self, void *Py_UNUSED(unused))
{
    const pm_operator *own = (pm_operator *)self;
    return own->operation ? PyUnicode_FromString(own->operation->name) : Py_NewRef(own->name);
}

static PyObject *operator_text(PyObject *self, void *Py_UNUSED(unused))
{
    const pm_operator *own = (pm_operator *)self;
    return own->operation ? PyUnicode_FromString(own->operation->doc) : Py_NewRef(own->doc);
}

static int operator_traverse(PyObject *self, visitproc visit, void *arg)
{
    const pm_operator *own = (pm_operator *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(own->lift);
    Py_VISIT(own->combine);
    Py_VISIT(own->finish);
    return 0;
}

static int operator_clear(PyObject *self)
{
    pm_operator *own = (pm_operator *)self;
    Py_CLEAR(own->name);
    Py_CLEAR(own->lift);
    Py_CLEAR(own->combine);
    Py_CLEAR(own->finish);
    Py_CLEAR(own->doc);
    return 0;
}

static void operator_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    operator_clear(self);
    PyObject_GC_Del(self);
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
    {Py_tp_dealloc, operator_dealloc}, {Py_tp_traverse, operator_traverse},
    {Py_tp_repr, operator_repr},       {Py_tp_call, operator_call},
    {Py_tp_methods, operator_methods}, {Py_tp_getset, operator_getset},
    {Py_tp_doc, (void *)operator_doc}, {0, NULL},
};

static PyType_Spec operator_spec = {
    .name = "pympi.mpi.Operator",
    .basicsize = sizeof(pm_operator),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_HAVE_GC,
    .slots = operator_slots,
};

static pm_operator *new_operator(const pm_state *state)
{
    pm_operator *op = PyObject_GC_New(pm_operator, state->operator_type);
    if (op) {
        op->operation = NULL;
        op->name = op->lift = op->combine = op->finish = op->doc = NULL;
    }
    return op;
}

PyDoc_STRVAR(
    make_operator_doc,
    "make_operator($module, name, lift, combine, finish, doc='', /)\n--\n\n"
    "An operator that works on something else than the values.\n"
    "Local.\n\n"
    "lift(value) makes of a rank's value what is combined, combine(left, right) makes one of\n"
    "two and may change neither, finish(whole) makes the result of it. combine must associate.");

static PyObject *make_operator(PyObject *module, PyObject *args)
{
    PyObject *name, *lift, *combine, *finish, *doc = NULL;
    if (!PyArg_ParseTuple(args, "UOOO|U:make_operator", &name, &lift, &combine, &finish, &doc)) {
        return NULL;
    }
    if (!PyCallable_Check(lift) || !PyCallable_Check(combine) || !PyCallable_Check(finish)) {
        return PyErr_Format(PyExc_TypeError, "make_operator: of %R, %R and %R one is no callable",
                            lift, combine, finish);
    }
    pm_operator *op = new_operator(pm_state_of_module(module));
    if (!op) {
        return NULL;
    }
    op->name = Py_NewRef(name);
    op->lift = Py_NewRef(lift);
    op->combine = Py_NewRef(combine);
    op->finish = Py_NewRef(finish);
    op->doc = doc ? Py_NewRef(doc) : PyUnicode_FromString("");
    PyObject_GC_Track((PyObject *)op);
    if (!op->doc) {
        Py_CLEAR(op);
    }
    return (PyObject *)op;
}

static PyMethodDef make_methods[] = {
    {"make_operator", make_operator, METH_VARARGS, make_operator_doc},
    {0},
};

static int add_operator(PyObject *module, pm_state *state, const operation *what)
{
    pm_operator *op = new_operator(state);
    if (!op) {
        return -1;
    }
    op->operation = what;
    PyObject_GC_Track((PyObject *)op);
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
    return PyModule_AddFunctions(module, make_methods);
}
