/* Four float64 at once, by the compiler's vector extensions.
 * SPDX-License-Identifier: MIT
 *
 * A kernel is written once, inline, and built twice: plainly, and for processors with AVX2. */
#ifndef PYMPI_REDUCTIONS_LANES_H
#define PYMPI_REDUCTIONS_LANES_H

#include <stdbool.h>
#include <stdint.h>

/* Aligned as their elements are, for they lie in others' arrays. */
typedef double pr_lanes __attribute__((vector_size(32), aligned(8), may_alias));
typedef int64_t pr_lane_bits __attribute__((vector_size(32), aligned(8), may_alias));

#define PR_KERNEL static inline __attribute__((always_inline))

/* Takes others where the bits are set. By pointers, for the plain build has no registers of that size to hand over. */
PR_KERNEL void pr_lanes_take(pr_lanes *lanes, const pr_lane_bits *where, const pr_lanes *others)
{
    *lanes = (pr_lanes)((*where & (pr_lane_bits)*others) | (~*where & (pr_lane_bits)*lanes));
}

#ifdef __x86_64__
#define PR_WIDE __attribute__((target("avx2,fma")))
#else
#define PR_WIDE
#endif

/* Whether what is PR_WIDE may be called. */
static inline bool pr_lanes_wide(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

#endif
