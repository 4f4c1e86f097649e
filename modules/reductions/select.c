/* Order statistics by digits.
 * SPDX-License-Identifier: MIT */
#include "modules/reductions/select.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SIGN (UINT64_C(1) << 63)

/* Negative numbers turn round: all their bits change; of the others only the sign. */
static inline uint64_t key_of(double number)
{
    uint64_t bits;
    number += 0.0; /* -0.0 becomes 0.0 */
    memcpy(&bits, &number, sizeof bits);
    return bits & SIGN ? ~bits : bits | SIGN;
}

static void count_rows(const pr_source *source, const pr_digits *digits, int64_t *counts)
{
    double room[PR_BLOCK];
    int above = digits->shift + digits->bits;
    uint64_t mask = (UINT64_C(1) << digits->bits) - 1;
    size_t column = 0;
    for (size_t at = 0; at < source->count; at += PR_BLOCK) {
        const double *x = pr_source_block(source, at, room);
        for (size_t i = 0; i < pr_source_length(source, at); i++) {
            uint64_t key = key_of(x[i]);
            for (size_t target = 0; target < digits->targets && x[i] == x[i]; target++) {
                size_t place = target * digits->columns + column;
                if (above == 64 || key >> above == digits->prefixes[place]) {
                    counts[place << digits->bits | (key >> digits->shift & mask)]++;
                }
            }
            column = column + 1 == digits->columns ? 0 : column + 1;
        }
    }
}

/* Of one target in one column: what does not have its prefix counts behind the digits, in place of a branch that
 * nobody could predict. Two tables, for neighbours often have the same digit. */
static void count_target(const double *x, size_t count, const pr_digits *digits, uint64_t prefix,
                         int64_t *tables)
{
    int shift = digits->shift, bits = digits->bits;
    bool all = shift + bits == 64;
    uint64_t outside = UINT64_C(1) << bits, mask = outside - 1;
    for (size_t i = 0; i < count; i++) {
        uint64_t start = key_of(x[i]) >> shift;
        bool here = (all || start >> bits == prefix) & (x[i] == x[i]);
        tables[(i & 1) * (outside + 1) + (here ? start & mask : outside)]++;
    }
}

static int count_column(const pr_source *source, const pr_digits *digits, int64_t *counts)
{
    double room[PR_BLOCK];
    size_t outside = (size_t)1 << digits->bits, table = 2 * (outside + 1);
    int64_t *tables = calloc(digits->targets * table + 1, sizeof *tables);
    if (!tables) {
        return -1;
    }
    for (size_t at = 0; at < source->count; at += PR_BLOCK) {
        const double *x = pr_source_block(source, at, room);
        for (size_t target = 0; target < digits->targets; target++) {
            count_target(x, pr_source_length(source, at), digits, digits->prefixes[target],
                         tables + target * table);
        }
    }
    for (size_t i = 0; i < digits->targets * outside; i++) {
        const int64_t *from = tables + i / outside * table + i % outside;
        counts[i] += from[0] + from[outside + 1];
    }
    free(tables);
    return 0;
}

int pr_select_count(const pr_source *source, const pr_digits *digits, int64_t *counts)
{
    if (digits->columns == 1) {
        return count_column(source, digits, counts);
    }
    count_rows(source, digits, counts);
    return 0;
}
