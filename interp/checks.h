/* What is wrong with a job is said before it starts: once, and not by every rank.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_CHECKS_H
#define PYMPI_INTERP_CHECKS_H

#include "interp/options.h"

/* self: the executable as its user named it. 0, or the status to end with after one line on stderr. */
int pi_checks_run(const pi_options *options, const char *self);

#endif
