/* h5py's own filter, "lzf": chunks by LibLZF, which is fast and packs little.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_H5_LZF_H
#define PYMPI_H5_LZF_H

#include "modules/h5/hdf5.h"

#define PH_LZF 32000 /* its number among HDF5's filters */

/* Has HDF5 know the filter, where LibLZF was there when pympi was built; negative: HDF5's error. */
herr_t ph_lzf_setup(void);

#endif
