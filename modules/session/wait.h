/* Waiting for a request of the session's own, which nothing may break.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_SESSION_WAIT_H
#define PYMPI_SESSION_WAIT_H

#include "modules/common/compat.h"

/* What a signal's handler raises meanwhile is cleared. MPI's code. */
int ps_wait(MPI_Request *request, const char *call);

#endif
