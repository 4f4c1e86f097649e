/* Count, mean and central moments of float64, in one read of memory.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_REDUCTIONS_MOMENTS_H
#define PYMPI_REDUCTIONS_MOMENTS_H

#include "modules/reductions/source.h"

/* The mean is the sum of two numbers: where it is large beside the distances from it, one would not do. m2, m3, m4
 * are sums of powers of these distances; the last two only where asked for. */
typedef struct {
    double count;
    double mean;
    double low;
    double m2;
    double m3;
    double m4;
} pr_moments;

/* The moments of the elements, up to the second (order 2) or the fourth. */
pr_moments pr_moments_of(const pr_source *source, int order);

#endif
