/* A file that all ranks write, as one of them has it: what belongs together is kept until it is published.
 * SPDX-License-Identifier: MIT
 *
 * Every rank makes the same changes to a file's structure, each in its own HDF5, and keeps what HDF5 writes
 * of it in memory. One rank, the keeper, publishes it: first to a journal, then to the file. Elements of
 * datasets go to the file at once, from the rank that has them; what all ranks would write alike (fill
 * values) only the keeper writes, for the others are mute then. */
#ifndef PYMPI_H5_STORE_H
#define PYMPI_H5_STORE_H

#include "modules/h5/module.h"
#include "modules/h5/overlay.h"

#include <stdbool.h>

typedef struct ph_store {
    int refs; /* Python's object, and files that HDF5 has open on it */
    int fd;   /* owned */
    bool keeper, mute;
    bool fills;        /* what is written now goes where nothing was: zeros need no writing */
    bool reuses;       /* HDF5 gives space that was freed away again */
    bool touched;      /* elements have been written since the last sync */
    uint64_t end;      /* of what HDF5 has allocated */
    uint64_t physical; /* at least so long the file is, or will be when it is published */
    ph_overlay overlay;
    uint64_t bytes_read, bytes_written, reads, writes; /* of elements */
} ph_store;

int ph_store_setup(PyObject *module);

/* The store behind a Store; NULL with an exception set. Borrowed. */
ph_store *ph_store_get(ph_state *state, PyObject *object);

void ph_store_hold(ph_store *store);
void ph_store_let_go(ph_store *store);

/* Whole ranges at once; beyond the end there are zeros. 0, or -1 with errno. */
int ph_store_read_file(int fd, uint64_t at, void *bytes, size_t size);
int ph_store_write_file(int fd, uint64_t at, const void *bytes, size_t size);

#endif
