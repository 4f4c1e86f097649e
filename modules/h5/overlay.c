/* What has been written to a file but is kept in memory.
 * SPDX-License-Identifier: MIT */
#include "modules/h5/overlay.h"

#include <stdlib.h>
#include <string.h>

/* The place of the first page with this number or a higher one. */
static size_t find(const ph_overlay *overlay, uint64_t number)
{
    size_t low = 0, high = overlay->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (overlay->pages[middle]->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const ph_page *page_of(const ph_overlay *overlay, uint64_t number)
{
    size_t place = find(overlay, number);
    return place < overlay->count && overlay->pages[place]->number == number ? overlay->pages[place]
                                                                             : NULL;
}

static int make_room(ph_overlay *overlay)
{
    if (overlay->count < overlay->room) {
        return 0;
    }
    size_t room = overlay->room ? 2 * overlay->room : 16;
    ph_page **pages = realloc(overlay->pages, room * sizeof *pages);
    if (!pages) {
        return -1;
    }
    overlay->pages = pages;
    overlay->room = room;
    return 0;
}

static ph_page *make_page(ph_overlay *overlay, uint64_t number)
{
    ph_page *page = (ph_page *)page_of(overlay, number);
    if (page || make_room(overlay) < 0 || !(page = calloc(1, sizeof *page))) {
        return page;
    }
    size_t place = find(overlay, number);
    memmove(&overlay->pages[place + 1], &overlay->pages[place],
            (overlay->count - place) * sizeof(ph_page *));
    page->number = number;
    overlay->pages[place] = page;
    overlay->count++;
    return page;
}

static bool is_written(const ph_page *page, size_t byte)
{
    return page->written[byte / 64] >> (byte % 64) & 1;
}

/* The part of a range that lies in the page of its first byte. */
static size_t part_of(uint64_t at, size_t size)
{
    size_t rest = PH_PAGE - at % PH_PAGE;
    return size < rest ? size : rest;
}

int ph_overlay_write(ph_overlay *overlay, uint64_t at, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    while (size > 0) {
        size_t part = part_of(at, size), first = at % PH_PAGE;
        ph_page *page = make_page(overlay, at / PH_PAGE);
        if (!page) {
            return -1;
        }
        memcpy(page->bytes + first, from, part);
        for (size_t i = first; i < first + part; i++) {
            page->written[i / 64] |= (uint64_t)1 << (i % 64);
        }
        at += part;
        from += part;
        size -= part;
    }
    return 0;
}

void ph_overlay_read(const ph_overlay *overlay, uint64_t at, void *bytes, size_t size)
{
    uint8_t *to = bytes;
    while (size > 0) {
        size_t part = part_of(at, size), first = at % PH_PAGE;
        const ph_page *page = page_of(overlay, at / PH_PAGE);
        for (size_t i = 0; page && i < part; i++) {
            if (is_written(page, first + i)) {
                to[i] = page->bytes[first + i];
            }
        }
        at += part;
        to += part;
        size -= part;
    }
}

bool ph_overlay_has(const ph_overlay *overlay, uint64_t at, size_t size)
{
    while (size > 0) {
        size_t part = part_of(at, size), first = at % PH_PAGE;
        const ph_page *page = page_of(overlay, at / PH_PAGE);
        for (size_t i = 0; i < part; i++) {
            if (!page || !is_written(page, first + i)) {
                return false;
            }
        }
        at += part;
        size -= part;
    }
    return true;
}

static int each_run(const ph_page *page, ph_overlay_take take, void *what)
{
    size_t from = 0;
    int code = 0;
    while (from < PH_PAGE && code == 0) {
        size_t to = from;
        while (to < PH_PAGE && is_written(page, to)) {
            to++;
        }
        if (to > from) {
            code = take(what, page->number * PH_PAGE + from, page->bytes + from, to - from);
        }
        from = to + 1;
    }
    return code;
}

int ph_overlay_each(const ph_overlay *overlay, ph_overlay_take take, void *what)
{
    int code = 0;
    for (size_t i = 0; i < overlay->count && code == 0; i++) {
        code = each_run(overlay->pages[i], take, what);
    }
    return code;
}

void ph_overlay_clear(ph_overlay *overlay)
{
    for (size_t i = 0; i < overlay->count; i++) {
        free(overlay->pages[i]);
    }
    free(overlay->pages);
    *overlay = (ph_overlay){0};
}
