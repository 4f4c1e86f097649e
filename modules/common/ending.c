/* A rank's end: what it has left under way goes on for the others.
 * SPDX-License-Identifier: MIT
 *
 * A part of a collective that a rank has begun and did not wait for may need code of Python's: when it left with
 * an exception, say, and told the others by i... verbs. So it stays until all have come to their ends; who has
 * nothing under way meets it behind Python's end, as MPI_Finalize would. Several applications of a job cannot
 * meet. Under --check ends are told to the judge, who then lets all go together. */
#include "modules/common/ending.h"

#include "modules/common/deadlock.h"
#include "modules/common/progress.h"
#include "modules/common/runtime.h"
#include "modules/common/trees.h"
#include "modules/common/wait.h"

#define CALL "the program's end"

static bool can_meet(void)
{
    const pc_runtime *runtime = pc_runtime_get();
    return pc_runtime_usable() && runtime->size > 1 && !runtime->check &&
           runtime->inner != MPI_COMM_NULL && !pc_runtime_ending_state()->met;
}

static int meet(pc_tree_wait wait)
{
    const pc_runtime *runtime = pc_runtime_get();
    const pc_tree tree = {runtime->inner,    runtime->rank, runtime->size,
                          runtime->tag_most, CALL,          wait};
    pc_runtime_ending_state()->met = true;
    return pc_tree_barrier(&tree);
}

int pc_ending_look_after(void)
{
    if (!pc_runtime_usable() || !pc_progress_due()) {
        return 0;
    }
    if (pc_runtime_get()->check) {
        pc_deadlock_finish(pc_progress_run);
        return 0;
    }
    return can_meet() && meet(pc_wait_code) == PC_WAIT_BROKEN ? -1 : 0;
}

void pc_ending_meet(void)
{
    if (can_meet()) {
        meet(pc_wait_code_plain);
    }
}
