/* Exact sums of all ranks, and whether their values go together.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_REDUCTIONS_COMBINE_H
#define PYMPI_REDUCTIONS_COMBINE_H

#include "modules/mpi/api.h"
#include "modules/reductions/exact.h"

#define PR_CELL_SUMS 2 /* a cell holds a complex number */

typedef enum { PR_NOTHING, PR_INTEGERS, PR_FLOATS, PR_COMPLEX } pr_family;

/* What went wrong, as all ranks raise it. */
typedef enum { PR_FINE, PR_TYPE, PR_VALUE, PR_OVERFLOW, PR_FAILED } pr_problem;

/* What a rank tells of its values. Two ranks' make that of both; the lowest rank's word comes first. */
typedef struct {
    uint16_t magic;
    uint8_t problem; /* pr_problem: text says what */
    uint8_t family;  /* pr_family */
    uint8_t weak;    /* Python's numbers: they go with every type of their family or a wider one */
    int32_t rank;    /* the lowest of those that said this */
    uint64_t count;  /* elements */
    char what[120];  /* what has to agree: type, shape, arguments. Empty: nothing to say */
    char text[480];
} pr_head;

/* Sums are sent when there are at most PR_CELL_SUMS; else the head alone. */
typedef struct {
    pr_head head;
    pr_exact sums[PR_CELL_SUMS];
} pr_cell;

void pr_head_init(pr_head *head, int rank);

/* Makes *head that of all ranks, and sums (settled; count of them) the sums of all, where there was no
 * problem: by the same collective where they fit into a cell. Otherwise sums are left as they are, for
 * pr_combine_large. Collective over comm. 0, or -1 with an exception set. */
int pr_combine(const pm_api *api, PyObject *comm, const char *call, pr_head *head, pr_exact *sums,
               Py_ssize_t count);

/* Many sums by one reduction of MPI's with an operator of ours, into `to`. The ranks agree on count. owner
 * keeps both memories. Collective over comm. 0, or -1 with an exception set. */
typedef struct {
    MPI_Datatype type; /* both NULL: not made yet */
    MPI_Op op;
} pr_native;

int pr_combine_large(const pm_api *api, PyObject *comm, const char *call, pr_native *native,
                     const pr_exact *from, pr_exact *to, Py_ssize_t count, PyObject *owner);

#endif
