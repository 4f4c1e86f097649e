/* Publishing what a store keeps, so that a death at any moment leaves the file as it was or as it is to be.
 * SPDX-License-Identifier: MIT
 *
 * A journal holds all of it, with a checksum at the end. It is complete on the disk before the file is
 * touched; who finds a complete one applies it, and an incomplete one means that the file is as before. */
#ifndef PYMPI_H5_JOURNAL_H
#define PYMPI_H5_JOURNAL_H

#include "modules/h5/store.h"

/* 0, or -1 with errno. */
int ph_journal_write(const ph_store *store, int fd);

/* Puts what is kept into the file, the first page last, and forgets it. 0, or -1 with errno. */
int ph_journal_apply(ph_store *store);

/* Applies a journal to a file: 1, or 0 when it is not complete or another file's, or -1 with errno. */
int ph_journal_replay(int journal, int fd);

#endif
