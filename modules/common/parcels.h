/* Parcels: the words that ranks exchange on deadlocks, on a communicator of their own.
 * SPDX-License-Identifier: MIT
 *
 * Nobody waits for them: they are sent and taken in passing. They need no Python. */
#ifndef PYMPI_COMMON_PARCELS_H
#define PYMPI_COMMON_PARCELS_H

#include "modules/common/compat.h"

#include <stdint.h>

typedef struct {
    int32_t kind;
    int32_t flag;
    uint64_t epoch;
    uint64_t count; /* of wants at the beginning of the body; a text follows them */
} pc_parcel_head;

typedef struct pc_parcel {
    struct pc_parcel *next;
    MPI_Request request;
    int peer; /* whom it goes to, or whom it comes from */
    int size; /* of the body, in bytes */
    pc_parcel_head head;
    char body[];
} pc_parcel;

typedef struct {
    pc_parcel *going;  /* until MPI has sent them */
    pc_parcel *coming; /* being received; NULL: none */
    pc_parcel *own;    /* to this rank itself */
} pc_parcels;

/* A parcel with room for so many bytes; NULL without memory. */
pc_parcel *pc_parcel_new(int kind, size_t size);

/* Sends it to a rank of the world, which may be this one. Takes it over; NULL is sent nowhere. */
void pc_parcel_send(pc_parcel *parcel, int peer);

/* The next that has come, to be freed; NULL: none. */
pc_parcel *pc_parcel_take(void);

/* Frees what has been sent. */
void pc_parcel_reap(void);

#endif
