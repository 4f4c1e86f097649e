/* The collective verbs as methods of Comm: each one that waits, and its i… form, of the same work.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_VERBS_H
#define PYMPI_MPI_VERBS_H

#include "modules/mpi/collectives.h"

/* Each verb with its arguments, as Python shows them. */
#define PM_VERBS(VERB)                                                                             \
    VERB(barrier, "")                                                                              \
    VERB(bcast, ", obj=None, root=0, into=None")                                                   \
    VERB(scatter, ", items=None, root=0, axis=None, counts=None, into=None")                       \
    VERB(gather, ", obj, root=0, axis=None, into=None")                                            \
    VERB(allgather, ", obj, axis=None, into=None")                                                 \
    VERB(alltoall, ", items, axis=None, counts=None, into=None")                                   \
    VERB(reduce, ", value, op=SUM, root=0, into=None, commutative=False")                          \
    VERB(allreduce, ", value, op=SUM, into=None, commutative=False")                               \
    VERB(scan, ", value, op=SUM, into=None")                                                       \
    VERB(exscan, ", value, op=SUM, into=None")                                                     \
    VERB(reduce_scatter, ", items, op=SUM, axis=None, counts=None, into=None")

#define DECLARE(name, arguments)                                                                   \
    extern const char pm_comm_i##name##_doc[];                                                     \
    PyObject *pm_verb_##name(PM_BEGIN);                                                            \
    PyObject *pm_verb_i##name(PM_BEGIN);
PM_VERBS(DECLARE)
#undef DECLARE

#endif
