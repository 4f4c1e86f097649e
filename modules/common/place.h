/* Where the user's program is: the innermost of its lines.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_PLACE_H
#define PYMPI_COMMON_PLACE_H

#include "modules/common/compat.h"

#define PC_PLACE_ROOM 120 /* bytes; of a longer path the end is kept */

typedef struct {
    char file[PC_PLACE_ROOM]; /* empty: there is no Python code */
    int line;
} pc_place;

/* The innermost line that is not of our own library. The GIL is held; an exception that is set stays. */
void pc_place_find(pc_place *place);

#endif
