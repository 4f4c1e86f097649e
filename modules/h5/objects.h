/* Elements that point to memory of their own, as Python's objects.
 * SPDX-License-Identifier: MIT
 *
 * A text is bytes; a sequence is the bytes of its elements, or a list where those point too; a compound is a
 * tuple, an array a list; anything else is the bytes of the element. */
#ifndef PYMPI_H5_OBJECTS_H
#define PYMPI_H5_OBJECTS_H

#include "modules/h5/module.h"

/* Memory that places elements need until they have been written. */
typedef struct ph_arena {
    struct ph_arena *next;
} ph_arena;

void ph_arena_free(ph_arena *arena);

/* One element out of memory; NULL with an exception set. */
PyObject *ph_object_read(hid_t type, const char *memory);

/* One element into zeroed memory, which then points into value. -1 with an exception set. */
int ph_object_place(hid_t type, PyObject *value, char *memory, ph_arena **arena_p);

#endif
