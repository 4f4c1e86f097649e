/* Exact sums.
 * SPDX-License-Identifier: MIT */
#include "modules/reductions/exact.h"

#include <math.h>
#include <string.h>

#define DIGIT     32
#define LOW_DIGIT UINT64_C(0xffffffff)
/* An addition changes a chunk by less than 2^53, so a thousand of them stay within 63 bits. */
#define MOST_SPENT 1000

#define FRACTION UINT64_C(0x000fffffffffffff)
#define HIDDEN   UINT64_C(0x0010000000000000)

/* A finite double is fraction * 2^(exponent - BIAS). */
#define BIAS        1075
#define NOT_FINITE  0x7ff
#define DOUBLE_LAST 1074 /* the lowest bit of a double is 2^-1074 */
#define FLOAT_LAST  149

typedef struct {
    uint64_t fraction;
    int exponent; /* 0x7ff: not finite */
    bool negative;
} parts;

static parts take_apart(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7ff);
    parts all = {bits & FRACTION, exponent, bits >> 63};
    if (exponent) {
        all.fraction |= HIDDEN;
    } else {
        all.exponent = 1;
    }
    return all;
}

/* Without a branch, for signs come as they like. */
static int64_t signed_as(uint64_t size, bool negative)
{
    return (int64_t)((size ^ -(uint64_t)negative) + negative);
}

static void spend(pr_exact *sum)
{
    if (++sum->spent >= MOST_SPENT) {
        pr_exact_settle(sum);
    }
}

static void note(pr_exact *sum, double value)
{
    sum->flags |= isnan(value) ? PR_EXACT_NAN : value > 0 ? PR_EXACT_POSITIVE : PR_EXACT_NEGATIVE;
    sum->flags |= PR_EXACT_SEEN | PR_EXACT_OTHER;
}

/* A product that is zero or not finite keeps IEEE's rules for signs and NaN. */
static void note_zero(pr_exact *sum, double value)
{
    sum->flags |= signbit(value) ? PR_EXACT_SEEN : PR_EXACT_SEEN | PR_EXACT_OTHER;
}

void pr_exact_add(pr_exact *sum, double value)
{
    parts all = take_apart(value);
    if (all.exponent == NOT_FINITE) {
        note(sum, value);
        return;
    }
    if (!all.fraction) {
        note_zero(sum, value);
        return;
    }
    int place = all.exponent - BIAS + PR_EXACT_LOW, shift = place % DIGIT;
    int64_t *chunk = &sum->chunks[place / DIGIT];
    chunk[0] += signed_as(all.fraction << shift & LOW_DIGIT, all.negative);
    chunk[1] += signed_as(all.fraction >> (DIGIT - shift), all.negative);
    sum->flags |= PR_EXACT_SEEN | PR_EXACT_OTHER;
    spend(sum);
}

void pr_exact_add_product(pr_exact *sum, double x, double y)
{
    parts a = take_apart(x), b = take_apart(y);
    if (a.exponent == NOT_FINITE || b.exponent == NOT_FINITE) {
        note(sum, x * y);
        return;
    }
    if (!a.fraction || !b.fraction) {
        note_zero(sum, x * y);
        return;
    }
    unsigned __int128 product = (unsigned __int128)a.fraction * b.fraction;
    int place = a.exponent + b.exponent - 2 * BIAS + PR_EXACT_LOW, shift = place % DIGIT;
    int64_t *chunk = &sum->chunks[place / DIGIT];
    bool negative = a.negative != b.negative;
    /* 106 bits: the first piece is cut so that the others lie on digits. */
    chunk[0] += signed_as((uint64_t)product << shift & LOW_DIGIT, negative);
    product >>= DIGIT - shift;
    for (int i = 1; i < 5; i++, product >>= DIGIT) {
        chunk[i] += signed_as((uint64_t)product & LOW_DIGIT, negative);
    }
    sum->flags |= PR_EXACT_SEEN | PR_EXACT_OTHER;
    spend(sum);
}

bool pr_exact_add_words(pr_exact *sum, const uint32_t *words, int count, int first, bool negative)
{
    while (count && !words[count - 1]) {
        count--;
    }
    if (first < 0 || first + count > PR_EXACT_CHUNKS) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        sum->chunks[first + i] += signed_as(words[i], negative);
    }
    sum->flags |= PR_EXACT_SEEN | PR_EXACT_OTHER;
    spend(sum);
    return true;
}

void pr_exact_add_unsigned(pr_exact *sum, uint64_t value)
{
    const uint32_t words[] = {(uint32_t)value, (uint32_t)(value >> DIGIT)};
    pr_exact_add_words(sum, words, 2, PR_EXACT_LOW / DIGIT, false);
}

void pr_exact_add_integer(pr_exact *sum, int64_t value)
{
    uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
    const uint32_t words[] = {(uint32_t)size, (uint32_t)(size >> DIGIT)};
    pr_exact_add_words(sum, words, 2, PR_EXACT_LOW / DIGIT, value < 0);
}

void pr_exact_settle(pr_exact *sum)
{
    int64_t carry = 0;
    for (int i = 0; i < PR_EXACT_CHUNKS - 1; i++) {
        int64_t chunk = sum->chunks[i] + carry;
        carry = chunk >> DIGIT; /* rounds down, so that what stays is not negative */
        sum->chunks[i] = (int64_t)((uint64_t)chunk & LOW_DIGIT);
    }
    sum->chunks[PR_EXACT_CHUNKS - 1] += carry;
    sum->spent = 0;
}

void pr_exact_merge(const pr_exact *left, pr_exact *right)
{
    for (int i = 0; i < PR_EXACT_CHUNKS; i++) {
        right->chunks[i] += left->chunks[i];
    }
    right->flags |= left->flags;
    pr_exact_settle(right);
}

/* Bits [place, place + 64) of a settled sum that is not negative. place >= 0. */
static uint64_t bits_at(const pr_exact *sum, int place)
{
    int chunk = place / DIGIT, shift = place % DIGIT;
    unsigned __int128 bits = 0;
    for (int i = 0; i < 3 && chunk + i < PR_EXACT_CHUNKS; i++) {
        bits |= (unsigned __int128)(uint64_t)sum->chunks[chunk + i] << (DIGIT * i);
    }
    return (uint64_t)(bits >> shift);
}

static bool any_below(const pr_exact *sum, int place)
{
    int chunk = place / DIGIT;
    for (int i = 0; i < chunk; i++) {
        if (sum->chunks[i]) {
            return true;
        }
    }
    return ((uint64_t)sum->chunks[chunk] & ((UINT64_C(1) << place % DIGIT) - 1)) != 0;
}

/* The highest bit that is set; -1: the sum is zero. */
static int highest(const pr_exact *sum)
{
    int i = PR_EXACT_CHUNKS - 1;
    while (i >= 0 && !sum->chunks[i]) {
        i--;
    }
    return i < 0 ? -1 : DIGIT * i + 63 - __builtin_clzll((uint64_t)sum->chunks[i]);
}

/* A positive sum rounded to so many bits, of which none is below 2^-last. */
static double round_once(const pr_exact *sum, int bits, int last)
{
    int lowest = highest(sum) - (bits - 1), least = PR_EXACT_LOW - last;
    lowest = lowest < least ? least : lowest;
    uint64_t kept = bits_at(sum, lowest);
    bool half = bits_at(sum, lowest - 1) & 1;
    if (half && (kept & 1 || any_below(sum, lowest - 1))) {
        kept++;
    }
    return ldexp((double)kept, lowest - PR_EXACT_LOW);
}

static double negated(const pr_exact *sum, int bits, int last)
{
    pr_exact opposite;
    for (int i = 0; i < PR_EXACT_CHUNKS; i++) {
        opposite.chunks[i] = -sum->chunks[i];
    }
    pr_exact_settle(&opposite);
    return -round_once(&opposite, bits, last);
}

static double special(uint32_t flags)
{
    if (flags & PR_EXACT_NAN || (flags & PR_EXACT_POSITIVE && flags & PR_EXACT_NEGATIVE)) {
        return (double)NAN;
    }
    return flags & PR_EXACT_POSITIVE ? HUGE_VAL : -HUGE_VAL;
}

static double round_settled(const pr_exact *sum, int bits, int last)
{
    if (sum->chunks[PR_EXACT_CHUNKS - 1] < 0) {
        return negated(sum, bits, last);
    }
    if (highest(sum) < 0) {
        return (sum->flags & (PR_EXACT_SEEN | PR_EXACT_OTHER)) == PR_EXACT_SEEN ? -0.0 : 0.0;
    }
    return round_once(sum, bits, last);
}

static double rounded(const pr_exact *sum, int bits, int last)
{
    if (sum->flags & (PR_EXACT_NAN | PR_EXACT_POSITIVE | PR_EXACT_NEGATIVE)) {
        return special(sum->flags);
    }
    if (!sum->spent) {
        return round_settled(sum, bits, last);
    }
    pr_exact settled = *sum;
    pr_exact_settle(&settled);
    return round_settled(&settled, bits, last);
}

double pr_exact_double(const pr_exact *sum)
{
    return rounded(sum, 53, DOUBLE_LAST);
}

/* What has been rounded to 24 bits is a float, or beyond all of them. */
float pr_exact_float(const pr_exact *sum)
{
    return (float)rounded(sum, 24, FLOAT_LAST);
}
