/* The executable's one door to CPython.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_PYTHON_H
#define PYMPI_INTERP_PYTHON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define PI_CONFIG_HAS_SYS_PATH_0 (PY_VERSION_HEX >= 0x030d0000)

#endif
