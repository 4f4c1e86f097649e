/* Cells: what ranks tell each other first in a reduction: a small number or array itself, or what it is.
 * SPDX-License-Identifier: MIT
 *
 * A cell goes once through a tree of messages (modules/common/trees.h). Then all ranks know the same: the
 * result, or that all have large arrays that MPI can reduce, or that it takes letters. */
#ifndef PYMPI_MPI_CELL_H
#define PYMPI_MPI_CELL_H

#include "modules/mpi/native.h"

#define PM_CELL_ROOM 2048 /* bytes of data */

typedef enum {
    PM_FORM_OTHER, /* letters */
    PM_FORM_BOOL,
    PM_FORM_INT,
    PM_FORM_FLOAT,
    PM_FORM_COMPLEX,
    PM_FORM_ARRAY, /* the elements are the data */
    PM_FORM_LARGE, /* an array whose elements are not here */
} pm_form;

enum {
    PM_CELL_OTHER = 1,
    PM_CELL_CONFUSED = 2
}; /* it takes letters; ranks are in different verbs */

typedef struct {
    uint16_t magic;
    uint8_t verb;
    uint8_t op;
    uint8_t form;
    uint8_t type; /* NumPy's number */
    uint8_t columns;
    uint8_t flags;
    int32_t root;
    uint32_t shape;                       /* a hash */
    uint64_t count;                       /* elements */
    _Alignas(16) char data[PM_CELL_ROOM]; /* numbers of any type */
} pm_cell;

/* How cells are combined: MPI's type and operator of an array. */
typedef struct {
    MPI_Datatype type;
    MPI_Op op;
} pm_cell_native;

/* Makes the cell of a value under an operator. */
void pm_cell_fill(pm_state *state, pm_cell *cell, pm_cell_native *native, PyObject *value,
                  PyObject *op, char verb, int root);

/* The bytes that have to be sent. */
int pm_cell_size(pm_state *state, const pm_cell *cell);

/* A pc_tree_combine: right = left op right; native is its `how`. MPI's code. */
int pm_cell_combine(const pm_cell *left, pm_cell *right, const pm_cell_native *native);

/* The number in the cell; NULL with an exception set. */
PyObject *pm_cell_number(const pm_cell *cell);

#endif
