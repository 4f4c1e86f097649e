/* Messages between two ranks: Comm's send, ssend, recv, sendrecv, isend, irecv and the probes.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_MESSAGES_H
#define PYMPI_MPI_MESSAGES_H

#include "modules/mpi/collectives.h"

extern const char pm_comm_send_doc[], pm_comm_ssend_doc[], pm_comm_recv_doc[],
    pm_comm_sendrecv_doc[], pm_comm_isend_doc[], pm_comm_irecv_doc[];
PyObject *pm_comm_send(PM_BEGIN);
PyObject *pm_comm_ssend(PM_BEGIN);
PyObject *pm_comm_recv(PM_BEGIN);
PyObject *pm_comm_sendrecv(PM_BEGIN);
PyObject *pm_comm_isend(PM_BEGIN);
PyObject *pm_comm_irecv(PM_BEGIN);

#endif
