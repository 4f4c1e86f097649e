/* Reductions of objects: reduce, allreduce, scan, exscan, reduce_scatter.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_REDUCE_H
#define PYMPI_MPI_REDUCE_H

#include "modules/mpi/collectives.h"

extern const char pm_reduce_doc[], pm_allreduce_doc[], pm_scan_doc[], pm_exscan_doc[],
    pm_reduce_scatter_doc[];
pm_work *pm_begin_reduce(PM_BEGIN);
pm_work *pm_begin_allreduce(PM_BEGIN);
pm_work *pm_begin_scan(PM_BEGIN);
pm_work *pm_begin_exscan(PM_BEGIN);
pm_work *pm_begin_reduce_scatter(PM_BEGIN);

/* The verbs that wait: numbers and arrays go by MPI's operators where all ranks' fit. */
PyObject *pm_comm_reduce(PM_BEGIN);
PyObject *pm_comm_allreduce(PM_BEGIN);
PyObject *pm_comm_reduce_scatter(PM_BEGIN);

#endif
