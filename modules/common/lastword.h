/* Where a rank was when it was ended: its last word.
 * SPDX-License-Identifier: MIT
 *
 * SIGTERM ends a rank as it ends any Python, but first the rank says what it waits for and where its
 * program is. A program that takes SIGTERM itself keeps it. */
#ifndef PYMPI_COMMON_LASTWORD_H
#define PYMPI_COMMON_LASTWORD_H

#include "modules/common/compat.h"

/* Listens for SIGTERM; called by the thread that will run the program, with the GIL. 0, or -1 with an
 * exception set. */
int pc_lastword_start(void);

#endif
