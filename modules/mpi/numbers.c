/* Reductions of numbers and arrays.
 * SPDX-License-Identifier: MIT
 *
 * One exchange of cells: small values are reduced by it. Large arrays, when all ranks have told that they
 * have alike ones and so are here, go to MPI's nonblocking reduction. The rest takes letters. */
#include "modules/mpi/numbers.h"

#include <stddef.h>
#include <string.h>

#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/common/trees.h"
#include "modules/common/wait.h"
#include "modules/mpi/cell.h"
#include "modules/mpi/into.h"
#include "modules/mpi/ring.h"

/* Both memories of the exchange. */
typedef struct {
    pm_cell cells[2];
    pm_cell *sum;
    pm_cell_native native;
    int tag; /* of what follows */
} exchange;

/* What was combined is spent: a message that is no cell must not find it there again. */
static int combine(const pc_tree_cells *Py_UNUSED(cells), const void *left, void *right, void *how)
{
    int code = pm_cell_combine(left, right, how);
    ((pm_cell *)left)->magic = 0;
    return code;
}

/* Takes two numbers of collectives at once, of which letters may need the second: a rank whose wait is
 * broken here does not learn whether the others need it. A cell is small enough for MPI to take it at once: a broken wait leaves none half sent. */
static int exchange_cells(const pm_numbers *given, exchange *own)
{
    pm_state *state = pm_state_of_type(Py_TYPE(given->comm));
    pm_comm *comm = given->comm;
    pm_cell_fill(state, &own->cells[0], &own->native, given->value, given->op, given->call[0],
                 given->root);
    own->cells[1].magic = 0;
    pc_tree tree = {comm->inner, comm->rank,  comm->size, pc_runtime_collective_tag(comm->sequence),
                    given->call, pc_wait_code};
    own->tag = pc_runtime_collective_tag(comm->sequence + 1);
    comm->sequence += 2;
    pc_tree_cells cells = {&own->cells[0], &own->cells[1], pm_cell_size(state, &own->cells[0]),
                           MPI_BYTE, (int)sizeof(pm_cell)};
    int code = pc_tree_allreduce(&tree, &cells, combine, &own->native);
    own->sum = cells.mine;
    return pc_error_check(given->call, code);
}

static bool overlap(const char *a, const char *b, size_t size)
{
    return a < b + size && b < a + size;
}

/* The array that a result goes to: into where it fits as it is, else a new one. */
static PyObject *new_result(const pm_numbers *given, const pm_cell *cell)
{
    pm_state *state = pm_state_of_type(Py_TYPE(given->comm));
    const pm_numpy_array *value = (const pm_numpy_array *)given->value;
    const pm_numpy_array *into = (const pm_numpy_array *)given->into;
    int order = cell->columns ? PM_NUMPY_COLUMNS : PM_NUMPY_ROWS;
    size_t size = cell->count * (size_t)state->numpy.sizes[cell->type];
    if (into && (PyObject *)Py_TYPE(into) == state->ndarray &&
        pm_numpy_type(&state->numpy, given->into) == cell->type &&
        pm_numpy_has_shape(given->into, value->nd, value->dimensions) && (into->flags & order) &&
        (into->flags & PM_NUMPY_WRITABLE) && !overlap(into->data, value->data, size)) {
        return Py_NewRef(given->into);
    }
    return pm_numpy_new(&state->numpy, state->ndarray, cell->type, value->nd, value->dimensions,
                        cell->columns && value->nd > 1);
}

static PyObject *take_small(const pm_numbers *given, const pm_cell *cell)
{
    pm_state *state = pm_state_of_type(Py_TYPE(given->comm));
    if (cell->form != PM_FORM_ARRAY) {
        return pm_cell_number(cell);
    }
    PyObject *result = new_result(given, cell);
    if (result && cell->count) {
        memcpy(((pm_numpy_array *)result)->data, cell->data,
               cell->count * (size_t)state->numpy.sizes[cell->type]);
    }
    return result;
}

static int reduce_memory(const pm_numbers *given, const exchange *own, PyObject *result,
                         PyObject *owner)
{
    pm_comm *comm = given->comm;
    Py_ssize_t size = pm_state_of_type(Py_TYPE(comm))->numpy.sizes[own->sum->type];
    bool gets = given->root < 0 || given->root == comm->rank;
    pm_ring ring = {.from = ((const pm_numpy_array *)given->value)->data,
                    .to = gets ? ((pm_numpy_array *)result)->data : NULL,
                    .count = (Py_ssize_t)own->sum->count,
                    .size = size,
                    .type = own->native.type,
                    .op = own->native.op,
                    .tag = own->tag,
                    .owner = owner,
                    .call = given->call};
    if (given->root < 0 && pm_ring_suits(comm, ring.count * size)) {
        return pm_ring_allreduce(comm, &ring);
    }
    return pm_native_reduce(comm, ring.from, ring.to, ring.count, ring.type, ring.op, given->root,
                            owner, given->call);
}

static PyObject *reduce_large(const pm_numbers *given, const exchange *own)
{
    bool gets = given->root < 0 || given->root == given->comm->rank;
    PyObject *result = gets ? new_result(given, own->sum) : Py_NewRef(Py_None);
    PyObject *owner = result ? PyTuple_Pack(2, given->value, result) : NULL;
    if (!owner || reduce_memory(given, own, result, owner) < 0) {
        Py_CLEAR(result);
    }
    Py_XDECREF(owner);
    return result;
}

/* What the exchange says, which all ranks see alike. */
static int conclude(const pm_numbers *given, const exchange *own, PyObject **result_p)
{
    const pm_cell *sum = own->sum;
    pm_state *state = pm_state_of_type(Py_TYPE(given->comm));
    bool gets = given->root < 0 || given->root == given->comm->rank;
    if (sum->flags & PM_CELL_CONFUSED) {
        return pc_error_say(given->call,
                            "the ranks are in different collectives, or gave different "
                            "operators or roots");
    }
    if (sum->flags) {
        given->comm->sequence--; /* the second is for the letters */
        return 0;
    }
    *result_p = sum->form == PM_FORM_LARGE ? reduce_large(given, own)
                : gets                     ? take_small(given, sum)
                                           : Py_NewRef(Py_None);
    if (gets) {
        *result_p = pm_into_put(state, *result_p, given->into, given->call);
    }
    return *result_p ? 0 : -1;
}

/* An array that lies in one piece, which the cell and MPI need. */
static PyObject *in_one_piece(pm_state *state, PyObject *value)
{
    if ((PyObject *)Py_TYPE(value) != pm_state_ndarray(state) ||
        ((pm_numpy_array *)value)->flags & (PM_NUMPY_ROWS | PM_NUMPY_COLUMNS) ||
        pm_numpy_type(&state->numpy, value) < 0) {
        return Py_NewRef(value);
    }
    return PyObject_CallMethod(value, "copy", "s", "C");
}

int pm_numbers_reduce(const pm_numbers *given, PyObject **result_p)
{
    exchange own;
    pm_numbers whole = *given;
    *result_p = NULL;
    if (!pm_comm_usable(given->comm, given->call)) {
        return -1;
    }
    if (given->comm->inner == MPI_COMM_NULL || given->comm->size == 1) {
        return 0; /* nobody to ask; letters know what to say */
    }
    whole.value = in_one_piece(pm_state_of_type(Py_TYPE(given->comm)), given->value);
    int result = whole.value ? exchange_cells(&whole, &own) : -1;
    if (result == 0) {
        result = conclude(&whole, &own, result_p);
    }
    Py_XDECREF(whole.value);
    return result;
}
