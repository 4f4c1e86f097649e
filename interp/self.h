/* Where this executable is, and what lies beside it.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_SELF_H
#define PYMPI_INTERP_SELF_H

#include <stddef.h>

/* The executable's real path. 0, or -1 after one line on stderr. */
int pi_self_path(char *path, size_t size);

/* The executable as python3 would name it in sys.executable for this argv[0]: absolute, links not
 * followed, so that the environment it lies in stays known. */
void pi_self_name(const char *word, char *path, size_t size);

/* Said when that folder is not there. */
#define PI_SELF_NO_LIBRARY "libpympi.so is not in ../lib/pympi beside the executable"

/* The folder that holds libpympi.so and the Python library: ../lib/pympi beside the executable, in a
 * build tree, an installed one and a moved one alike. A copied executable (python -m venv --copies)
 * finds it by the home that its pyvenv.cfg names. NULL when it is not there. The text is static. */
const char *pi_self_library(void);

#endif
