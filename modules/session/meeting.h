/* The meeting: all ranks come together behind a statement.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_SESSION_MEETING_H
#define PYMPI_SESSION_MEETING_H

#include "modules/common/compat.h"

#include <stdbool.h>

/* Waits for a request of the session's own. What a signal's handler raises is cleared. MPI's code. */
int ps_meeting_wait(MPI_Request *request, const char *call);

/* Returns when every rank has come: the list of those that failed, or NULL with an exception set. Recovery
 * has been done then where there are any. Collective over the world. */
PyObject *ps_meeting_hold(bool failed);

#endif
