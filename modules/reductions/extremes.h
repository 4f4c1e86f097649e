/* Where the smallest and the largest element are, in one read of memory.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_REDUCTIONS_EXTREMES_H
#define PYMPI_REDUCTIONS_EXTREMES_H

#include "modules/reductions/source.h"

#include <stdbool.h>

/* The first of equal ones; -1 where there is none. */
typedef struct {
    Py_ssize_t low;
    Py_ssize_t high;
} pr_extremes;

/* As numpy.argmin and argmax: the first NaN is both, or with `skip` as if there were none. */
pr_extremes pr_extremes_of(const pr_source *source, bool skip);

#endif
