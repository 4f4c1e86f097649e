/* What this rank waits for, for those who ask.
 * SPDX-License-Identifier: MIT */
#include "modules/common/board.h"

#include <pthread.h>
#include <stdio.h>

#include "modules/common/runtime.h"

void pc_board_note(const pc_board_wait *wait)
{
    pc_shown *shown = pc_runtime_shown();
    if (pthread_equal(shown->program, pthread_self())) {
        shown->wait = wait;
    }
}

/* snprintf of whole numbers and short texts takes no memory, so that a handler may call it. */
void pc_board_describe(char *text, size_t size)
{
    const pc_board_wait *wait = pc_runtime_shown()->wait;
    int length = snprintf(text, size, "%s", wait ? wait->call : "");
    if (!wait || wait->peer == PC_BOARD_NOBODY || length < 0 || (size_t)length >= size) {
        return;
    }
    text += length;
    size -= (size_t)length;
    if (wait->peer == MPI_ANY_SOURCE) {
        length = snprintf(text, size, " from any rank");
    } else {
        length = snprintf(text, size, " with rank %d", wait->peer);
    }
    bool own = wait->tag >= pc_runtime_get()->tag_half; /* of a collective's parts */
    if (wait->tag != MPI_ANY_TAG && !own && length > 0 && (size_t)length < size) {
        snprintf(text + length, size - (size_t)length, ", tag %d", wait->tag);
    }
}
