/* What other modules in C get of this one, by the capsule `_pympi_mpi._C_API`.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_API_H
#define PYMPI_MPI_API_H

#include "modules/common/trees.h"

#define PM_API_VERSION 2
#define PM_API_CAPSULE "_pympi_mpi._C_API"

/* Memory for MPI's own reduction; owner keeps both when the wait is broken. */
typedef struct {
    const void *from;
    void *to;
    Py_ssize_t count;
    MPI_Datatype type;
    MPI_Op op;
    PyObject *owner;
} pm_memory;

typedef struct {
    int version;
    /* The communicator behind a Comm, where the user's messages are; it stays the Comm's. 0, or -1 with an
     * exception set: TypeError for another object, mpi.Error for one that was freed. */
    int (*users)(PyObject *comm, MPI_Comm *users_p);
    /* Leaves the reduction of the ranks' cells in cells->mine, which may have changed places with theirs. At
     * most 4000 bytes a cell, as many on every rank. Collective over comm. 0, or -1 with an exception set. */
    int (*allreduce_cells)(PyObject *comm, const char *call, pc_tree_cells *cells,
                           pc_tree_combine combine, void *how);
    /* Memory of any size, by MPI. All ranks are known to be here with equal count, type and op: behind
     * allreduce_cells, say. Collective over comm. 0, or -1 with an exception set. */
    int (*allreduce)(PyObject *comm, const char *call, const pm_memory *memory);
} pm_api;

/* The table; NULL with an exception set. Imports the module, which starts MPI if need be. */
static inline const pm_api *pm_api_get(void)
{
    PyObject *module = PyImport_ImportModule("_pympi_mpi");
    Py_XDECREF(module);
    return module ? PyCapsule_Import(PM_API_CAPSULE, 0) : NULL;
}

#endif
