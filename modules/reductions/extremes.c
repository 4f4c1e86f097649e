/* Where the smallest and the largest element are, in one read of memory.
 * SPDX-License-Identifier: MIT
 *
 * A block tells its extremes' values only; the places are looked for at the end, in two blocks. */
#include "modules/reductions/extremes.h"

#include "modules/reductions/lanes.h"

#include <math.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

typedef struct {
    double low;
    double high;
    bool has_nan;
} range;

PR_KERNEL void fold(range *sum, const pr_lanes *low, const pr_lanes *high, const pr_lane_bits *nan)
{
    for (int i = 0; i < 4; i++) {
        sum->low = (*low)[i] < sum->low ? (*low)[i] : sum->low;
        sum->high = (*high)[i] > sum->high ? (*high)[i] : sum->high;
        sum->has_nan |= (*nan)[i] != 0;
    }
}

/* Widens the range to the block's; NaN compares as neither smaller nor larger. */
PR_KERNEL void widen(const double *x, size_t count, range *sum)
{
    pr_lanes low = {sum->low, sum->low, sum->low, sum->low}, low2 = low;
    pr_lanes high = {sum->high, sum->high, sum->high, sum->high}, high2 = high;
    pr_lane_bits nan = {0};
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const pr_lanes *four = (const pr_lanes *)(x + i);
        pr_lanes v = four[0], w = four[1];
        pr_lane_bits less = v<low, less2 = w<low2, more = v> high, more2 = w> high2;
        pr_lanes_take(&low, &less, &v);
        pr_lanes_take(&low2, &less2, &w);
        pr_lanes_take(&high, &more, &v);
        pr_lanes_take(&high2, &more2, &w);
        nan |= (v != v) | (w != w);
    }
    fold(sum, &low, &high, &nan);
    fold(sum, &low2, &high2, &nan);
    for (; i < count; i++) {
        sum->low = x[i] < sum->low ? x[i] : sum->low;
        sum->high = x[i] > sum->high ? x[i] : sum->high;
        sum->has_nan |= x[i] != x[i];
    }
}

static void widen_plain(const double *x, size_t count, range *sum)
{
    widen(x, count, sum);
}

#ifdef __x86_64__
/* The compiler does not find these two instructions by itself; they give the second where one is NaN. */
PR_WIDE static void widen_wide(const double *x, size_t count, range *sum)
{
    __m256d low = _mm256_set1_pd(sum->low), low2 = low, nan = _mm256_setzero_pd();
    __m256d high = _mm256_set1_pd(sum->high), high2 = high;
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256d v = _mm256_loadu_pd(x + i), w = _mm256_loadu_pd(x + i + 4);
        low = _mm256_min_pd(v, low);
        low2 = _mm256_min_pd(w, low2);
        high = _mm256_max_pd(v, high);
        high2 = _mm256_max_pd(w, high2);
        nan = _mm256_or_pd(nan, _mm256_cmp_pd(v, w, _CMP_UNORD_Q)); /* one of them is NaN */
    }
    low = _mm256_min_pd(low, low2);
    high = _mm256_max_pd(high, high2);
    fold(sum, (pr_lanes *)&low, (pr_lanes *)&high, (pr_lane_bits *)&nan);
    widen(x + i, count - i, sum);
}
#else
static void widen_wide(const double *x, size_t count, range *sum)
{
    widen(x, count, sum);
}
#endif

/* The first place from `at` on, within its block, of this value or of NaN; -1 when it is not there. */
static Py_ssize_t find(const pr_source *source, size_t at, double value)
{
    double room[PR_BLOCK];
    const double *x = pr_source_block(source, at, room);
    for (size_t i = 0; i < pr_source_length(source, at); i++) {
        if (x[i] == value || (x[i] != x[i] && value != value)) {
            return (Py_ssize_t)(at + i);
        }
    }
    return -1;
}

/* The first element that is a number, and the block that it is in: where a range begins. */
static bool find_number(const pr_source *source, size_t *at_p, double *number_p)
{
    double room[PR_BLOCK];
    for (size_t at = 0; at < source->count; at += PR_BLOCK) {
        const double *x = pr_source_block(source, at, room);
        for (size_t i = 0; i < pr_source_length(source, at); i++) {
            if (x[i] == x[i]) {
                *at_p = at;
                *number_p = x[i];
                return true;
            }
        }
    }
    return false;
}

pr_extremes pr_extremes_of(const pr_source *source, bool skip)
{
    void (*kernel)(const double *, size_t, range *) = pr_lanes_wide() ? widen_wide : widen_plain;
    double room[PR_BLOCK], number;
    size_t start, low, high;
    if (!find_number(source, &start, &number)) {
        Py_ssize_t none = skip || !source->count ? -1 : 0;
        return (pr_extremes){none, none};
    }
    low = high = start;
    range sum = {number, number, false};
    for (size_t at = skip ? start : 0; at < source->count; at += PR_BLOCK) {
        range before = sum;
        kernel(pr_source_block(source, at, room), pr_source_length(source, at), &sum);
        if (sum.has_nan && !skip) {
            Py_ssize_t first = find(source, at, NAN);
            return (pr_extremes){first, first};
        }
        low = sum.low < before.low ? at : low;
        high = sum.high > before.high ? at : high;
    }
    return (pr_extremes){find(source, low, sum.low), find(source, high, sum.high)};
}
