/* The module's state and its tables of functions.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_REDUCTIONS_MODULE_H
#define PYMPI_REDUCTIONS_MODULE_H

#include "modules/reductions/combine.h"

typedef struct {
    pr_native native;
} pr_state;

extern PyMethodDef pr_sums_methods[], pr_agree_methods[];

#endif
