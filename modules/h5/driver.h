/* HDF5's way to a store: a driver of its own.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_H5_DRIVER_H
#define PYMPI_H5_DRIVER_H

#include "modules/h5/store.h"

const H5FD_class_t *ph_driver_class(void);

/* Files that are opened with this list are the store. HDF5's code. */
herr_t ph_driver_set(hid_t list, hid_t driver, ph_store *store);

#endif
