/* The collective verbs as methods of Comm: each one that waits, and its i… form, of the same work.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_VERBS_H
#define PYMPI_MPI_VERBS_H

#include "modules/mpi/collectives.h"

/* Each verb with its arguments, as help() shows them: Python takes a signature out of the docstring where
 * it knows the values, which it does not know SUM to be. */
#define PM_VERBS(VERB)                                                                             \
    VERB(barrier, "($self, /)\n--\n\n")                                                            \
    VERB(bcast, "($self, /, obj=None, root=0, into=None)\n--\n\n")                                 \
    VERB(scatter, "($self, /, items=None, root=0, axis=None, counts=None, into=None)\n--\n\n")     \
    VERB(gather, "($self, /, obj, root=0, axis=None, into=None)\n--\n\n")                          \
    VERB(allgather, "($self, /, obj, axis=None, into=None)\n--\n\n")                               \
    VERB(alltoall, "($self, /, items, axis=None, counts=None, into=None)\n--\n\n")                 \
    VERB(reduce, "(value, op=SUM, root=0, into=None, commutative=False)\n\n")                      \
    VERB(allreduce, "(value, op=SUM, into=None, commutative=False)\n\n")                           \
    VERB(scan, "(value, op=SUM, into=None)\n\n")                                                   \
    VERB(exscan, "(value, op=SUM, into=None)\n\n")                                                 \
    VERB(reduce_scatter, "(items, op=SUM, axis=None, counts=None, into=None)\n\n")

#define DECLARE(name, arguments)                                                                   \
    extern const char pm_comm_i##name##_doc[];                                                     \
    PyObject *pm_verb_##name(PM_BEGIN);                                                            \
    PyObject *pm_verb_i##name(PM_BEGIN);
PM_VERBS(DECLARE)
#undef DECLARE

#endif
