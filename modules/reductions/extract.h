/* Exact sums at the speed of memory: blocks of doubles, most of whose work is done in vector registers.
 * SPDX-License-Identifier: MIT
 *
 * Each element is cut at a bit that the whole block shares, by adding and taking off a power of two: what is
 * above the cut is summed without error, and what is below is cut again (S. M. Rump, T. Ogita, S. Oishi,
 * "Accurate floating-point summation part I: faithful rounding", SIAM J. Sci. Comput. 31, 2008, ExtractVector;
 * J. Demmel, H. D. Nguyen, "Parallel reproducible summation", IEEE Trans. Comput. 64, 2015). The few sums of a
 * block go to the superaccumulator. Where bits are left over, or something is not finite or too
 * large, the elements go there one by one: the result is the same. */
#ifndef PYMPI_REDUCTIONS_EXTRACT_H
#define PYMPI_REDUCTIONS_EXTRACT_H

#include <stddef.h>

#include "modules/reductions/exact.h"

/* Elements of a block, which stays in the fastest memory. */
#define PR_BLOCK 1024

void pr_extract_add(pr_exact *sum, const double *x, size_t count);

/* Adds the exact products; their parts by fused multiply-add (T. Ogita, S. M. Rump, S. Oishi, "Accurate sum
 * and dot product", SIAM J. Sci. Comput. 26, 2005, TwoProdFMA). */
void pr_extract_add_products(pr_exact *sum, const double *x, const double *y, size_t count);

#endif
