/* Check: under --check ranks agree on what they ask of a collective before it begins.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_CHECK_H
#define PYMPI_MPI_CHECK_H

#include "modules/mpi/work.h"

/* The rounds in which all ranks of a collective hear of each other's fingerprints; then those of work->then
 * follow (NULL: none). All ranks raise mpi.CollectiveMismatch where two of them differ. */
int pm_check_next(pm_work *work);

/* Runs the check of work that is not run itself, and releases it (NULL: an exception is set): a collective
 * with a shorter way follows, which takes the same number. 0, or -1 with an exception set. spare: the
 * collective takes so many numbers more than work does. */
int pm_check_ahead(pm_work *work, unsigned spare);

#endif
