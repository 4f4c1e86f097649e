/* NumPy's arrays from C, without NumPy's headers: by what its binary interface promises.
 * SPDX-License-Identifier: MIT
 *
 * The beginning of an array's struct, the numbers of its own types and the places of functions in its table
 * are the same in all of NumPy 1 and 2 (NumPy's C API reference, "Array API", and its ABI policy). They
 * are tried on a test array before they are relied on; where they do not hold, arrays go the longer
 * way through Python. */
#ifndef PYMPI_MPI_NUMPY_ABI_H
#define PYMPI_MPI_NUMPY_ABI_H

#include "modules/common/compat.h"

#include <stdbool.h>

#define PM_NUMPY_TYPES    24 /* its own types have the numbers below; without half floats (23) */
#define PM_NUMPY_DIMS     64
#define PM_NUMPY_ROWS     0x1 /* flags: C-contiguous */
#define PM_NUMPY_COLUMNS  0x2 /* Fortran-contiguous */
#define PM_NUMPY_ALIGNED  0x100
#define PM_NUMPY_WRITABLE 0x400

/* The beginning of every array. */
typedef struct {
    PyObject_HEAD char *data;
    int nd;
    Py_ssize_t *dimensions;
    Py_ssize_t *strides;
    PyObject *base;
    PyObject *descr;
    int flags;
} pm_numpy_array;

typedef struct {
    bool tried;
    bool usable;
    PyObject *(*new_from_descr)(PyTypeObject *type, PyObject *descr, int nd,
                                const Py_ssize_t *dimensions, const Py_ssize_t *strides, void *data,
                                int flags, PyObject *owner);
    PyObject
        *descrs[PM_NUMPY_TYPES]; /* the machine's own bool, numbers and complex ones; else NULL */
    int sizes[PM_NUMPY_TYPES];
} pm_numpy;

/* Looks for NumPy's table, once; ndarray is its class. */
void pm_numpy_setup(pm_numpy *numpy, PyObject *ndarray);
void pm_numpy_clear(pm_numpy *numpy);

/* The number of the array's type when it is one of the plain ones, else -1. */
int pm_numpy_type(const pm_numpy *numpy, PyObject *array);

/* True for an array of these dimensions. */
bool pm_numpy_has_shape(PyObject *array, int nd, const Py_ssize_t *dimensions);

/* The number of elements. */
Py_ssize_t pm_numpy_count(PyObject *array);

/* A new array of uninitialised elements; NULL with an exception set. */
PyObject *pm_numpy_new(const pm_numpy *numpy, PyObject *ndarray, int type, int nd,
                       const Py_ssize_t *dimensions, bool columns);

#endif
