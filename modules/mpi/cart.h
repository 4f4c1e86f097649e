/* Cart: a communicator whose ranks are the points of a grid. Python: pympi.mpi.Cart.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_CART_H
#define PYMPI_MPI_CART_H

#include "modules/mpi/comm.h"

#define PM_CART_MOST 16 /* dimensions */

/* Where this rank is. MPI keeps it with the communicator. */
typedef struct {
    int count;
    int dims[PM_CART_MOST];
    int periods[PM_CART_MOST];
    int coords[PM_CART_MOST];
} pm_grid;

/* Asks MPI; -1 with an exception set. */
int pm_cart_read(const pm_comm *cart, pm_grid *grid, const char *call);

/* Comm's cart. */
extern const char pm_comm_cart_doc[];
PyObject *pm_comm_cart(PyObject *self, PyObject *args, PyObject *keywords);

/* A Cart as this one. Collective over cart, whose ranks are all here. */
PyObject *pm_cart_dup(pm_comm *cart);

#endif
