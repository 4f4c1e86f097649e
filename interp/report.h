/* The report of a failing job: each distinct traceback once, headed by its ranks.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_REPORT_H
#define PYMPI_INTERP_REPORT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct pi_report pi_report;

pi_report *pi_report_new(int size);
void pi_report_free(pi_report *report);

/* Takes what a failing rank wrote to stderr. */
void pi_report_put(pi_report *report, int rank, const char *bytes, size_t count);

/* Takes where a rank was that did not fail itself. */
void pi_report_place(pi_report *report, int rank, const char *text, size_t length);

/* Writes what was taken since the last time to stderr. */
void pi_report_write(pi_report *report);

#endif
