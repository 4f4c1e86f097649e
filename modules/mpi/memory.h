/* Reductions of plain memory by operators of other modules in C; see api.h.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_MEMORY_H
#define PYMPI_MPI_MEMORY_H

#include "modules/mpi/api.h"

int pm_memory_allreduce_cells(PyObject *comm, const char *call, pc_tree_cells *cells,
                              pc_tree_combine combine, void *how);

int pm_memory_allreduce(PyObject *comm, const char *call, const pm_memory *memory);

#endif
