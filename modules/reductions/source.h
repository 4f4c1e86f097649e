/* The elements of a buffer as float64, block after block.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_REDUCTIONS_SOURCE_H
#define PYMPI_REDUCTIONS_SOURCE_H

#include "modules/common/compat.h"

#define PR_BLOCK 2048 /* float64 that stay in the first cache while a kernel goes over them again */

/* `view` is held from open to close. */
typedef struct {
    Py_buffer view;
    char format;
    size_t count;
} pr_source;

/* Takes a contiguous buffer of the machine's own real numbers. 0, or -1 with an exception set. */
int pr_source_open(pr_source *source, PyObject *object, const char *call);
void pr_source_close(pr_source *source);

/* How many elements the block at `at` has: PR_BLOCK, fewer at the end. */
size_t pr_source_length(const pr_source *source, size_t at);

/* The block at `at`: where it lies when the elements are float64, else in `room`, for PR_BLOCK of them. */
const double *pr_source_block(const pr_source *source, size_t at, double *room);

#endif
