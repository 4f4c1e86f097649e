/* How many elements are in each bin between edges.
 * SPDX-License-Identifier: MIT
 *
 * With even bins the place is computed and then corrected by the edges, which decide; else it is searched
 * for. No step is a branch, for elements come in no order. Neighbouring elements often are in the same bin,
 * so they count in eight tables: none waits for the other's store. */
#include "modules/reductions/histogram.h"

#include "modules/reductions/lanes.h"

#include <math.h>
#include <stdlib.h>

#define TABLES  8
#define OUTSIDE 2 /* places behind the last bin, for what is in none */

typedef int32_t four_places __attribute__((vector_size(16), aligned(4), may_alias));

typedef struct {
    double lower;
    double upper;
} limits;

/* How to get from values to bins. limits has a pair for each bin and place outside, at which nothing is corrected
 * but +inf, by one; scale is 0 where places cannot be computed. What is further from whole places than slack is in
 * the bin that its place says. */
typedef struct {
    limits *limits;
    const double *edges;
    size_t bins;
    double low;
    double high;
    double scale;
    double slack;
} finder;

/* How far from the formula's place an edge or the place of an element may be; +inf for edges that rounding has
 * moved by a quarter of a bin. */
static double slack_of(const finder *find, double scale)
{
    double slack = 0;
    for (size_t i = 0; i <= find->bins; i++) {
        double off = fabs((find->edges[i] - find->low) * scale - (double)i);
        slack = off > slack ? off : slack;
    }
    slack += (double)find->bins * 0x1p-50;
    return slack <= 0.25 ? slack : INFINITY;
}

static int make_finder(const pr_bins *bins, finder *find)
{
    *find = (finder){.edges = bins->edges,
                     .bins = bins->bins,
                     .low = bins->edges[0],
                     .high = bins->edges[bins->bins]};
    find->limits = malloc((bins->bins + OUTSIDE) * sizeof *find->limits);
    if (!find->limits) {
        return -1;
    }
    for (size_t i = 0; i < bins->bins; i++) {
        find->limits[i] = (limits){bins->edges[i], bins->edges[i + 1]};
    }
    find->limits[bins->bins - 1].upper = INFINITY; /* its right edge belongs to the last bin */
    find->limits[bins->bins] = find->limits[bins->bins + 1] = (limits){-INFINITY, INFINITY};
    double scale = (double)bins->bins / (find->high - find->low);
    if (bins->even && isfinite(scale)) {
        find->slack = slack_of(find, scale);
        find->scale = isfinite(find->slack) ? scale : 0;
    }
    return 0;
}

/* The last bin whose left edge is no larger than x. */
static inline size_t search(const finder *find, double x)
{
    size_t bin = 0;
    for (size_t left = find->bins; left > 1;) {
        size_t half = left / 2;
        bin += find->edges[bin + half] <= x ? half : 0;
        left -= half;
    }
    return bin;
}

static void places_by_search(const finder *find, const double *x, size_t count, int32_t *places)
{
    for (size_t i = 0; i < count; i++) {
        bool inside = x[i] >= find->low && x[i] <= find->high;
        places[i] = (int32_t)(inside ? search(find, x[i]) : find->bins);
    }
}

/* By the formula: they are off by one at most, and not at all where false is returned. */
PR_KERNEL bool places_by_scale(const finder *find, const double *x, size_t count, int32_t *places)
{
    double l = find->low, h = find->high, s = find->scale, o = (double)find->bins;
    double n = find->slack, f = 1 - n;
    pr_lanes low = {l, l, l, l}, high = {h, h, h, h}, scale = {s, s, s, s}, outside = {o, o, o, o};
    pr_lanes near = {n, n, n, n}, far = {f, f, f, f};
    pr_lane_bits doubt = {0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        pr_lanes v = *(const pr_lanes *)(x + i), place = (v - low) * scale;
        pr_lane_bits inside = (v >= low) & (v <= high), nowhere = ~inside;
        pr_lanes_take(&place, &nowhere, &outside);
        four_places whole = __builtin_convertvector(place, four_places);
        place -= __builtin_convertvector(whole, pr_lanes);
        doubt |= inside & ((place < near) | (place > far));
        *(four_places *)(places + i) = whole;
    }
    for (; i < count; i++) {
        bool inside = x[i] >= l && x[i] <= h;
        double place = inside ? (x[i] - l) * s : o;
        places[i] = (int32_t)place;
        doubt[0] |= -(int64_t)(inside && (place - places[i] < n || place - places[i] > f));
    }
    return doubt[0] | doubt[1] | doubt[2] | doubt[3];
}

static bool places_plain(const finder *find, const double *x, size_t count, int32_t *places)
{
    return places_by_scale(find, x, count, places);
}

PR_WIDE static bool places_wide(const finder *find, const double *x, size_t count, int32_t *places)
{
    return places_by_scale(find, x, count, places);
}

/* The edges decide. The right edge of all may have come to the place behind the last bin. */
static void correct(const finder *find, const double *x, size_t count, int32_t *places)
{
    int32_t last = (int32_t)find->bins - 1;
    for (size_t i = 0; i < count; i++) {
        places[i] -= places[i] > last && x[i] >= find->low && x[i] <= find->high;
        limits here = find->limits[places[i]];
        places[i] += (x[i] >= here.upper) - (x[i] < here.lower);
    }
}

static void find_places(const finder *find, const double *x, size_t count, int32_t *places)
{
    if (find->scale == 0) {
        places_by_search(find, x, count, places);
    } else if (pr_lanes_wide() ? places_wide(find, x, count, places)
                               : places_plain(find, x, count, places)) {
        correct(find, x, count, places);
    }
}

static void count_block(const finder *find, const double *x, size_t count, int64_t *tables)
{
    int32_t places[PR_BLOCK];
    size_t table = find->bins + OUTSIDE, i = 0;
    find_places(find, x, count, places);
    for (; i + TABLES <= count; i += TABLES) {
        tables[places[i]]++;
        tables[table + (size_t)places[i + 1]]++;
        tables[2 * table + (size_t)places[i + 2]]++;
        tables[3 * table + (size_t)places[i + 3]]++;
        tables[4 * table + (size_t)places[i + 4]]++;
        tables[5 * table + (size_t)places[i + 5]]++;
        tables[6 * table + (size_t)places[i + 6]]++;
        tables[7 * table + (size_t)places[i + 7]]++;
    }
    for (; i < count; i++) {
        tables[places[i]]++;
    }
}

int pr_histogram_count(const pr_source *source, const pr_bins *bins, int64_t *counts)
{
    finder find;
    double room[PR_BLOCK];
    size_t table = bins->bins + OUTSIDE;
    int64_t *tables = calloc(table * TABLES, sizeof *tables);
    if (!tables || make_finder(bins, &find) < 0) {
        free(tables);
        return -1;
    }
    for (size_t at = 0; at < source->count; at += PR_BLOCK) {
        count_block(&find, pr_source_block(source, at, room), pr_source_length(source, at), tables);
    }
    for (size_t i = 0; i < TABLES * table; i++) {
        if (i % table < bins->bins) {
            counts[i % table] += tables[i];
        }
    }
    free(find.limits);
    free(tables);
    return 0;
}

int pr_histogram_weigh(const pr_source *source, const pr_source *weights, const pr_bins *bins,
                       double *sums)
{
    finder find;
    double room[PR_BLOCK], weight_room[PR_BLOCK];
    int32_t places[PR_BLOCK];
    if (make_finder(bins, &find) < 0) {
        return -1;
    }
    for (size_t at = 0; at < source->count; at += PR_BLOCK) {
        size_t count = pr_source_length(source, at);
        const double *w = pr_source_block(weights, at, weight_room);
        find_places(&find, pr_source_block(source, at, room), count, places);
        for (size_t i = 0; i < count; i++) {
            if ((size_t)places[i] < bins->bins) {
                sums[places[i]] += w[i];
            }
        }
    }
    free(find.limits);
    return 0;
}
