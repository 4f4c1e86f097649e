/* Programs along PATH.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_PATH_H
#define PYMPI_INTERP_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* Finds an executable file by its name along PATH, or takes the name as it is when it has a slash. */
bool pi_path_find(const char *name, char *found, size_t size);

#endif
