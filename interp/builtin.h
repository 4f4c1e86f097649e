/* The built-in modules, and the finders that show our Python library.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_BUILTIN_H
#define PYMPI_INTERP_BUILTIN_H

/* Before the interpreter starts: names the modules of the generated table. 0 or -1. */
int pi_builtin_add(void);

/* After it has started: runs boot.py, frozen into the executable. 0, or -1 with an exception set. */
int pi_builtin_boot(void);

#endif
