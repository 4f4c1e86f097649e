/* Messages of bare memory, for peers that are not pympi: C, or mpi4py's Send and Recv.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_RAW_H
#define PYMPI_MPI_RAW_H

#include "modules/mpi/comm.h"

/* Sends the bytes of contiguous memory. 0 or -1. */
int pm_raw_send(pm_comm *comm, PyObject *memory, int dest, int tag, const char *call);

/* Receives bytes into contiguous memory that has room for them. A new reference to into, or NULL. */
PyObject *pm_raw_receive(pm_comm *comm, PyObject *into, int source, int tag, MPI_Status *status,
                         const char *call);

#endif
