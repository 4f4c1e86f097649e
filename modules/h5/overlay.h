/* What has been written to a file but is kept in memory: bytes at addresses.
 * SPDX-License-Identifier: MIT
 *
 * Pages in the order of their numbers; a bit a byte says which have been written. Knows neither Python nor
 * HDF5. */
#ifndef PYMPI_H5_OVERLAY_H
#define PYMPI_H5_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PH_PAGE 4096

typedef struct {
    uint64_t number;
    uint8_t bytes[PH_PAGE];
    uint64_t written[PH_PAGE / 64];
} ph_page;

typedef struct {
    ph_page **pages;
    size_t count, room;
} ph_overlay;

/* Keeps bytes. 0, or -1 without memory: what was kept may be part of them. */
int ph_overlay_write(ph_overlay *overlay, uint64_t at, const void *bytes, size_t size);

/* Puts what is kept over what was read from the file. */
void ph_overlay_read(const ph_overlay *overlay, uint64_t at, void *bytes, size_t size);

/* True when every byte there is kept. */
bool ph_overlay_has(const ph_overlay *overlay, uint64_t at, size_t size);

/* Calls take for each run of bytes that lies in one page, in order. The first code that is not 0, or 0. */
typedef int (*ph_overlay_take)(void *what, uint64_t at, const uint8_t *bytes, size_t size);
int ph_overlay_each(const ph_overlay *overlay, ph_overlay_take take, void *what);

/* Forgets all. */
void ph_overlay_clear(ph_overlay *overlay);

#endif
