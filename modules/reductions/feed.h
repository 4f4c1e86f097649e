/* Memory of any shape and type of number into exact sums.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_REDUCTIONS_FEED_H
#define PYMPI_REDUCTIONS_FEED_H

#include "modules/common/compat.h"
#include "modules/reductions/exact.h"

/* What the elements are; complex ones go to two sums, the real parts' and the imaginary ones'. */
typedef enum {
    PR_NO_NUMBERS,
    PR_SIGNED,
    PR_UNSIGNED,
    PR_FLOAT,
    PR_DOUBLE,
    PR_COMPLEX_FLOAT,
    PR_COMPLEX_DOUBLE,
} pr_numbers;

/* By the format of the buffer protocol; other byte orders than the machine's are no numbers here. */
pr_numbers pr_feed_numbers(const Py_buffer *view);

/* The sums that one element needs: 1 or 2. */
int pr_feed_sums(pr_numbers numbers);

/* Adds all elements. Needs no GIL. */
void pr_feed_add(pr_exact *sums, const Py_buffer *view, pr_numbers numbers);

/* Adds one element. Needs no GIL. */
void pr_feed_add_one(pr_exact *sums, const char *at, pr_numbers numbers, Py_ssize_t itemsize);

/* Adds the elements along the last axis to the sums of the others, of which there are as many. Needs no GIL. */
void pr_feed_add_rows(pr_exact *sums, const Py_buffer *view, pr_numbers numbers);

/* Adds the products of one-dimensional doubles, floats or complex numbers. Needs no GIL. */
void pr_feed_add_products(pr_exact *sums, const Py_buffer *x, pr_numbers x_numbers,
                          const Py_buffer *y, pr_numbers y_numbers);

#endif
