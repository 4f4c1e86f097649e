/* Count, mean and central moments of float64, in one read of memory.
 * SPDX-License-Identifier: MIT
 *
 * A block that is in the first cache is gone over twice: for its mean, then for the powers of the distances
 * from it, corrected for what the mean was off (Chan, Golub, LeVeque 1983, "Algorithms for computing the
 * sample variance"). Blocks are merged in pairs, pairs of pairs and so on (Chan, Golub, LeVeque 1979; Pebay
 * 2008, SAND2008-6212, for the third and fourth), so that errors grow with the logarithm of their number. */
#include "modules/reductions/moments.h"

#include "modules/reductions/lanes.h"

#define LEVELS 64 /* of pairs; no memory holds 2^64 blocks */

static void merge(pr_moments *a, const pr_moments *b)
{
    double na = a->count, nb = b->count, n = na + nb;
    double d = (b->mean - a->mean) + (b->low - a->low), part = d * (nb / n);
    double d2 = d * part * na; /* d^2 na nb / n */
    pr_moments sum = {.count = n, .mean = a->mean + part, .m2 = a->m2 + b->m2 + d2};
    double back =
        sum.mean - a->mean; /* what was added is back and what the rounding took (Knuth's TwoSum) */
    sum.low = a->low + ((a->mean - (sum.mean - back)) + (part - back));
    sum.m3 = a->m3 + b->m3 + d2 * d * (na - nb) / n + 3 * d * (na * b->m2 - nb * a->m2) / n;
    sum.m4 = a->m4 + b->m4 + d2 * d * d * (na * na - na * nb + nb * nb) / (n * n) +
             6 * d * d * (na * na * b->m2 + nb * nb * a->m2) / (n * n) +
             4 * d * (na * b->m3 - nb * a->m3) / n;
    *a = sum;
}

PR_KERNEL double lanes_sum(const pr_lanes *v)
{
    return ((*v)[0] + (*v)[1]) + ((*v)[2] + (*v)[3]);
}

/* Distances from the first element are added, so that equal elements have exactly their mean. */
PR_KERNEL double block_mean(const double *x, size_t count)
{
    pr_lanes first = {x[0], x[0], x[0], x[0]}, a = {0}, b = {0}, c = {0}, d = {0};
    double rest = 0;
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const pr_lanes *four = (const pr_lanes *)(x + i);
        a += four[0] - first;
        b += four[1] - first;
        c += four[2] - first;
        d += four[3] - first;
    }
    for (; i < count; i++) {
        rest += x[i] - x[0];
    }
    a = (a + b) + (c + d);
    return x[0] + (lanes_sum(&a) + rest) / (double)count;
}

/* Sums of the distances from c and their squares. */
PR_KERNEL void block_squares(const double *x, size_t count, double c, double *s1_p, double *s2_p)
{
    pr_lanes centre = {c, c, c, c}, a1 = {0}, b1 = {0}, a2 = {0}, b2 = {0};
    double s1 = 0, s2 = 0;
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const pr_lanes *four = (const pr_lanes *)(x + i);
        pr_lanes d = four[0] - centre, e = four[1] - centre;
        a1 += d;
        b1 += e;
        a2 += d * d;
        b2 += e * e;
    }
    for (; i < count; i++) {
        double d = x[i] - c;
        s1 += d;
        s2 += d * d;
    }
    a1 += b1;
    a2 += b2;
    *s1_p = s1 + lanes_sum(&a1);
    *s2_p = s2 + lanes_sum(&a2);
}

/* Sums of the third and fourth powers of the distances from c. */
PR_KERNEL void block_powers(const double *x, size_t count, double c, double *s3_p, double *s4_p)
{
    pr_lanes centre = {c, c, c, c}, a3 = {0}, b3 = {0}, a4 = {0}, b4 = {0};
    double s3 = 0, s4 = 0;
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const pr_lanes *four = (const pr_lanes *)(x + i);
        pr_lanes d = four[0] - centre, e = four[1] - centre, d2 = d * d, e2 = e * e;
        a3 += d2 * d;
        b3 += e2 * e;
        a4 += d2 * d2;
        b4 += e2 * e2;
    }
    for (; i < count; i++) {
        double d = x[i] - c, d2 = d * d;
        s3 += d2 * d;
        s4 += d2 * d2;
    }
    a3 += b3;
    a4 += b4;
    *s3_p = s3 + lanes_sum(&a3);
    *s4_p = s4 + lanes_sum(&a4);
}

PR_KERNEL void block_moments(const double *x, size_t count, int order, pr_moments *out)
{
    double n = (double)count, mean = block_mean(x, count), s1, s2, s3 = 0, s4 = 0;
    block_squares(x, count, mean, &s1, &s2);
    if (order > 2) {
        block_powers(x, count, mean, &s3, &s4);
    }
    double e = s1 / n; /* what the mean was off */
    out->count = n;
    out->mean = mean;
    out->low = e;
    out->m2 = s2 - n * e * e;
    out->m3 = s3 - 3 * e * s2 + 2 * n * e * e * e;
    out->m4 = s4 - 4 * e * s3 + 6 * e * e * s2 - 3 * n * e * e * e * e;
}

static void moments_plain(const double *x, size_t count, int order, pr_moments *out)
{
    block_moments(x, count, order, out);
}

PR_WIDE static void moments_wide(const double *x, size_t count, int order, pr_moments *out)
{
    block_moments(x, count, order, out);
}

/* One more block, the number'th: it takes in the pairs that it completes, as a binary counter carries. */
static void carry(pr_moments *levels, size_t number, pr_moments block)
{
    int level = 0;
    for (; number & 1; number >>= 1, level++) {
        merge(&levels[level], &block);
        block = levels[level];
    }
    levels[level] = block;
}

pr_moments pr_moments_of(const pr_source *source, int order)
{
    void (*kernel)(const double *, size_t, int, pr_moments *) =
        pr_lanes_wide() ? moments_wide : moments_plain;
    pr_moments levels[LEVELS], sum = {0};
    double room[PR_BLOCK];
    size_t blocks = 0;
    for (size_t at = 0; at < source->count; at += PR_BLOCK, blocks++) {
        pr_moments block;
        kernel(pr_source_block(source, at, room), pr_source_length(source, at), order, &block);
        carry(levels, blocks, block);
    }
    for (int level = LEVELS - 1; level >= 0; level--) {
        if (blocks >> level & 1) {
            if (sum.count) {
                merge(&sum, &levels[level]);
            } else {
                sum = levels[level];
            }
        }
    }
    return sum;
}
