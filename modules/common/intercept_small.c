/* In front of MPI: small collectives, as trees on a twin of their communicator.
 * SPDX-License-Identifier: MIT */
#include "modules/common/intercept_small.h"

#include <stdlib.h>
#include <string.h>

#include "modules/common/intercept.h"
#include "modules/common/runtime.h"
#include "modules/common/trees.h"
#include "modules/common/twins.h"
#include "modules/common/wait.h"

#define SMALL 2048 /* bytes */
#define TAGS  32768

/* Waits for all ranks, who then make the twin. MPI's code. */
static int make_twin(MPI_Comm comm, pc_twin *twin, const char *call)
{
    MPI_Request request;
    pc_board_wait wait = {.call = call, .peer = PC_BOARD_NOBODY};
    int code = PMPI_Ibarrier(comm, &request);
    code = code == MPI_SUCCESS ? pc_intercept_finish(&request, MPI_STATUS_IGNORE, &wait) : code;
    return code == MPI_SUCCESS ? pc_twin_make(comm, twin) : code;
}

/* False, without an error: the collective has to go another way. */
static bool begin(pc_tree *tree, MPI_Comm comm, const char *call, int *code_p)
{
    int due;
    bool gates = pc_runtime_get()->statement != 0; /* then the native form follows: all are there */
    pc_twin *twin = !gates && pc_intercept_waits_together() ? pc_twin_next(comm, &due) : NULL;
    *code_p = twin && due ? make_twin(comm, twin, call) : MPI_SUCCESS;
    if (!twin || *code_p != MPI_SUCCESS) {
        return false;
    }
    *tree = (pc_tree){twin->comm, twin->rank,        twin->size, (int)(twin->begun % TAGS),
                      call,       pc_wait_code_plain};
    return true;
}

bool pc_small_barrier(MPI_Comm comm, int *code_p)
{
    pc_tree tree;
    if (!begin(&tree, comm, "MPI_Barrier", code_p)) {
        return *code_p != MPI_SUCCESS;
    }
    *code_p = pc_tree_barrier(&tree);
    return true;
}

static bool is_small(int count, MPI_Datatype type, size_t *size_p)
{
    int size;
    if (count < 0 || type == MPI_DATATYPE_NULL || PMPI_Type_size(type, &size) != MPI_SUCCESS) {
        return false; /* MPI has the words for it */
    }
    *size_p = (size_t)count * (size_t)size;
    return *size_p <= SMALL;
}

/* A rank of comm: other roots are MPI's to refuse. */
static bool is_rank(int root, MPI_Comm comm)
{
    int size;
    return comm != MPI_COMM_NULL && PMPI_Comm_size(comm, &size) == MPI_SUCCESS && root >= 0 &&
           root < size;
}

/* Equal sizes are all that MPI asks of the ranks' types here. */
bool pc_small_bcast(void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm,
                    int *code_p)
{
    pc_tree tree;
    size_t size;
    if (!is_small(count, type, &size) || !is_rank(root, comm)) {
        return false;
    }
    if (!begin(&tree, comm, "MPI_Bcast", code_p)) {
        return *code_p != MPI_SUCCESS;
    }
    *code_p = pc_tree_bcast(&tree, &(pc_tree_cells){buffer, NULL, count, type, count}, root);
    return true;
}

static int combine(const pc_tree_cells *cells, const void *left, void *right, void *how)
{
    return PMPI_Reduce_local(left, right, cells->count, cells->type, *(MPI_Op *)how);
}

/* What MPI would refuse, and types with gaps, are not for us. */
static bool can_reduce(int count, MPI_Datatype type, MPI_Op op, size_t *size_p)
{
    MPI_Aint low, extent;
    int commutes = 0;
    char none[1];
    return is_small(count, type, size_p) && op != MPI_OP_NULL &&
           PMPI_Type_get_extent(type, &low, &extent) == MPI_SUCCESS && low == 0 &&
           (size_t)extent * (size_t)count == *size_p &&
           PMPI_Op_commutative(op, &commutes) == MPI_SUCCESS && commutes &&
           PMPI_Reduce_local(none, none, 0, type, op) == MPI_SUCCESS;
}

/* The memories of a reduction on this rank: the result's if it has one, and ours. */
static bool get_cells(pc_tree_cells *cells, const void *out, void *in, size_t size, void **own_p)
{
    char *own = malloc(2 * size + 1);
    *own_p = own;
    if (!own) {
        return false;
    }
    cells->mine = in ? in : own + size;
    cells->theirs = own;
    if (out != MPI_IN_PLACE && size) {
        memcpy(cells->mine, out, size);
    }
    return true;
}

/* MPI may still send from memory that a broken wait left. */
static void put_cells(const pc_tree_cells *cells, void *in, size_t size, void *own, int code)
{
    if (in && code == MPI_SUCCESS && cells->mine != in && size) {
        memcpy(in, cells->mine, size);
    }
    if (code != PC_WAIT_BROKEN) {
        free(own);
    }
}

bool pc_small_reduce(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op, int root,
                     MPI_Comm comm, int *code_p)
{
    pc_tree tree;
    pc_tree_cells cells = {NULL, NULL, count, type, count};
    size_t size;
    void *own;
    if (!can_reduce(count, type, op, &size) || !is_rank(root, comm)) {
        return false;
    }
    if (!begin(&tree, comm, "MPI_Reduce", code_p)) {
        return *code_p != MPI_SUCCESS;
    }
    in = tree.rank == root ? in : NULL;
    *code_p = MPI_ERR_NO_MEM;
    if (get_cells(&cells, out, in, size, &own)) {
        *code_p = pc_tree_reduce(&tree, &cells, root, combine, &op);
        put_cells(&cells, in, size, own, *code_p);
    }
    return true;
}

bool pc_small_allreduce(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op,
                        MPI_Comm comm, int *code_p)
{
    pc_tree tree;
    pc_tree_cells cells = {NULL, NULL, count, type, count};
    size_t size;
    void *own;
    if (!can_reduce(count, type, op, &size)) {
        return false;
    }
    if (!begin(&tree, comm, "MPI_Allreduce", code_p)) {
        return *code_p != MPI_SUCCESS;
    }
    *code_p = MPI_ERR_NO_MEM;
    if (get_cells(&cells, out, in, size, &own)) {
        *code_p = pc_tree_allreduce(&tree, &cells, combine, &op);
        put_cells(&cells, in, size, own, *code_p);
    }
    return true;
}
