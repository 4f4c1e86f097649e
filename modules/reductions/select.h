/* Order statistics by digits: how many elements share the first digits of what is looked for.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_REDUCTIONS_SELECT_H
#define PYMPI_REDUCTIONS_SELECT_H

#include "modules/reductions/source.h"

/* The elements are rows of `columns`. A key is a float64's bits, turned so that keys are in the order of the
 * numbers; -0.0 has that of 0.0. In each column `targets` prefixes of keys are looked for: prefixes[target *
 * columns + column], all that is before the lowest shift + bits of their 64 bits. */
typedef struct {
    size_t columns;
    size_t targets;
    const uint64_t *prefixes;
    int shift;
    int bits;
} pr_digits;

/* Adds one to counts[place << bits | digit] for each element with the prefix at that place, the digit being the
 * `bits` bits above the lowest `shift`. NaN has no key. 0, or
 * -1 for want of memory. */
int pr_select_count(const pr_source *source, const pr_digits *digits, int64_t *counts);

#endif
