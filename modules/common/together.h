/* Failing together: how one rank's failure becomes the job's.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_TOGETHER_H
#define PYMPI_COMMON_TOGETHER_H

/* Heads the tracebacks of uncaught exceptions by their rank: wraps sys.excepthook unless the job has
 * one rank. Needs the GIL. 0, or -1 with an exception set. */
int pc_together_watch(void);

/* Ends the job with this status, which is not 0. Does not return. Knows no Python. */
void pc_together_end(int status) __attribute__((noreturn));

#endif
