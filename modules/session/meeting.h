/* The meeting: all ranks come together behind a statement.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_SESSION_MEETING_H
#define PYMPI_SESSION_MEETING_H

#include "modules/common/compat.h"

#include <stdbool.h>

/* Returns when every rank has come: the list of those that failed, or NULL with an exception set. Recovery
 * has been done then where there are any. Collective over the world. */
PyObject *ps_meeting_hold(bool failed);

#endif
