/* Files of the bundle in a folder of the node's memory, for what can only be loaded from a file.
 * SPDX-License-Identifier: MIT
 *
 * The folder is one job's on one node. Every rank there holds a lock on it; the last one that ends
 * removes it, else the next job of the same user (scratch.h). */
#ifndef PYMPI_INTERP_STAGE_H
#define PYMPI_INTERP_STAGE_H

#include <stddef.h>

#define PI_STAGE_NAME 64

/* The files: strings "offset size /path", each with its end; offsets are into bytes. Behind them, as "/path",
 * what is to be a link to itself. */
typedef struct {
    const char *table;
    size_t table_size;
    const char *bytes;
    size_t size;
} pi_stage_files;

/* Writes the files below a folder of its own, each under its whole path. NULL; or why there is none, as
 * where there is no room, or where what lies there cannot be run: folder is empty then. */
const char *pi_stage_write(const pi_stage_files *files, char folder[PI_STAGE_NAME]);

/* Holds a folder that another rank has written, until this process ends. 0; or -1 when it is none that
 * only this user could have made. */
int pi_stage_hold(const char *folder);

#endif
