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
};

pi_report *pi_report_new(int size)
{
    pi_report *report = calloc(1, sizeof *report);
    pi_text *texts = calloc((size_t)size, sizeof *texts);
    if (!report || !texts) {
        free(report);
        free(texts);
        return NULL;
    }
    *report = (pi_report){size, texts};
    return report;
}

void pi_report_free(pi_report *report)
{
    if (!report) {
        return;
    }
    for (int rank = 0; rank < report->size; rank++) {
        pi_text_fini(&report->texts[rank]);
    }
    free(report->texts);
    free(report);
}

void pi_report_put(pi_report *report, int rank, const char *bytes, size_t count)
{
    pi_text_add(&report->texts[rank], bytes, count);
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

/* Adds the leader's text for all ranks that wrote the same, and forgets it. */
static void add_group(pi_report *report, int leader, pi_text *page)
{
    bool group[report->size];
    pi_text text = report->texts[leader];
    for (int rank = 0; rank < report->size; rank++) {
        group[rank] = report->texts[rank].used && same_text(&report->texts[rank], &text);
    }
    if (report->size > 1) {
        add_heading(page, group, report->size);
    }
    pi_text_add(page, text.bytes, text.used);
    if (text.bytes[text.used - 1] != '\n') {
        pi_text_add_string(page, "\n");
    }
    for (int rank = 0; rank < report->size; rank++) {
        if (group[rank]) {
            report->texts[rank].used = 0;
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
    if (page.used) {
        pi_write_all(STDERR_FILENO, page.bytes, page.used);
    }
    pi_text_fini(&page);
}
