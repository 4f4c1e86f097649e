/* Sets of ranks in words.
 * SPDX-License-Identifier: MIT */
#include "interp/ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_run(pi_text *name, int first, int last)
{
    char run[40];
    if (first == last) {
        snprintf(run, sizeof run, "%s%d", name->used ? "," : "", first);
    } else {
        snprintf(run, sizeof run, "%s%d-%d", name->used ? "," : "", first, last);
    }
    pi_text_add_string(name, run);
}

void pi_ranks_name(pi_text *name, const bool *marked, int size)
{
    for (int rank = 0; rank < size; rank++) {
        int first = rank;
        if (marked[rank]) {
            while (rank + 1 < size && marked[rank + 1]) {
                rank++;
            }
            add_run(name, first, rank);
        }
    }
}

bool pi_ranks_read(const char *text, bool *marked, int size)
{
    memset(marked, false, (size_t)size);
    while (*text) {
        char *end;
        long first = strtol(text, &end, 10), last = first;
        if (end != text && *end == '-') {
            text = end + 1;
            last = strtol(text, &end, 10);
        }
        if (end == text || first < 0 || last < first || last >= size) {
            return false;
        }
        memset(marked + first, true, (size_t)(last - first) + 1);
        text = *end == ',' ? end + 1 : end;
        if (*end && *end != ',') {
            return false;
        }
    }
    return true;
}

void pi_ranks_title(pi_text *title, const bool *marked, int size)
{
    pi_text name = {0};
    int count = 0;
    for (int rank = 0; rank < size; rank++) {
        count += marked[rank];
    }
    if (count) {
        pi_ranks_name(&name, marked, size);
        pi_text_add_string(title, count == 1 ? "rank " : "ranks ");
        pi_text_add(title, name.bytes, name.used);
    }
    pi_text_fini(&name);
}
