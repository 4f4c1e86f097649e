/* Fingerprints: what a rank asks of a collective, as far as all ranks have to ask the same.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_FINGERPRINT_H
#define PYMPI_MPI_FINGERPRINT_H

#include "modules/common/place.h"
#include "modules/mpi/work.h"

#define PM_FINGERPRINT_NONE INT64_MIN /* an argument that the verb has not, or was not given */

typedef struct {
    /* What has to agree, compared byte by byte. */
    char verb[24];
    char op[12]; /* its name; "callable"; empty: the verb has none */
    char
        type[44]; /* of a value that built-in operators combine: "number", "float64[3,4]", "list" */
    uint32_t hash; /* of the whole text of the type */
    int32_t commutes;
    int64_t root, axis, counts; /* counts: their hash */

    /* Who asks. */
    int32_t order; /* the rank in the communicator */
    int32_t rank;  /* in the world */
    pc_place place;
} pm_fingerprint;

/* That of this rank. */
void pm_fingerprint_take(pm_fingerprint *print, const pm_work *work);

bool pm_fingerprint_agrees(const pm_fingerprint *print, const pm_fingerprint *other);

/* "reduce(op=SUM, float64[3], root=1) at prog.py:12 on rank 0"; NULL with an exception set. */
PyObject *pm_fingerprint_show(const pm_fingerprint *print);

#endif
