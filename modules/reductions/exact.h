/* Exact sums: a superaccumulator, which holds every sum of doubles and of products of two.
 * SPDX-License-Identifier: MIT
 *
 * The small superaccumulator of R. M. Neal, "Fast exact summation using small and large superaccumulators"
 * (2015, arXiv:1505.05571), with range for products. A fixed-point number in chunks of 64 bits that overlap by
 * 32: so many additions need no carry. Nothing here knows Python or MPI. */
#ifndef PYMPI_REDUCTIONS_EXACT_H
#define PYMPI_REDUCTIONS_EXACT_H

#include <stdbool.h>
#include <stdint.h>

/* Chunk i weighs 2^(32 i - PR_EXACT_LOW). The lowest bit of a product is 2^-2148; 2^64 products of up to
 * 2^2048 stay below 2^2112, and the last chunk's upper half holds the sign. */
#define PR_EXACT_LOW    2176
#define PR_EXACT_CHUNKS 134

enum {
    PR_EXACT_NAN = 1,
    PR_EXACT_POSITIVE = 2, /* an infinity */
    PR_EXACT_NEGATIVE = 4,
    PR_EXACT_SEEN = 8,   /* there was an element */
    PR_EXACT_OTHER = 16, /* than -0.0 */
};

/* Settled: all chunks but the last are in [0, 2^32). Equal sums then have equal bits, whatever order
 * brought them about. All zero is the empty sum. */
typedef struct {
    int64_t chunks[PR_EXACT_CHUNKS];
    uint32_t spent; /* additions since it was settled */
    uint32_t flags;
} pr_exact;

void pr_exact_add(pr_exact *sum, double value);

/* The exact product, which neither over- nor underflows. An infinity times zero is NaN. */
void pr_exact_add_product(pr_exact *sum, double x, double y);

/* words[0] + words[1] 2^32 + … times 2^(32 first - PR_EXACT_LOW), or that below zero. False: it has no
 * place here, and nothing was added. */
bool pr_exact_add_words(pr_exact *sum, const uint32_t *words, int count, int first, bool negative);

void pr_exact_add_integer(pr_exact *sum, int64_t value);
void pr_exact_add_unsigned(pr_exact *sum, uint64_t value);

void pr_exact_settle(pr_exact *sum);

/* right += left. Both are settled before and right is behind. */
void pr_exact_merge(const pr_exact *left, pr_exact *right);

/* The sum rounded once, to nearest, ties to even; too large ones are infinite. -0.0 when all elements were;
 * infinities of both signs and NaN give NaN. */
double pr_exact_double(const pr_exact *sum);
float pr_exact_float(const pr_exact *sum);

#endif
