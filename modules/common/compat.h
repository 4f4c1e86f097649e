/* The modules' one door to CPython and MPI, and the only place that knows their versions.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_COMPAT_H
#define PYMPI_COMMON_COMPAT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <mpi.h>

#if PY_VERSION_HEX < 0x030b0000 || PY_VERSION_HEX >= 0x030e0000
#error "pympi is made for CPython 3.11 to 3.13"
#endif

#if MPI_VERSION < 3
#error "pympi needs MPI 3 or later"
#endif

/* What leaves libpympi.so; everything else is hidden. */
#define PC_EXPORT __attribute__((visibility("default")))

/* Whether an exception's class may make an instance of another class where one is raised by class and
 * argument; earlier a constructor can only raise instead, and later that leaves a note. */
#define PC_RAISES_WHAT_IS_MADE (PY_VERSION_HEX >= 0x030c0000)

/* Whether sys.exit() may leave its status bare, the exception to be made when somebody catches it. */
#define PC_EXIT_MAKES_NO_EXCEPTION (PY_VERSION_HEX < 0x030c0000)

#if PY_VERSION_HEX < 0x030c0000 /* members' names were in a header of their own, without a prefix */
#include <structmember.h>
#define Py_T_INT      T_INT
#define Py_T_PYSSIZET T_PYSSIZET
#define Py_READONLY   READONLY
#endif

#if PY_VERSION_HEX < 0x030d0000
/* A strong reference to a dictionary's value: 1 found, 0 not, -1 with an exception set. */
static inline int PyDict_GetItemRef(PyObject *dict, PyObject *key, PyObject **value_p)
{
    *value_p = Py_XNewRef(PyDict_GetItemWithError(dict, key));
    return *value_p ? 1 : PyErr_Occurred() ? -1 : 0;
}
#endif

#if PY_VERSION_HEX < 0x030c0000
static inline PyObject *PyType_GetDict(PyTypeObject *type)
{
    return Py_NewRef(type->tp_dict);
}
#endif

#endif
