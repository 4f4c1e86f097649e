/* How many elements are in each bin between edges, as numpy.histogram counts.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_REDUCTIONS_HISTOGRAM_H
#define PYMPI_REDUCTIONS_HISTOGRAM_H

#include "modules/reductions/source.h"

#include <stdbool.h>

#define PR_MOST_BINS INT32_MAX

/* Bin i is edges[i] <= x < edges[i + 1]; the last one has its right edge, too. */
typedef struct {
    const double *edges; /* bins + 1, in order, finite */
    size_t bins;         /* less than PR_MOST_BINS */
    bool even;           /* the bins are equally wide, up to rounding */
} pr_bins;

/* Adds to counts; what is in no bin, NaN too, is left out. 0, or -1 for want of memory. */
int pr_histogram_count(const pr_source *source, const pr_bins *bins, int64_t *counts);

/* Adds each element's weight to the sum of its bin; there are as many weights as elements. 0 or -1 as above. */
int pr_histogram_weigh(const pr_source *source, const pr_source *weights, const pr_bins *bins,
                       double *sums);

#endif
