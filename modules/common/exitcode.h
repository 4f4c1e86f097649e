/* The status that sys.exit() gives a rank, seen before Python waits for its threads.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_EXITCODE_H
#define PYMPI_COMMON_EXITCODE_H

/* Calls ending with the status, 0 to 255, when Python is about to end by a SystemExit that nobody caught.
 * Needs the GIL. 0, or -1 with an exception set. */
int pc_exitcode_watch(void (*ending)(int status));

#endif
