/* How an exception that broke a wait of MPI's gets through mpi4py.
 * SPDX-License-Identifier: MIT
 *
 * mpi4py turns every code of MPI's into its own exception and forgets one that is set. So the class of
 * that exception is taught to raise, in place of itself, what broke the wait. */
#ifndef PYMPI_COMMON_BREAKOUT_H
#define PYMPI_COMMON_BREAKOUT_H

#include "modules/common/compat.h"

/* Keeps the exception that is set for mpi4py, which this thread returns to; with the GIL. It stays set
 * as well, for a caller that looks. */
void pc_breakout_prepare(void);

#endif
