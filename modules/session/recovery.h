/* Recovery: behind a broken statement, nothing of it reaches the next.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_SESSION_RECOVERY_H
#define PYMPI_SESSION_RECOVERY_H

/* All ranks are in the meeting and know that the statement was broken. Collective over the world. 0, or -1
 * with an exception set. */
int ps_recovery_run(void);

#endif
