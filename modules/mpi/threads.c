/* Letting other threads run while MPI blocks.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/threads.h"

#include "modules/common/runtime.h"

void pm_threads_let_go(pm_threads *threads, const char *call)
{
    bool many = pc_runtime_get()->threads == MPI_THREAD_MULTIPLE;
    threads->wait = (pc_board_wait){.call = call, .peer = PC_BOARD_NOBODY};
    pc_board_note(&threads->wait);
    threads->own = many ? PyEval_SaveThread() : NULL;
}

void pm_threads_take_back(pm_threads *threads)
{
    if (threads->own) {
        PyEval_RestoreThread(threads->own);
    }
    pc_board_note(NULL);
}
