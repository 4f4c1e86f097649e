/* What the launcher itself says on stderr.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_REMARKS_H
#define PYMPI_INTERP_REMARKS_H

#include <stdbool.h>

#include "interp/text.h"

/* All zero but launcher is the beginning. */
typedef struct {
    pi_text line;   /* not ended yet */
    pi_text held;   /* remarks */
    bool boxed;     /* between the two rules of a box */
    pid_t launcher; /* who begins lines with "[host:its process id]" */
} pi_remarks;

/* Reads what is there. Open MPI puts its remarks into boxes between two rules, or behind its host and
 * process id: they are held; all else comes from ranks on other nodes and is passed on to stderr. 0 at
 * the end of the stream, else 1. */
int pi_remarks_read(pi_remarks *remarks, int fd);

/* Shows what is held: it is the only explanation there is. */
void pi_remarks_show(const pi_remarks *remarks);

void pi_remarks_fini(pi_remarks *remarks);

#endif
