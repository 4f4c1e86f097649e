/* The report of a failing job: each distinct traceback once, headed by its ranks.
 * SPDX-License-Identifier: MIT */
#include "interp/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interp/ranks.h"
#include "interp/text.h"

struct pi_report {
    int size;
    pi_text *texts;
    pi_text *places;
};

pi_report *pi_report_new(int size)
{
    pi_report *report = calloc(1, sizeof *report);
    pi_text *texts = calloc((size_t)size, sizeof *texts);
    pi_text *places = calloc((size_t)size, sizeof *places);
    if (!report || !texts || !places) {
        free(report);
        free(texts);
        free(places);
        return NULL;
    }
    *report = (pi_report){size, texts, places};
    return report;
}

void pi_report_free(pi_report *report)
{
    if (!report) {
        return;
    }
    for (int rank = 0; rank < report->size; rank++) {
        pi_text_fini(&report->texts[rank]);
        pi_text_fini(&report->places[rank]);
    }
    free(report->places);
    free(report->texts);
    free(report);
}

void pi_report_put(pi_report *report, int rank, const char *bytes, size_t count)
{
    pi_text_add(&report->texts[rank], bytes, count);
}

void pi_report_place(pi_report *report, int rank, const char *text, size_t length)
{
    pi_text_add(&report->places[rank], text, length);
}

static void add_heading(pi_text *page, const bool *group, int size)
{
    char rest[32];
    pi_text_add_string(page, "--- ");
    pi_ranks_title(page, group, size);
    snprintf(rest, sizeof rest, " of %d\n", size);
    pi_text_add_string(page, rest);
}

static bool same_text(const pi_text *a, const pi_text *b)
{
    return a->used == b->used && memcmp(a->bytes, b->bytes, a->used) == 0;
}

/* Marks the ranks that have the same text as the leader. */
static void mark_group(const pi_report *report, const pi_text *texts, int leader, bool *group)
{
    for (int rank = 0; rank < report->size; rank++) {
        group[rank] = texts[rank].used && same_text(&texts[rank], &texts[leader]);
    }
}

static void forget_group(const pi_report *report, pi_text *texts, const bool *group)
{
    for (int rank = 0; rank < report->size; rank++) {
        texts[rank].used = group[rank] ? 0 : texts[rank].used;
    }
}

/* Adds the leader's text for all ranks that wrote the same, and forgets it. */
static void add_group(pi_report *report, int leader, pi_text *page)
{
    bool group[report->size];
    pi_text text = report->texts[leader];
    mark_group(report, report->texts, leader, group);
    if (report->size > 1) {
        add_heading(page, group, report->size);
    }
    pi_text_add(page, text.bytes, text.used);
    if (text.bytes[text.used - 1] != '\n') {
        pi_text_add_string(page, "\n");
    }
    forget_group(report, report->texts, group);
}

/* Adds a line such as `    ranks 1-2: recv with rank 0 (x.py:3 in f)`. */
static void add_place(pi_report *report, int leader, pi_text *page)
{
    bool group[report->size];
    const pi_text *place = &report->places[leader];
    mark_group(report, report->places, leader, group);
    pi_text_add_string(page, "    ");
    pi_ranks_title(page, group, report->size);
    pi_text_add_string(page, ": ");
    pi_text_add(page, place->bytes, place->used);
    pi_text_add_string(page, "\n");
    forget_group(report, report->places, group);
}

static void add_places(pi_report *report, pi_text *page)
{
    bool any = false;
    for (int rank = 0; rank < report->size; rank++) {
        if (report->places[rank].used) {
            pi_text_add_string(page, any ? "" : "--- where the others were\n");
            add_place(report, rank, page);
            any = true;
        }
    }
}

void pi_report_write(pi_report *report)
{
    pi_text page = {0};
    for (int rank = 0; rank < report->size; rank++) {
        if (report->texts[rank].used) {
            add_group(report, rank, &page);
        }
    }
    add_places(report, &page);
    if (page.used) {
        pi_write_all(STDERR_FILENO, page.bytes, page.used);
    }
    pi_text_fini(&page);
}
