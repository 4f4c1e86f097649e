/* Small collectives as trees of messages.
 * SPDX-License-Identifier: MIT */
#include "modules/common/trees.h"

#include <stdbool.h>

#include "modules/common/wait.h"

static int send(const pc_tree *tree, const pc_tree_cells *cells, int peer)
{
    MPI_Request request;
    pc_board_wait wait = {.call = tree->call, .peer = peer, .tag = tree->tag};
    int code =
        PMPI_Isend(cells->mine, cells->count, cells->type, peer, tree->tag, tree->comm, &request);
    return code != MPI_SUCCESS ? code : tree->wait(&request, 1, &wait);
}

/* A broken wait takes its receive back: nobody else may write here. */
static int finish_receive(const pc_tree *tree, MPI_Request *requests, int count, int peer)
{
    pc_board_wait wait = {.call = tree->call, .peer = peer, .tag = tree->tag};
    int code = tree->wait(requests, count, &wait);
    if (code == PC_WAIT_BROKEN && requests[0] != MPI_REQUEST_NULL) {
        PMPI_Cancel(&requests[0]);
        PMPI_Wait(&requests[0], MPI_STATUS_IGNORE);
    }
    return code;
}

static int receive(const pc_tree *tree, const pc_tree_cells *cells, void *into, int peer)
{
    MPI_Request request;
    int code = PMPI_Irecv(into, cells->room, cells->type, peer, tree->tag, tree->comm, &request);
    return code != MPI_SUCCESS ? code : finish_receive(tree, &request, 1, peer);
}

/* Sends mine to one rank while theirs comes from another. */
static int exchange(const pc_tree *tree, const pc_tree_cells *cells, int to, int from)
{
    MPI_Request requests[2];
    int code = PMPI_Irecv(cells->theirs, cells->room, cells->type, from, tree->tag, tree->comm,
                          &requests[0]);
    if (code == MPI_SUCCESS) {
        code = PMPI_Isend(cells->mine, cells->count, cells->type, to, tree->tag, tree->comm,
                          &requests[1]);
    }
    return code != MPI_SUCCESS ? code : finish_receive(tree, requests, 2, from);
}

int pc_tree_barrier(const pc_tree *tree)
{
    const pc_tree_cells nothing = {NULL, NULL, 0, MPI_BYTE, 0};
    int code = MPI_SUCCESS;
    for (int step = 1; step < tree->size && code == MPI_SUCCESS; step <<= 1) {
        code = exchange(tree, &nothing, (tree->rank + step) % tree->size,
                        (tree->rank - step + tree->size) % tree->size);
    }
    return code;
}

/* The lowest bit that is set: the distance to the parent. The root's is beyond the last rank. */
static int reach_of(int from_root, int size)
{
    int reach = 1;
    while (reach < size && !(from_root & reach)) {
        reach <<= 1;
    }
    return reach;
}

int pc_tree_bcast(const pc_tree *tree, const pc_tree_cells *cells, int root)
{
    int size = tree->size, from_root = (tree->rank - root + size) % size;
    int reach = reach_of(from_root, size), code = MPI_SUCCESS;
    if (from_root) {
        code = receive(tree, cells, cells->mine, (from_root - reach + root) % size);
    }
    for (reach >>= 1; reach > 0 && code == MPI_SUCCESS; reach >>= 1) {
        if (from_root + reach < size) {
            code = send(tree, cells, (from_root + reach + root) % size);
        }
    }
    return code;
}

/* mine = mine op theirs, or theirs op mine where theirs is of lower ranks. */
static int combine_in_order(pc_tree_cells *cells, bool theirs_first, pc_tree_combine combine,
                            void *how)
{
    if (theirs_first) {
        return combine(cells, cells->theirs, cells->mine, how);
    }
    void *sum = cells->theirs;
    int code = combine(cells, cells->mine, sum, how);
    cells->theirs = cells->mine;
    cells->mine = sum;
    return code;
}

int pc_tree_reduce(const pc_tree *tree, pc_tree_cells *cells, int root, pc_tree_combine combine,
                   void *how)
{
    int size = tree->size, from_root = (tree->rank - root + size) % size;
    int reach = reach_of(from_root, size), code = MPI_SUCCESS;
    for (int step = 1; step < reach && code == MPI_SUCCESS; step <<= 1) {
        if (from_root + step < size) {
            code = receive(tree, cells, cells->theirs, (from_root + step + root) % size);
            code = code == MPI_SUCCESS ? combine_in_order(cells, false, combine, how) : code;
        }
    }
    return code == MPI_SUCCESS && from_root ? send(tree, cells, (from_root - reach + root) % size)
                                            : code;
}

/* The ranks beyond a power of two give theirs to a neighbour first; the rest are numbered anew, in the
 * same order. -1: this rank waits for the result. */
static int fold_in(const pc_tree *tree, pc_tree_cells *cells, int beyond, pc_tree_combine combine,
                   void *how, int *number_p)
{
    int rank = tree->rank, code = MPI_SUCCESS;
    if (rank >= 2 * beyond) {
        *number_p = rank - beyond;
    } else if (rank % 2 == 0) {
        *number_p = -1;
        code = send(tree, cells, rank + 1);
    } else {
        *number_p = rank / 2;
        code = receive(tree, cells, cells->theirs, rank - 1);
        code = code == MPI_SUCCESS ? combine_in_order(cells, true, combine, how) : code;
    }
    return code;
}

static int fold_out(const pc_tree *tree, const pc_tree_cells *cells, int beyond)
{
    if (tree->rank >= 2 * beyond) {
        return MPI_SUCCESS;
    }
    return tree->rank % 2 ? send(tree, cells, tree->rank - 1)
                          : receive(tree, cells, cells->mine, tree->rank + 1);
}

int pc_tree_allreduce(const pc_tree *tree, pc_tree_cells *cells, pc_tree_combine combine, void *how)
{
    int power = 1, number;
    while (2 * power <= tree->size) {
        power *= 2;
    }
    int beyond = tree->size - power;
    int code = fold_in(tree, cells, beyond, combine, how, &number);
    for (int step = 1; step < power && number >= 0 && code == MPI_SUCCESS; step *= 2) {
        int other = number ^ step;
        int peer = other < beyond ? 2 * other + 1 : other + beyond;
        code = exchange(tree, cells, peer, peer);
        code = code == MPI_SUCCESS ? combine_in_order(cells, other < number, combine, how) : code;
    }
    return code == MPI_SUCCESS ? fold_out(tree, cells, beyond) : code;
}
