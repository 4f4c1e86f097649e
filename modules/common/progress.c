/* What goes on beside a wait.
 * SPDX-License-Identifier: MIT */
#include "modules/common/progress.h"

#include "modules/common/runtime.h"

int pc_progress_add(pc_progress_poll poll, void *what)
{
    pc_progress *table = pc_runtime_progress();
    if (table->count == PC_PROGRESS_MOST) {
        return -1;
    }
    table->polls[table->count] = poll;
    table->whats[table->count++] = what;
    return 0;
}

void pc_progress_remove(void *what)
{
    pc_progress *table = pc_runtime_progress();
    for (int i = 0; i < table->count; i++) {
        if (table->whats[i] == what) {
            table->count--;
            table->polls[i] = table->polls[table->count];
            table->whats[i] = table->whats[table->count];
            return;
        }
    }
}

void pc_progress_count(int change)
{
    pc_runtime_progress()->under_way += change;
}

bool pc_progress_due(void)
{
    return pc_runtime_progress()->under_way > 0;
}

void pc_progress_run(void)
{
    const pc_progress *table = pc_runtime_progress();
    for (int i = 0; pc_progress_due() && i < table->count; i++) {
        table->polls[i](table->whats[i]);
    }
}
