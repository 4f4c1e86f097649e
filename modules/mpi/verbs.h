/* The collective verbs as methods of Comm: each one that waits, and its i… form, of the same work.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_VERBS_H
#define PYMPI_MPI_VERBS_H

#include "modules/mpi/collectives.h"

#define PM_VERBS(VERB)                                                                             \
    VERB(barrier)                                                                                  \
    VERB(bcast)                                                                                    \
    VERB(scatter)                                                                                  \
    VERB(gather)                                                                                   \
    VERB(allgather)                                                                                \
    VERB(alltoall)                                                                                 \
    VERB(reduce)                                                                                   \
    VERB(allreduce)                                                                                \
    VERB(scan)                                                                                     \
    VERB(exscan)                                                                                   \
    VERB(reduce_scatter)

#define DECLARE(name)                                                                              \
    extern const char pm_comm_i##name##_doc[];                                                     \
    PyObject *pm_verb_##name(PM_BEGIN);                                                            \
    PyObject *pm_verb_i##name(PM_BEGIN);
PM_VERBS(DECLARE)
#undef DECLARE

#endif
