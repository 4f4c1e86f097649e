/* Exact sums at the speed of memory.
 * SPDX-License-Identifier: MIT
 *
 * Why the sums are without error. Let s be a power of two, and all |x| of a block together at most s / 2. Then
 * q = (s + x) - s is a multiple of s 2^-53, x - q is a double and at most s 2^-53 (both operations are exact,
 * as in FastTwoSum), and every sum of the q is a multiple of s 2^-53 below s: a double. The next s is
 * twice what the rests together can be. */
#include "modules/reductions/extract.h"

#include <math.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "exact sums need IEEE's rules: build without -ffast-math"
#endif

#define LANES   8
#define DIGITS  53
#define LARGEST 0x1p1020 /* so that twice the power of two above has room */
/* Below this the error of a product may lie below all doubles. */
#define SAFE  0x1p-960
#define DEPTH 6 /* cuts at most */

typedef double lanes __attribute__((vector_size(8 * LANES)));
typedef int64_t masks __attribute__((vector_size(8 * LANES)));
typedef lanes unaligned __attribute__((aligned(8)));

#define SIGN ((masks){} | INT64_MAX)
#define EACH __attribute__((always_inline)) static inline
/* Over the cuts, so that they stay in registers; clang does it unasked. */
#ifdef __clang__
#define UNROLLED
#else
#define UNROLLED _Pragma("GCC unroll 6")
#endif

/* What was found in a block. */
typedef struct {
    double total; /* of the sizes, rounded; not finite where an element is not */
    double sums[DEPTH];
    bool rest;  /* not all bits have been summed */
    bool small; /* the error of a product may be below all doubles */
} found;

typedef enum { SUM, DOT } kind;

EACH double over_lanes(const lanes *all)
{
    double sum = 0;
    for (int i = 0; i < LANES; i++) {
        sum += (*all)[i];
    }
    return sum;
}

EACH void add_sizes(const double *x, int count, found *out)
{
    lanes sums = {};
    for (int i = 0; i < count; i += LANES) {
        sums += (lanes)((masks) * (const unaligned *)(x + i) & SIGN);
    }
    out->total = over_lanes(&sums);
}

/* The powers of two of the cuts. Where one would be too small it cuts behind the last bit of all. */
EACH void find_cuts(double total, kind what, int depth, double *cuts)
{
    enum {
        SUM_STEP = DIGITS - 11,
        DOT_STEP = DIGITS - 12
    }; /* 2^10 rests, or twice as many; doubled */
    int power = ilogb(total) + 2;
    for (int i = 0; i < depth; i++) {
        cuts[i] = ldexp(1, power < -1022 ? -1022 : power);
        power -= what == SUM ? SUM_STEP : DOT_STEP;
    }
}

EACH void conclude(const masks *rest, const lanes *sums, int depth, found *out)
{
    int64_t all = 0;
    for (int i = 0; i < LANES; i++) {
        all |= (*rest)[i] & INT64_MAX; /* zeros of both signs */
    }
    UNROLLED
    for (int d = 0; d < depth; d++) {
        out->sums[d] = over_lanes(&sums[d]);
    }
    out->rest = all != 0;
}

EACH void cut_sum(const double *x, int count, int depth, found *out)
{
    double cuts[DEPTH];
    lanes sums[DEPTH] = {}, at[DEPTH];
    masks rest = {};
    find_cuts(out->total, SUM, depth, cuts);
    UNROLLED
    for (int d = 0; d < depth; d++) {
        at[d] = (lanes){} + cuts[d];
    }
    for (int i = 0; i < count; i += LANES) {
        lanes left = *(const unaligned *)(x + i);
        __builtin_prefetch(x + i + PR_BLOCK);
        UNROLLED
        for (int d = 0; d < depth; d++) {
            lanes high = (at[d] + left) - at[d];
            left -= high;
            sums[d] += high;
        }
        rest |= (masks)left;
    }
    conclude(&rest, sums, depth, out);
}

/* The products and their errors. */
EACH void multiply(const double *x, const double *y, int count, double *high, double *low,
                   found *out)
{
    lanes sums = {};
    masks small = {};
    for (int i = 0; i < count; i += LANES) {
        lanes a = *(const unaligned *)(x + i), b = *(const unaligned *)(y + i), product = a * b;
        lanes size = (lanes)((masks)product & SIGN);
        sums += size;
        small |= size < SAFE;
        *(unaligned *)(high + i) = product;
        for (int j = 0; j < LANES; j++) {
            low[i + j] = __builtin_fma(x[i + j], y[i + j], -product[j]);
        }
    }
    out->total = over_lanes(&sums);
    out->small = false;
    for (int i = 0; i < LANES; i++) {
        out->small |= small[i] != 0;
    }
}

/* Where a block of products is from: while it is cut the next one comes. */
typedef struct {
    const double *x, *y;
} pairs;

/* The errors of the products are at most what the first cut leaves of them. */
EACH void cut_products(const pairs *block, const double *highs, const double *lows, int count,
                       int depth, found *out)
{
    double cuts[DEPTH];
    lanes sums[DEPTH] = {}, at[DEPTH];
    masks rest = {};
    find_cuts(out->total, DOT, depth, cuts);
    UNROLLED
    for (int d = 0; d < depth; d++) {
        at[d] = (lanes){} + cuts[d];
    }
    for (int i = 0; i < count; i += LANES) {
        __builtin_prefetch(block->x + i + PR_BLOCK);
        __builtin_prefetch(block->y + i + PR_BLOCK);
        lanes left = *(const unaligned *)(highs + i), error = *(const unaligned *)(lows + i);
        lanes first = (at[0] + left) - at[0];
        left -= first;
        sums[0] += first;
        UNROLLED
        for (int d = 1; d < depth; d++) {
            lanes high = (at[d] + left) - at[d], low = (at[d] + error) - at[d];
            left -= high;
            error -= low;
            sums[d] += high;
            sums[d] += low;
        }
        rest |= (masks)left | (masks)error;
    }
    conclude(&rest, sums, depth, out);
}

/* Both in one, for a depth that the compiler knows. */
EACH void sum_block(const double *x, int count, int depth, found *out)
{
    add_sizes(x, count, out);
    if (out->total > 0 && out->total < LARGEST) {
        if (depth == 2) {
            cut_sum(x, count, 2, out);
        } else {
            cut_sum(x, count, DEPTH, out);
        }
    }
}

EACH void dot_block(const double *x, const double *y, int count, int depth, found *out)
{
    const pairs block = {x, y};
    double highs[PR_BLOCK], lows[PR_BLOCK];
    multiply(x, y, count, highs, lows, out);
    if (out->total > 0 && out->total < LARGEST) {
        if (depth == 3) {
            cut_products(&block, highs, lows, count, 3, out);
        } else {
            cut_products(&block, highs, lows, count, DEPTH, out);
        }
    }
}

typedef struct {
    void (*sum)(const double *x, int count, int depth, found *out);
    void (*dot)(const double *x, const double *y, int count, int depth, found *out);
} kernels;

#define SUM_KERNEL(name, target)                                                                   \
    target static void sum_##name(const double *x, int count, int depth, found *out)               \
    {                                                                                              \
        sum_block(x, count, depth, out);                                                           \
    }
#define DOT_KERNEL(name, target)                                                                   \
    target static void dot_##name(const double *x, const double *y, int count, int depth,          \
                                  found *out)                                                      \
    {                                                                                              \
        dot_block(x, y, count, depth, out);                                                        \
    }
#define AVX2   __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f,avx512dq,avx2,fma")))
SUM_KERNEL(plain, )
#if defined __x86_64__
SUM_KERNEL(avx2, AVX2)
SUM_KERNEL(avx512, AVX512)
DOT_KERNEL(avx2, AVX2)
DOT_KERNEL(avx512, AVX512)
#elif defined __FP_FAST_FMA
DOT_KERNEL(plain, )
#endif
#undef SUM_KERNEL
#undef DOT_KERNEL

/* Without fused multiply-add in hardware the products are left to integers. */
static kernels find_kernels(void)
{
#if defined __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
        return (kernels){sum_avx512, dot_avx512};
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return (kernels){sum_avx2, dot_avx2};
    }
#elif defined __FP_FAST_FMA
    return (kernels){sum_plain, dot_plain};
#endif
    return (kernels){sum_plain, NULL};
}

/* Whether this thread rounds to nearest and keeps denormal numbers, which a library may have changed. */
static bool follows_ieee(void)
{
    volatile double one = 1, least = 0x1p-1074, normal = 0x1p-1022;
    return one + 0x1p-53 == one && -one - 0x1p-53 == -one && one + 0x1.8p-53 > one && least > 0 &&
           normal * 0.5 > 0;
}

/* How hard the blocks of one call have turned out to be. */
typedef struct {
    kernels kernels;
    int least;    /* cuts that are tried first */
    int deep;     /* so many blocks are cut as often as may be at once */
    int hopeless; /* so many go one by one without a try */
} course;

enum {
    MEMORY = 15,       /* blocks for which what was seen is believed */
    WORTH_A_BLOCK = 32 /* elements */
};

static void add_each(pr_exact *sum, const double *x, const double *y, size_t count)
{
    for (size_t i = 0; y && i < count; i++) {
        pr_exact_add_product(sum, x[i], y[i]);
    }
    for (size_t i = 0; !y && i < count; i++) {
        pr_exact_add(sum, x[i]);
    }
}

/* Whether a product that is small is no zero times something. */
static bool underflows(const double *x, const double *y, int count)
{
    bool any = false;
    for (int i = 0; i < count; i++) {
        any |= fabs(x[i] * y[i]) < SAFE && x[i] != 0 && y[i] != 0;
    }
    return any;
}

static bool run(const course *way, const double *x, const double *y, int count, int depth,
                found *out)
{
    if (y) {
        way->kernels.dot(x, y, count, depth, out);
    } else {
        way->kernels.sum(x, count, depth, out);
    }
    return out->total > 0 && out->total < LARGEST && !out->rest;
}

/* Zeros count by their signs, until there has been another than -0.0. */
static bool add_zeros(pr_exact *sum, const double *x, const double *y, int count)
{
    if (!(sum->flags & PR_EXACT_OTHER)) {
        add_each(sum, x, y, (size_t)count);
    }
    return true;
}

/* A block, of a multiple of LANES; false where its elements have to go one by one. */
static bool try_block(pr_exact *sum, const double *x, const double *y, int count, course *way)
{
    found all = {0};
    if (way->hopeless) {
        way->hopeless--;
        return false;
    }
    int depth = way->deep ? DEPTH : way->least;
    bool done = run(way, x, y, count, depth, &all);
    way->deep -= way->deep > 0;
    if (!done && all.rest && depth < DEPTH) {
        way->deep = MEMORY;
        depth = DEPTH;
        done = run(way, x, y, count, depth, &all);
    }
    bool exact = !all.small || !underflows(x, y, count);
    if (all.total == 0 && exact) {
        return add_zeros(sum, x, y, count);
    }
    if (!done || !exact) {
        way->hopeless = MEMORY;
        return false;
    }
    for (int d = 0; d < depth; d++) {
        pr_exact_add(sum, all.sums[d]);
    }
    sum->flags |= PR_EXACT_SEEN | PR_EXACT_OTHER;
    return true;
}

static size_t add_blocks(pr_exact *sum, const double *x, const double *y, size_t count, course *way)
{
    size_t at = 0;
    while (at + LANES <= count) {
        size_t left = (count - at) & ~(size_t)(LANES - 1);
        int some = left < PR_BLOCK ? (int)left : PR_BLOCK;
        if (!try_block(sum, x + at, y ? y + at : NULL, some, way)) {
            add_each(sum, x + at, y ? y + at : NULL, (size_t)some);
        }
        at += (size_t)some;
    }
    return at;
}

static void add(pr_exact *sum, const double *x, const double *y, size_t count)
{
    course way = {find_kernels(), y ? 3 : 2, 0, 0};
    bool fast = count >= WORTH_A_BLOCK && (!y || way.kernels.dot) && follows_ieee();
    size_t done = fast ? add_blocks(sum, x, y, count, &way) : 0;
    add_each(sum, x + done, y ? y + done : NULL, count - done);
}

void pr_extract_add(pr_exact *sum, const double *x, size_t count)
{
    add(sum, x, NULL, count);
}

void pr_extract_add_products(pr_exact *sum, const double *x, const double *y, size_t count)
{
    add(sum, x, y, count);
}
