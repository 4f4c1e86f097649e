/* A grid's neighbours, and collectives among them.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_NEIGHBORS_H
#define PYMPI_MPI_NEIGHBORS_H

#include "modules/mpi/cart.h"

extern const char pm_cart_neighbors_doc[], pm_cart_neighbor_allgather_doc[],
    pm_cart_neighbor_alltoall_doc[];
PyObject *pm_cart_neighbors(PyObject *self, void *unused);
PyObject *pm_cart_neighbor_allgather(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *pm_cart_neighbor_alltoall(PyObject *self, PyObject *args, PyObject *keywords);

#endif
