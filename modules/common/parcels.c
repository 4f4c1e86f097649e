/* Parcels: the words that ranks exchange on deadlocks.
 * SPDX-License-Identifier: MIT */
#include "modules/common/parcels.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>

#include "modules/common/runtime.h"

#define TAG 1

pc_parcel *pc_parcel_new(int kind, size_t size)
{
    pc_parcel *parcel = size < INT_MAX / 2 ? calloc(1, sizeof *parcel + size) : NULL;
    if (parcel) {
        parcel->head.kind = kind;
        parcel->size = (int)size;
        parcel->request = MPI_REQUEST_NULL;
    }
    return parcel;
}

/* The queue to oneself keeps its order. */
static void keep_own(pc_parcels *parcels, pc_parcel *parcel)
{
    pc_parcel **link = &parcels->own;
    while (*link) {
        link = &(*link)->next;
    }
    parcel->next = NULL;
    *link = parcel;
}

void pc_parcel_send(pc_parcel *parcel, int peer)
{
    const pc_runtime *runtime = pc_runtime_get();
    pc_parcels *parcels = pc_runtime_parcels();
    if (!parcel) {
        return;
    }
    parcel->peer = peer;
    if (peer == runtime->rank) {
        keep_own(parcels, parcel);
    } else if (PMPI_Isend(&parcel->head, (int)sizeof parcel->head + parcel->size, MPI_BYTE, peer,
                          TAG, runtime->control, &parcel->request) == MPI_SUCCESS) {
        parcel->next = parcels->going;
        parcels->going = parcel;
    } else {
        free(parcel);
    }
}

/* Begins to receive what has come. */
static void begin(pc_parcels *parcels)
{
    MPI_Message message;
    MPI_Status status;
    int found = 0, size = 0;
    if (PMPI_Improbe(MPI_ANY_SOURCE, TAG, pc_runtime_get()->control, &found, &message, &status) !=
            MPI_SUCCESS ||
        !found) {
        return;
    }
    PMPI_Get_count(&status, MPI_BYTE, &size);
    pc_parcel *parcel = pc_parcel_new(0, (size_t)size - sizeof parcel->head);
    if (parcel) {
        parcel->peer = status.MPI_SOURCE;
        PMPI_Imrecv(&parcel->head, size, MPI_BYTE, &message, &parcel->request);
        parcels->coming = parcel;
    }
}

pc_parcel *pc_parcel_take(void)
{
    pc_parcels *parcels = pc_runtime_parcels();
    pc_parcel *parcel = parcels->own;
    int done = 0;
    if (parcel) {
        parcels->own = parcel->next;
        return parcel;
    }
    if (!parcels->coming && pc_runtime_get()->size > 1) {
        begin(parcels);
    }
    parcel = parcels->coming;
    if (parcel && PMPI_Test(&parcel->request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done) {
        parcels->coming = NULL;
        return parcel;
    }
    return NULL;
}

void pc_parcel_reap(void)
{
    pc_parcel **link = &pc_runtime_parcels()->going;
    while (*link) {
        pc_parcel *parcel = *link;
        int done = 0;
        PMPI_Test(&parcel->request, &done, MPI_STATUS_IGNORE);
        if (done) {
            *link = parcel->next;
            free(parcel);
        } else {
            link = &parcel->next;
        }
    }
}
