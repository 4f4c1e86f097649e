/* What a session's rank needs of the executable: the built-in module _pympi_control.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_CONTROL_H
#define PYMPI_INTERP_CONTROL_H

#include "interp/python.h"

PyObject *pi_control_init(void);

#endif
