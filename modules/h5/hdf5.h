/* The module's one door to HDF5, and the only place that knows its versions.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_H5_HDF5_H
#define PYMPI_H5_HDF5_H

#include "modules/common/compat.h"

#include <hdf5.h>

#if !H5_VERSION_GE(1, 10, 5)
#error "pympi needs HDF5 1.10.5 or later"
#endif

#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
/* What a driver's class begins with; values from 512 on are anybody's. */
#define PH_CLASS_HEAD .version = H5FD_CLASS_VERSION, .value = (H5FD_class_value_t)517,
#else
#define PH_CLASS_HEAD
#endif

#if H5_VERSION_GE(1, 12, 0)
typedef H5O_info1_t ph_object_info;
#else
typedef H5O_info_t ph_object_info;
#endif

#endif
