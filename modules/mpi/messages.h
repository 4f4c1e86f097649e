/* Messages between two ranks: Comm's send and recv.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_MESSAGES_H
#define PYMPI_MPI_MESSAGES_H

#include "modules/mpi/comm.h"

extern const char pm_comm_send_doc[], pm_comm_recv_doc[];
PyObject *pm_comm_send(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *pm_comm_recv(PyObject *self, PyObject *args, PyObject *keywords);

#endif
