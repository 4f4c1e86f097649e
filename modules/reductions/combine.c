/* Exact sums of all ranks.
 * SPDX-License-Identifier: MIT */
#include "modules/reductions/combine.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "modules/common/errors.h"

#define MAGIC 0x7278

void pr_head_init(pr_head *head, int rank)
{
    memset(head, 0, sizeof *head);
    head->magic = MAGIC;
    head->rank = rank;
}

/* 0: they do not go together; < 0: the left one's word holds, > 0: the right one's. */
static int choose(const pr_head *left, const pr_head *right)
{
    if (!*right->what || (*left->what && strcmp(left->what, right->what) == 0)) {
        return left->weak && !right->weak && *right->what ? 1 : -1;
    }
    if (!*left->what) {
        return 1;
    }
    if (left->weak && right->weak) {
        return left->family >= right->family ? -1 : 1;
    }
    if (left->weak != right->weak) {
        const pr_head *weak = left->weak ? left : right, *other = left->weak ? right : left;
        return weak->family > other->family ? 0 : other == left ? -1 : 1;
    }
    return 0;
}

static void combine_heads(const pr_head *left, pr_head *right)
{
    uint64_t count = left->count + right->count;
    int choice = choose(left, right);
    if (left->magic != MAGIC || right->magic != MAGIC) {
        right->problem = PR_FAILED;
        snprintf(right->text, sizeof right->text, "the ranks are in different collectives");
    } else if (left->problem || right->problem) {
        *right = left->problem ? *left : *right;
    } else if (choice < 0) {
        *right = *left;
    } else if (choice == 0) {
        right->problem = PR_TYPE;
        snprintf(right->text, sizeof right->text,
                 "the ranks' values do not go together: %s on rank %d, %s on rank %d", left->what,
                 (int)left->rank, right->what, (int)right->rank);
    }
    right->count = count;
}

/* A pc_tree_combine. What was combined is spent: see modules/mpi/numbers.c. */
static int combine_cells(const pc_tree_cells *cells, const void *left, void *right,
                         void *Py_UNUSED(how))
{
    const pr_cell *from = left;
    pr_cell *into = right;
    combine_heads(&from->head, &into->head);
    for (int i = 0; cells->count == (int)sizeof *into && i < PR_CELL_SUMS; i++) {
        pr_exact_merge(&from->sums[i], &into->sums[i]);
    }
    ((pr_cell *)left)->head.magic = 0;
    return MPI_SUCCESS;
}

int pr_combine(const pm_api *api, PyObject *comm, const char *call, pr_head *head, pr_exact *sums,
               Py_ssize_t count)
{
    pr_cell both[2];
    bool inside = count <= PR_CELL_SUMS;
    size_t size = (size_t)count * sizeof *sums;
    pc_tree_cells cells = {&both[0], &both[1], inside ? (int)sizeof *both : (int)sizeof *head,
                           MPI_BYTE, (int)sizeof *both};
    memset(both, 0, sizeof both);
    both[0].head = *head;
    if (inside && size) {
        memcpy(both[0].sums, sums, size);
    }
    if (api->allreduce_cells(comm, call, &cells, combine_cells, NULL) < 0) {
        return -1;
    }
    *head = ((pr_cell *)cells.mine)->head;
    if (inside && size) {
        memcpy(sums, ((pr_cell *)cells.mine)->sums, size);
    }
    return 0;
}

static void merge_all(void *left, void *right, int *count, MPI_Datatype *Py_UNUSED(type))
{
    for (int i = 0; i < *count; i++) {
        pr_exact_merge((const pr_exact *)left + i, (pr_exact *)right + i);
    }
}

static int make_native(pr_native *native)
{
    if (native->op) {
        return MPI_SUCCESS;
    }
    int code = MPI_Type_contiguous((int)sizeof(pr_exact), MPI_BYTE, &native->type);
    code = code == MPI_SUCCESS ? MPI_Type_commit(&native->type) : code;
    return code == MPI_SUCCESS ? MPI_Op_create(merge_all, 1, &native->op) : code;
}

int pr_combine_large(const pm_api *api, PyObject *comm, const char *call, pr_native *native,
                     const pr_exact *from, pr_exact *to, Py_ssize_t count, PyObject *owner)
{
    if (pc_error_check(call, make_native(native)) < 0) {
        return -1;
    }
    pm_memory memory = {from, to, count, native->type, native->op, owner};
    return api->allreduce(comm, call, &memory);
}
