/* Letting other threads run while MPI blocks.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_THREADS_H
#define PYMPI_MPI_THREADS_H

#include "modules/common/board.h"
#include "modules/common/compat.h"

typedef struct {
    PyThreadState *own; /* NULL: the GIL is still held */
    pc_board_wait wait;
} pm_threads;

/* For the few calls of MPI that block and have no nonblocking form: lets the GIL go where MPI allows other
 * threads, and notes the wait. The object stays where it is until it is taken back. */
void pm_threads_let_go(pm_threads *threads, const char *call);
void pm_threads_take_back(pm_threads *threads);

#endif
