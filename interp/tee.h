/* What a failing rank says reaches the job's stderr although its own leads to a file.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_TEE_H
#define PYMPI_INTERP_TEE_H

/* Remembers the present stderr as the job's; what comes in its place is the rank's own. */
void pi_tee_open(void);

/* From begin to end, stderr is kept; at the end it goes to both. Without open: nothing. */
void pi_tee_begin(void);
void pi_tee_end(void);

#endif
