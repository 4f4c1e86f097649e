/* The kernels of the statistics, for lib/pympi/_statistics/.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_REDUCTIONS_STATISTICS_H
#define PYMPI_REDUCTIONS_STATISTICS_H

#include "modules/common/compat.h"

/* For the module's table of methods; ends with an empty one. */
extern PyMethodDef pr_statistics_methods[];

#endif
