/* The table by which the executable reaches libpympi.so.
 * SPDX-License-Identifier: MIT */
#include "modules/common/progress.h"
#include "modules/common/runtime.h"

#include <stdlib.h>

#include "modules/common/together.h"
#include "modules/common/twins.h"

static int world_rank(void)
{
    return pc_runtime_get()->rank;
}

static int world_size(void)
{
    return pc_runtime_get()->size;
}

static bool alone(void)
{
    return pc_runtime_get()->apps == 1;
}

/* Broadcasts in pieces that a count can hold. */
static int share_bytes(char *bytes, unsigned long long size)
{
    const unsigned long long most = 1 << 30;
    for (unsigned long long at = 0; at < size; at += most) {
        int count = (int)(size - at < most ? size - at : most);
        if (MPI_Bcast(bytes + at, count, MPI_BYTE, 0, MPI_COMM_WORLD) != MPI_SUCCESS) {
            return -1;
        }
    }
    return 0;
}

static int share(void **bytes_p, size_t *size_p)
{
    unsigned long long size = *size_p;
    if (MPI_Bcast(&size, 1, MPI_UNSIGNED_LONG_LONG, 0, MPI_COMM_WORLD) != MPI_SUCCESS) {
        return -1;
    }
    if (world_rank() != 0) {
        *bytes_p = malloc(size ? size : 1);
        *size_p = size;
    }
    return *bytes_p || !size ? share_bytes(*bytes_p, size) : -1;
}

static bool bundles(void)
{
    return pc_runtime_get()->bundle;
}

static void beside_waits(void (*call)(void *what), void *what)
{
    if (!call) {
        pc_progress_remove(what);
        pc_progress_count(-1);
    } else if (pc_progress_add(call, what) == 0) {
        pc_runtime_shown()->program = pthread_self(); /* the thread that may look aside */
        pc_progress_count(1);
    }
}

static const char *library_version(void)
{
    static char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(version, &length);
    return version;
}

/* A process that found MPI running leaves its end to whoever started it. */
static int start(const pc_start *how, char *why, size_t size)
{
    int running;
    MPI_Initialized(&running);
    if (pc_runtime_start(how, why, size) < 0) {
        return -1;
    }
    if (!running) {
        pc_together_start();
    }
    return pc_twins_start() == MPI_SUCCESS ? 0 : -1;
}

PC_EXPORT const pc_entry_table pc_entry = {
    .version = PC_ENTRY_VERSION,
    .start = start,
    .rank = world_rank,
    .size = world_size,
    .share = share,
    .alone = alone,
    .watch = pc_together_watch,
    .library_version = library_version,
    .bundles = bundles,
    .spread = pc_spread_run,
    .tell_node = pc_spread_tell,
    .beside_waits = beside_waits,
};
