/* In front of MPI: small collectives, as trees on a twin of their communicator.
 * SPDX-License-Identifier: MIT
 *
 * MPI's nonblocking forms, which can be interrupted, cost twice what the blocking ones cost when little
 * is sent; trees of messages of our own cost the same. Each function is false when the collective
 * is not for it: then nothing has happened. All ranks are answered alike. */
#ifndef PYMPI_COMMON_INTERCEPT_SMALL_H
#define PYMPI_COMMON_INTERCEPT_SMALL_H

#include <stdbool.h>

#include "modules/common/compat.h"

bool pc_small_barrier(MPI_Comm comm, int *code_p);
bool pc_small_bcast(void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm,
                    int *code_p);
bool pc_small_reduce(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op, int root,
                     MPI_Comm comm, int *code_p);
bool pc_small_allreduce(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op,
                        MPI_Comm comm, int *code_p);

#endif
