/* Failing together: how one rank's failure becomes the job's.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_TOGETHER_H
#define PYMPI_COMMON_TOGETHER_H

/* Heads the tracebacks of uncaught exceptions by their rank: wraps sys.excepthook unless the job has
 * one rank. Needs the GIL. 0, or -1 with an exception set. */
int pc_together_watch(void);

/* Lets the exit of this process end the job, if its status is not 0, and MPI. MPI has been started. */
void pc_together_start(void);

/* Ends the whole job with this status, which is not 0, and says so. Knows no Python. */
void pc_together_abort(int status) __attribute__((noreturn));

#endif
