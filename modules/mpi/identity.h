/* Which communicator it is: Comm's equality, hash, name, handle, node; no pickling.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_IDENTITY_H
#define PYMPI_MPI_IDENTITY_H

#include "modules/mpi/comm.h"

PyObject *pm_comm_compare(PyObject *self, PyObject *other, int operation);
Py_hash_t pm_comm_hash(PyObject *self);

PyObject *pm_comm_name(PyObject *self, void *unused);
int pm_comm_set_name(PyObject *self, PyObject *name, void *unused);
PyObject *pm_comm_handle(PyObject *self, void *unused);
PyObject *pm_comm_node(PyObject *self, void *unused);

extern const char pm_comm_name_doc[], pm_comm_handle_doc[], pm_comm_node_doc[],
    pm_comm_reduce_pickle_doc[];
PyObject *pm_comm_reduce_pickle(PyObject *self, PyObject *unused);

#endif
