/* Probes: what message waits, without receiving it. Comm's probe, iprobe, mprobe, improbe; Message.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_PROBE_H
#define PYMPI_MPI_PROBE_H

#include "modules/mpi/collectives.h"

extern const char pm_comm_probe_doc[], pm_comm_iprobe_doc[], pm_comm_mprobe_doc[],
    pm_comm_improbe_doc[];
PyObject *pm_comm_probe(PM_BEGIN);
PyObject *pm_comm_iprobe(PM_BEGIN);
PyObject *pm_comm_mprobe(PM_BEGIN);
PyObject *pm_comm_improbe(PM_BEGIN);

int pm_message_setup(PyObject *module);

#endif
