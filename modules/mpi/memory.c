/* Reductions of plain memory by operators of other modules in C.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/memory.h"

#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/common/wait.h"
#include "modules/mpi/check.h"
#include "modules/mpi/interop.h"
#include "modules/mpi/native.h"

/* A communicator with collectives; NULL with an exception set. */
static pm_comm *find_comm(PyObject *object, const char *call)
{
    MPI_Comm users;
    pm_comm *comm = (pm_comm *)object;
    if (pm_interop_users(object, &users) < 0) {
        return NULL;
    }
    if (comm->inner == MPI_COMM_NULL) {
        pm_comm_no_collectives(comm, call);
        return NULL;
    }
    return comm;
}

int pm_memory_allreduce_cells(PyObject *object, const char *call, pc_tree_cells *cells,
                              pc_tree_combine combine, void *how)
{
    pm_comm *comm = find_comm(object, call);
    if (!comm || (comm->checked && pm_check_ahead(pm_work_collective(comm, call, NULL), 0) < 0)) {
        return -1;
    }
    pc_tree tree = {comm->inner, comm->rank,  comm->size, pc_runtime_collective_tag(comm->sequence),
                    call,        pc_wait_code};
    comm->sequence++;
    return pc_error_check(call, pc_tree_allreduce(&tree, cells, combine, how));
}

int pm_memory_allreduce(PyObject *object, const char *call, const pm_memory *memory)
{
    pm_comm *comm = find_comm(object, call);
    return !comm ? -1
                 : pm_native_reduce(comm, memory->from, memory->to, memory->count, memory->type,
                                    memory->op, -1, memory->owner, call);
}
