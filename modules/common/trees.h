/* Small collectives as trees of messages between the ranks of a communicator.
 * SPDX-License-Identifier: MIT
 *
 * Each takes log2(size) steps. Only nonblocking calls are made, and all waiting is the caller's. All ranks
 * call the same with the same tag, count and type; what is on its way for a tag that was broken is never
 * taken for another's. */
#ifndef PYMPI_COMMON_TREES_H
#define PYMPI_COMMON_TREES_H

#include "modules/common/board.h"
#include "modules/common/compat.h"

/* Waits for all requests: MPI's code, or PC_WAIT_BROKEN. */
typedef int (*pc_tree_wait)(MPI_Request *requests, int count, const pc_board_wait *wait);

typedef struct {
    MPI_Comm comm;
    int rank, size;
    int tag;
    const char *call;
    pc_tree_wait wait;
} pc_tree;

/* Elements of one type; a second memory of the same size takes what comes. */
typedef struct {
    void *mine;
    void *theirs;
    int count; /* of mine, and of what this rank sends */
    MPI_Datatype type;
    int room; /* of theirs: what comes may be longer than what is sent */
} pc_tree_cells;

/* Makes *into = left op right, in place; left belongs to lower ranks. MPI's code. */
typedef int (*pc_tree_combine)(const pc_tree_cells *cells, const void *left, void *right,
                               void *how);

/* Returns when every rank has come. Dissemination (Hensgen, Finkel, Manber 1988). */
int pc_tree_barrier(const pc_tree *tree);

/* Gives every rank root's elements, in mine. A binomial tree. */
int pc_tree_bcast(const pc_tree *tree, const pc_tree_cells *cells, int root);

/* Leaves the reduction in mine on root, where mine and theirs may have changed places; elsewhere both
 * are spent. A binomial tree, in the order of the ranks from root on: for operators that commute. */
int pc_tree_reduce(const pc_tree *tree, pc_tree_cells *cells, int root, pc_tree_combine combine,
                   void *how);

/* Leaves the reduction in mine on every rank, the same bits, in rank order. Recursive doubling
 * (Thakur, Rabenseifner, Gropp 2005). */
int pc_tree_allreduce(const pc_tree *tree, pc_tree_cells *cells, pc_tree_combine combine,
                      void *how);

#endif
