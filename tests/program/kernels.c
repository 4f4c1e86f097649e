/* Blocks in vector registers against elements one by one: the same sums, to the last bit of the accumulator.
 * SPDX-License-Identifier: MIT
 *
 * Compiled with __builtin_cpu_supports defined away, it takes the kernels that this machine would not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modules/reductions/extract.h"

#define MOST 5000

typedef double make(void);

static double unit(void)
{
    return drand48() - 0.5;
}

static double near(void)
{
    return ldexp(unit(), (int)(drand48() * 60));
}

static double far(void)
{
    return ldexp(unit(), (int)(drand48() * 2090) - 1070);
}

static double tiny(void)
{
    return ldexp(unit(), -480 - (int)(drand48() * 100));
}

static double large(void)
{
    return ldexp(unit(), 1024 - (int)(drand48() * 3));
}

static double seldom(void)
{
    const double few[] = {0.0, -0.0, INFINITY, NAN, 1.0};
    return drand48() < 0.999 ? unit() : few[(int)(drand48() * 5)];
}

static double zero(void)
{
    return drand48() < 0.5 ? 0.0 : -0.0;
}

static int differ(pr_exact *one, pr_exact *other)
{
    pr_exact_settle(one);
    pr_exact_settle(other);
    return one->flags != other->flags ||
           memcmp(one->chunks, other->chunks, sizeof one->chunks) != 0;
}

static int check(const double *x, const double *y, size_t count)
{
    pr_exact sums[2] = {0}, products[2] = {0};
    pr_extract_add(&sums[0], x, count);
    pr_extract_add_products(&products[0], x, y, count);
    for (size_t i = 0; i < count; i++) {
        pr_exact_add(&sums[1], x[i]);
        pr_exact_add_product(&products[1], x[i], y[i]);
    }
    return differ(&sums[0], &sums[1]) + differ(&products[0], &products[1]);
}

int main(void)
{
    make *const kinds[] = {unit, near, far, tiny, large, seldom, zero};
    static double x[MOST], y[MOST];
    int wrong = 0, number = (int)(sizeof kinds / sizeof *kinds);
    for (int round = 0; round < 20 * number * number; round++) {
        size_t count = (size_t)(drand48() * MOST);
        for (size_t i = 0; i < count; i++) {
            x[i] = kinds[round % number]();
            y[i] = kinds[round / number % number]();
        }
        wrong += check(x, y, count);
    }
    printf("%d wrong\n", wrong);
    return wrong != 0;
}
