/* In front of MPI: its blocking calls, for everybody in this process, lead to our waiting.
 * SPDX-License-Identifier: MIT
 *
 * libpympi.so is opened first and globally, so that mpi4py, petsc4py and other libraries find these
 * definitions before MPI's own. Each starts the nonblocking form of its call by MPI's profiling names
 * (PMPI_...) and waits in wait.c: it can be interrupted, gives way when it waits long, and is in the
 * report of a job that fails. --no-intercept leads straight to MPI. */
#ifndef PYMPI_COMMON_INTERCEPT_H
#define PYMPI_COMMON_INTERCEPT_H

#include <stdbool.h>

#include "modules/common/board.h"
#include "modules/common/compat.h"

/* True when calls are to wait here: MPI was started for this, and runs. */
bool pc_intercept_waits(void);

/* The same for collectives, which all ranks have to lead the same way: not when other programs, which
 * know nothing of this, are in the job. */
bool pc_intercept_waits_together(void);

/* In a session's statement, before a collective: its gate (gate.h). MPI_SUCCESS: all ranks enter it now, or
 * there is no gate; *gated_p says which. Then pc_intercept_behind() gets the collective's code. */
int pc_intercept_gate(MPI_Comm comm, const char *call, bool *gated_p);

/* The code of a collective behind its gate. */
int pc_intercept_behind(int code);

/* Waits for a request that was just started: MPI's code; what a broken wait leaves is
 * MPI's to finish. */
int pc_intercept_finish(MPI_Request *request, MPI_Status *status, const pc_board_wait *wait);

#endif
