/* Cells: what ranks tell each other first in a reduction.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/cell.h"

#include <stddef.h>
#include <string.h>

#define MAGIC 0x6d70

static bool is_logical(int op)
{
    return op == PM_OP_LAND || op == PM_OP_LOR || op == PM_OP_LXOR;
}

static bool is_bitwise(int op)
{
    return op == PM_OP_BAND || op == PM_OP_BOR || op == PM_OP_BXOR;
}

static void fill_int(pm_cell *cell, PyObject *value)
{
    int overflow;
    int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow);
    memcpy(cell->data, &number, sizeof number);
    if (overflow) {
        cell->form = PM_FORM_OTHER;
    }
}

static void fill_float(pm_cell *cell, PyObject *value)
{
    double number = PyFloat_AS_DOUBLE(value);
    memcpy(cell->data, &number, sizeof number);
    if (is_bitwise(cell->op)) {
        cell->form = PM_FORM_OTHER;
    }
}

static void fill_complex(pm_cell *cell, PyObject *value)
{
    Py_complex number = PyComplex_AsCComplex(value);
    memcpy(cell->data, &number, sizeof number);
    if (cell->op != PM_OP_SUM && cell->op != PM_OP_PROD) {
        cell->form = PM_FORM_OTHER;
    }
}

/* FNV-1a (Fowler, Noll, Vo) of the dimensions. */
static uint32_t hash_shape(const pm_numpy_array *array)
{
    uint32_t hash = 2166136261U;
    for (int i = 0; i < array->nd; i++) {
        uint64_t length = (uint64_t)array->dimensions[i] + 1;
        for (; length; length >>= 8) {
            hash = (hash ^ (uint32_t)(length & 0xff)) * 16777619U;
        }
    }
    return hash;
}

static void fill_array(pm_state *state, pm_cell *cell, pm_cell_native *native, PyObject *value)
{
    const pm_numpy_array *array = (const pm_numpy_array *)value;
    int type = pm_numpy_type(&state->numpy, value);
    bool whole = array->flags & (PM_NUMPY_ROWS | PM_NUMPY_COLUMNS);
    if (type < 0 || !whole ||
        !pm_native_find(state, type, (pm_operation_id)cell->op, &native->type, &native->op)) {
        return;
    }
    size_t count = (size_t)pm_numpy_count(value), size = count * (size_t)state->numpy.sizes[type];
    cell->form = size <= PM_CELL_ROOM ? PM_FORM_ARRAY : PM_FORM_LARGE;
    cell->type = (uint8_t)type;
    cell->columns = !(array->flags & PM_NUMPY_ROWS);
    cell->count = count;
    cell->shape = hash_shape(array);
    if (cell->form == PM_FORM_ARRAY && size) {
        memcpy(cell->data, array->data, size);
    }
}

/* Exact types only: what others derive from them may add in ways of their own. */
static void fill_value(pm_state *state, pm_cell *cell, pm_cell_native *native, PyObject *value)
{
    cell->form = PM_FORM_OTHER;
    if (PyFloat_CheckExact(value)) {
        cell->form = PM_FORM_FLOAT;
        fill_float(cell, value);
    } else if (PyLong_CheckExact(value) || PyBool_Check(value)) {
        cell->form = PyBool_Check(value) ? PM_FORM_BOOL : PM_FORM_INT;
        fill_int(cell, value);
    } else if (PyComplex_CheckExact(value)) {
        cell->form = PM_FORM_COMPLEX;
        fill_complex(cell, value);
    } else if ((PyObject *)Py_TYPE(value) == pm_state_ndarray(state)) {
        fill_array(state, cell, native, value);
    }
}

void pm_cell_fill(pm_state *state, pm_cell *cell, pm_cell_native *native, PyObject *value,
                  PyObject *op, char verb, int root)
{
    memset(cell, 0, offsetof(pm_cell, data));
    cell->magic = MAGIC;
    cell->verb = (uint8_t)verb;
    cell->op = (uint8_t)pm_operator_id(state, op);
    cell->root = root;
    *native = (pm_cell_native){MPI_DATATYPE_NULL, MPI_OP_NULL};
    if (cell->op <= PM_OP_BXOR) {
        fill_value(state, cell, native, value);
    }
    cell->flags = cell->form == PM_FORM_OTHER ? PM_CELL_OTHER : 0;
}

int pm_cell_size(pm_state *state, const pm_cell *cell)
{
    size_t data = 0;
    if (cell->form == PM_FORM_ARRAY) {
        data = cell->count * (size_t)state->numpy.sizes[cell->type];
    } else if (cell->form != PM_FORM_LARGE && cell->form != PM_FORM_OTHER) {
        data = sizeof(Py_complex);
    }
    return (int)(offsetof(pm_cell, data) + data);
}

/* False when the result does not fit 64 bits. */
static bool combine_ints(int op, int64_t a, int64_t b, int64_t *sum_p)
{
    switch (op) {
    case PM_OP_SUM:
        return !__builtin_add_overflow(a, b, sum_p);
    case PM_OP_PROD:
        return !__builtin_mul_overflow(a, b, sum_p);
    case PM_OP_MIN:
        *sum_p = b < a ? b : a;
        return true;
    case PM_OP_MAX:
        *sum_p = b > a ? b : a;
        return true;
    case PM_OP_BAND:
        *sum_p = a & b;
        return true;
    case PM_OP_BOR:
        *sum_p = a | b;
        return true;
    case PM_OP_BXOR:
        *sum_p = a ^ b;
        return true;
    default:
        return false;
    }
}

static int64_t combine_truths(int op, bool a, bool b)
{
    return op == PM_OP_LAND ? a && b : op == PM_OP_LOR ? a || b : a != b;
}

/* As Python compares: the left one of equals. */
static double combine_floats(int op, double a, double b)
{
    switch (op) {
    case PM_OP_SUM:
        return a + b;
    case PM_OP_PROD:
        return a * b;
    case PM_OP_MIN:
        return b < a ? b : a;
    default:
        return b > a ? b : a;
    }
}

static Py_complex combine_complex(int op, Py_complex a, Py_complex b)
{
    if (op == PM_OP_SUM) {
        return (Py_complex){a.real + b.real, a.imag + b.imag};
    }
    return (Py_complex){a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real};
}

static void combine_float_cells(const pm_cell *left, pm_cell *right)
{
    double a, b;
    int64_t truth;
    memcpy(&a, left->data, sizeof a);
    memcpy(&b, right->data, sizeof b);
    if (is_logical(
            right->op)) { /* a truth value from now on, in both directions of the tree alike */
        truth = combine_truths(right->op, a != 0, b != 0);
        b = (double)truth;
    } else {
        b = combine_floats(right->op, a, b);
    }
    memcpy(right->data, &b, sizeof b);
}

static void combine_int_cells(const pm_cell *left, pm_cell *right)
{
    int64_t a, b;
    memcpy(&a, left->data, sizeof a);
    memcpy(&b, right->data, sizeof b);
    if (is_logical(right->op)) {
        b = combine_truths(right->op, a != 0, b != 0);
    } else if (!combine_ints(right->op, a, b, &b)) {
        right->flags |= PM_CELL_OTHER;
    }
    memcpy(right->data, &b, sizeof b);
}

static void combine_complex_cells(const pm_cell *left, pm_cell *right)
{
    Py_complex a, b;
    memcpy(&a, left->data, sizeof a);
    memcpy(&b, right->data, sizeof b);
    b = combine_complex(right->op, a, b);
    memcpy(right->data, &b, sizeof b);
}

static int combine_data(const pm_cell *left, pm_cell *right, const pm_cell_native *native)
{
    switch (right->form) {
    case PM_FORM_BOOL:
    case PM_FORM_INT:
        combine_int_cells(left, right);
        break;
    case PM_FORM_FLOAT:
        combine_float_cells(left, right);
        break;
    case PM_FORM_COMPLEX:
        combine_complex_cells(left, right);
        break;
    case PM_FORM_ARRAY:
        return PMPI_Reduce_local(left->data, right->data, (int)right->count, native->type,
                                 native->op);
    default:
        break;
    }
    return MPI_SUCCESS;
}

int pm_cell_combine(const pm_cell *left, pm_cell *right, const pm_cell_native *native)
{
    bool alike = left->form == right->form && left->type == right->type &&
                 left->columns == right->columns && left->count == right->count &&
                 left->shape == right->shape;
    right->flags |= left->flags | (alike ? 0 : PM_CELL_OTHER);
    if (left->magic != MAGIC || right->magic != MAGIC || left->verb != right->verb ||
        left->op != right->op || left->root != right->root) {
        right->flags |= PM_CELL_CONFUSED;
    }
    return right->flags ? MPI_SUCCESS : combine_data(left, right, native);
}

PyObject *pm_cell_number(const pm_cell *cell)
{
    int64_t integer;
    double real;
    Py_complex number;
    memcpy(&integer, cell->data, sizeof integer);
    memcpy(&real, cell->data, sizeof real);
    memcpy(&number, cell->data, sizeof number);
    bool adds = cell->op == PM_OP_SUM || cell->op == PM_OP_PROD;
    if (is_logical(cell->op)) {
        return PyBool_FromLong(cell->form == PM_FORM_FLOAT ? real != 0 : integer != 0);
    }
    if (cell->form == PM_FORM_BOOL && !adds) {
        return PyBool_FromLong((long)integer);
    }
    return cell->form == PM_FORM_FLOAT     ? PyFloat_FromDouble(real)
           : cell->form == PM_FORM_COMPLEX ? PyComplex_FromCComplex(number)
                                           : PyLong_FromLongLong(integer);
}
