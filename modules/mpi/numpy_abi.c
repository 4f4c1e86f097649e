/* NumPy's arrays from C, without NumPy's headers.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/numpy_abi.h"

#include <string.h>

enum { ABI_VERSION = 0, DESCR_FROM_TYPE = 45, NEW_FROM_DESCR = 94 }; /* places in the table */

/* bool, all integers, float, double, long double and their complex ones. */
#define PLAIN_FIRST 0
#define PLAIN_LAST  16
#define DOUBLE      12

typedef unsigned (*version_function)(void);
typedef PyObject *(*descr_function)(int type);

/* NumPy's table, from the module that has it in NumPy 2 or 1; NULL without an exception. */
static void **find_table(void)
{
    static const char *const homes[] = {"numpy._core._multiarray_umath",
                                        "numpy.core._multiarray_umath"};
    void **table = NULL;
    for (int i = 0; i < 2 && !table; i++) {
        PyObject *module = PyDict_GetItemString(PyImport_GetModuleDict(), homes[i]); /* borrowed */
        PyObject *capsule = module ? PyObject_GetAttrString(module, "_ARRAY_API") : NULL;
        if (capsule && PyCapsule_CheckExact(capsule)) {
            table = PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule));
        }
        Py_XDECREF(capsule);
    }
    PyErr_Clear();
    return table;
}

/* Copies of the pointers, whose types C does not let us cast to plainly. */
static void *function_at(void **table, int place)
{
    return table[place];
}

static bool is_known_version(void **table)
{
    version_function version;
    *(void **)&version = function_at(table, ABI_VERSION);
    unsigned major = version() >> 24;
    return major == 1 || major == 2;
}

static int size_of(PyObject *descr)
{
    PyObject *size = PyObject_GetAttrString(descr, "itemsize");
    int bytes = size ? (int)PyLong_AsLong(size) : 0;
    Py_XDECREF(size);
    return bytes;
}

static void take_types(pm_numpy *numpy, void **table)
{
    descr_function descr_of;
    *(void **)&descr_of = function_at(table, DESCR_FROM_TYPE);
    for (int type = PLAIN_FIRST; type <= PLAIN_LAST; type++) {
        numpy->descrs[type] = descr_of(type);
        numpy->sizes[type] = numpy->descrs[type] ? size_of(numpy->descrs[type]) : 0;
    }
}

static bool has_attribute(PyObject *object, const char *name, const char *text)
{
    PyObject *value = PyObject_GetAttrString(object, name);
    PyObject *shown = value ? PyObject_Str(value) : NULL;
    bool equal = shown && PyUnicode_CompareWithASCIIString(shown, text) == 0;
    Py_XDECREF(shown);
    Py_XDECREF(value);
    PyErr_Clear();
    return equal;
}

/* An array made by the table is what Python sees, and lies as the struct says. */
static bool holds(const pm_numpy *numpy, PyObject *ndarray)
{
    const Py_ssize_t shape[] = {2, 3};
    PyObject *array = pm_numpy_new(numpy, ndarray, DOUBLE, 2, shape, true);
    const pm_numpy_array *fields = (const pm_numpy_array *)array;
    bool right = array && (PyObject *)Py_TYPE(array) == ndarray && fields->nd == 2 &&
                 fields->dimensions[1] == 3 && fields->strides[0] == 8 &&
                 fields->strides[1] == 16 && fields->descr == numpy->descrs[DOUBLE] &&
                 (fields->flags & 0xfff) ==
                     (PM_NUMPY_COLUMNS | 0x4 | PM_NUMPY_ALIGNED | PM_NUMPY_WRITABLE) &&
                 has_attribute(array, "shape", "(2, 3)") &&
                 has_attribute(array, "dtype", "float64");
    Py_XDECREF(array);
    PyErr_Clear();
    return right;
}

void pm_numpy_setup(pm_numpy *numpy, PyObject *ndarray)
{
    void **table = numpy->tried ? NULL : find_table();
    numpy->tried = true;
    if (!table || !is_known_version(table)) {
        return;
    }
    *(void **)&numpy->new_from_descr = function_at(table, NEW_FROM_DESCR);
    take_types(numpy, table);
    numpy->usable = true;
    numpy->usable = !PyErr_Occurred() && numpy->descrs[DOUBLE] && holds(numpy, ndarray);
    PyErr_Clear();
}

void pm_numpy_clear(pm_numpy *numpy)
{
    numpy->usable = false;
    for (int type = 0; type < PM_NUMPY_TYPES; type++) {
        Py_CLEAR(numpy->descrs[type]);
    }
}

int pm_numpy_type(const pm_numpy *numpy, PyObject *array)
{
    const pm_numpy_array *fields = (const pm_numpy_array *)array;
    if (!numpy->usable || !(fields->flags & PM_NUMPY_ALIGNED)) {
        return -1;
    }
    if (fields->descr == numpy->descrs[DOUBLE]) {
        return DOUBLE;
    }
    for (int type = PLAIN_LAST; type >= PLAIN_FIRST; type--) {
        if (fields->descr == numpy->descrs[type]) {
            return type;
        }
    }
    return -1;
}

bool pm_numpy_has_shape(PyObject *array, int nd, const Py_ssize_t *dimensions)
{
    const pm_numpy_array *fields = (const pm_numpy_array *)array;
    bool same = fields->nd == nd;
    for (int i = 0; same && i < nd; i++) { /* without dimensions there is no memory of them */
        same = fields->dimensions[i] == dimensions[i];
    }
    return same;
}

Py_ssize_t pm_numpy_count(PyObject *array)
{
    const pm_numpy_array *fields = (const pm_numpy_array *)array;
    Py_ssize_t count = 1;
    for (int i = 0; i < fields->nd; i++) {
        count *= fields->dimensions[i];
    }
    return count;
}

PyObject *pm_numpy_new(const pm_numpy *numpy, PyObject *ndarray, int type, int nd,
                       const Py_ssize_t *dimensions, bool columns)
{
    return numpy->new_from_descr((PyTypeObject *)ndarray, Py_NewRef(numpy->descrs[type]), nd,
                                 dimensions, NULL, NULL, columns ? 1 : 0, NULL);
}
