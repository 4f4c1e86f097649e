/* A letter: one value on its way, as the bytes of its message and the memories that follow it.
 * SPDX-License-Identifier: MIT
 *
 * The bytes are a header, a body, the sizes of the parts, and small parts themselves. They go out in an
 * envelope, a message of limited size that a receiver is always ready for; bytes that do not fit, and
 * large parts, follow as messages of their own. Parts are memories of the value and are not copied. A
 * letter is an object so that what MPI still reads after a broken wait can be kept.
 * modules/mpi/README.md has the layout. */
#ifndef PYMPI_MPI_LETTER_H
#define PYMPI_MPI_LETTER_H

#include "modules/mpi/module.h"

#include <stdbool.h>
#include <stdint.h>

#define PM_LETTER_MAGIC   0x504d
#define PM_LETTER_VERSION 2
#define PM_ENVELOPE       4000 /* bytes at most: what MPI's shared memory sends at once */

typedef enum {
    PM_KIND_PACKED = 1, /* body: packed value */
    PM_KIND_BYTES,      /* part: the bytes */
    PM_KIND_BYTEARRAY,  /* part: the bytes */
    PM_KIND_MEMORY,     /* body: packed (format, shape); part: the memory */
    PM_KIND_ARRAY,      /* body: pm_array_form; part: the elements */
    PM_KIND_RECORD,     /* body: packed (dtype, shape, order); part: the elements */
    PM_KIND_PICKLE,     /* body: pickle; parts: its buffers */
    PM_KIND_FAILED,     /* body: packed text; the sender could not make its value */
} pm_kind;

typedef struct {
    uint16_t magic;
    uint8_t version;
    uint8_t kind;
    uint8_t apart; /* the parts follow in messages of their own */
    uint8_t
        longer; /* the envelope has the header alone, and all the bytes follow before the parts */
    uint8_t space; /* of the parts' memory: 0, the host's */
    uint8_t unused;
    uint32_t parts;
    uint32_t first_part; /* the sender's number of the first message that follows */
    int32_t source;      /* the rank in the world that made it */
    uint32_t statement;  /* of the session; 0 in scripts */
    uint64_t body;       /* bytes */
    uint64_t length;     /* of all bytes, this header's too */
} pm_header;

typedef struct {
    PyObject_HEAD char *bytes;
    size_t used;
    size_t room;
    Py_buffer *parts; /* the memories; their objects are owned */
    int part_count;
    Py_buffer one_part;
    bool stamped;    /* first_part is this rank's, and stays: others may be reading it */
    bool counted;    /* by the session, as one that has come */
    PyObject *value; /* of a received letter, where it was made before its parts came; or NULL */
    PyObject *into;  /* where its receiver wants the memory of the value; or NULL */
    char small[PM_ENVELOPE]; /* the bytes of a letter that fits an envelope */
} pm_letter;

pm_letter *pm_letter_new(pm_state *state, pm_kind kind);

/* The header, which is the beginning of the bytes. */
pm_header *pm_letter_header(pm_letter *letter);

/* Grow the bytes; -1 with an exception set. */
int pm_letter_add(pm_letter *letter, const void *bytes, size_t size);
int pm_letter_reserve(pm_letter *letter, size_t size);

/* Adds a memory as the next part; takes over the view. */
int pm_letter_add_part(pm_letter *letter, Py_buffer *view);

/* Ends the body: notes its size. */
void pm_letter_end_body(pm_letter *letter);

/* Adds the sizes of the parts; where all fits an envelope or inside is true also the parts themselves,
 * whose memories it then lets go. */
int pm_letter_close(pm_letter *letter, bool inside);

/* True when other messages follow the envelope. */
bool pm_letter_follows(pm_letter *letter);

/* Checks the header of what has come in an envelope; -1 with mpi.Error set. */
int pm_letter_check_header(pm_letter *letter, const char *call);

/* Frees the letters that the state keeps for the next ones. */
void pm_letter_free_kept(pm_state *state);

/* Checks header and sizes of a received letter; -1 with mpi.Error set. */
int pm_letter_check(pm_letter *letter, const char *call);

/* The body and the size of a part of a checked letter. */
const char *pm_letter_body(pm_letter *letter, size_t *size_p);
size_t pm_letter_part_size(pm_letter *letter, int part);

/* The bytes of a part that came inside. */
const char *pm_letter_part_inside(pm_letter *letter, int part);

#endif
