/* What other modules in C get of this one, by the capsule `_pympi_mpi._C_API`.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_API_H
#define PYMPI_MPI_API_H

#include "modules/common/compat.h"

#define PM_API_VERSION 1
#define PM_API_CAPSULE "_pympi_mpi._C_API"

typedef struct {
    int version;
    /* The communicator behind a Comm, where the user's messages are; it stays the Comm's. 0, or -1 with an
     * exception set: TypeError for another object, mpi.Error for one that was freed. */
    int (*users)(PyObject *comm, MPI_Comm *users_p);
} pm_api;

/* The table; NULL with an exception set. Imports the module, which starts MPI if need be. */
static inline const pm_api *pm_api_get(void)
{
    PyObject *module = PyImport_ImportModule("_pympi_mpi");
    Py_XDECREF(module);
    return module ? PyCapsule_Import(PM_API_CAPSULE, 0) : NULL;
}

#endif
