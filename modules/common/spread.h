/* Rank 0's bytes in the memory of every node, one copy a node.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_COMMON_SPREAD_H
#define PYMPI_COMMON_SPREAD_H

#include <stdbool.h>
#include <stddef.h>

/* What a rank sees of rank 0's bytes. They are read-only, and stay as long as the process;
 * rank 0, when it is alone on its node, sees its own. */
typedef struct {
    const void *bytes; /* NULL: there are none, on this rank */
    size_t size;
    bool first; /* of the ranks on this node */
    int ranks;  /* on this node */
} pc_spread;

/* Gives all ranks a view of rank 0's bytes. Collective over the world, of one application. 0, or -1 on
 * all ranks; on a rank that cannot look into its node's memory bytes are NULL. */
int pc_spread_run(const void *bytes, size_t size, pc_spread *spread_p);

/* Gives the ranks of a node the bytes of its first rank. Collective over the node, behind a spread that
 * went well. 0 or -1. */
int pc_spread_tell(void *bytes, int size);

#endif
