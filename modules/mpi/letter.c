/* A letter: one value on its way.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/letter.h"

#include <string.h>

#include "modules/common/errors.h"
#include "modules/common/runtime.h"

static void release_parts(pm_letter *letter)
{
    for (int i = 0; i < letter->part_count; i++) {
        PyBuffer_Release(&letter->parts[i]);
    }
    letter->part_count = 0;
}

/* A few letters are kept: making one would be a good part of what a small message costs. */
static void letter_dealloc(PyObject *self)
{
    pm_letter *letter = (pm_letter *)self;
    PyTypeObject *type = Py_TYPE(self);
    pm_state *state = pm_state_of_type(type);
    release_parts(letter);
    Py_CLEAR(letter->value);
    Py_CLEAR(letter->into);
    if (letter->parts != &letter->one_part) {
        PyMem_Free(letter->parts);
    }
    if (letter->bytes != letter->small) {
        PyMem_Free(letter->bytes);
    }
    if (state->kept_count < PM_KEPT_LETTERS) {
        state->kept_letters[state->kept_count++] = self;
    } else {
        type->tp_free(self);
    }
    Py_DECREF(type);
}

void pm_letter_free_kept(pm_state *state)
{
    while (state->kept_count > 0) {
        PyObject_Free(state->kept_letters[--state->kept_count]);
        state->kept_letters[state->kept_count] = NULL; /* for the module is cleared and freed */
    }
    state->kept_count = PM_KEPT_LETTERS; /* and none any more */
}

static pm_letter *allocate(pm_state *state)
{
    if (state->kept_count > 0 && state->kept_letters[state->kept_count - 1]) {
        PyObject *kept = state->kept_letters[--state->kept_count];
        return (pm_letter *)PyObject_Init(kept, state->letter_type);
    }
    return PyObject_New(pm_letter, state->letter_type);
}

static PyType_Slot letter_slots[] = {
    {Py_tp_dealloc, letter_dealloc},
    {Py_tp_doc, "A value on its way; never seen from Python."},
    {0, NULL},
};

static PyType_Spec letter_spec = {
    .name = "pympi.mpi._Letter",
    .basicsize = sizeof(pm_letter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = letter_slots,
};

int pm_letter_setup(PyObject *module)
{
    pm_state *state = pm_state_of_module(module);
    state->letter_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &letter_spec, NULL);
    return state->letter_type ? 0 : -1;
}

pm_letter *pm_letter_new(pm_state *state, pm_kind kind)
{
    pm_letter *letter = allocate(state);
    if (!letter) {
        return NULL;
    }
    letter->bytes = letter->small;
    letter->room = sizeof letter->small;
    letter->used = sizeof(pm_header);
    letter->parts = &letter->one_part;
    letter->part_count = 0;
    letter->stamped = letter->counted = false;
    letter->value = NULL;
    letter->into = NULL;
    *pm_letter_header(letter) = (pm_header){.magic = PM_LETTER_MAGIC,
                                            .version = PM_LETTER_VERSION,
                                            .kind = (uint8_t)kind,
                                            .source = pc_runtime_get()->rank,
                                            .statement = pc_runtime_get()->statement};
    return letter;
}

pm_header *pm_letter_header(pm_letter *letter)
{
    return (pm_header *)(void *)letter->bytes;
}

int pm_letter_reserve(pm_letter *letter, size_t size)
{
    if (letter->room - letter->used >= size) {
        return 0;
    }
    size_t room = letter->room * 2;
    while (room - letter->used < size) {
        room *= 2;
    }
    bool was_small = letter->bytes == letter->small;
    char *bytes = PyMem_Realloc(was_small ? NULL : letter->bytes, room);
    if (!bytes) {
        PyErr_NoMemory();
        return -1;
    }
    if (was_small) {
        memcpy(bytes, letter->small, letter->used);
    }
    letter->bytes = bytes;
    letter->room = room;
    return 0;
}

int pm_letter_add(pm_letter *letter, const void *bytes, size_t size)
{
    if (pm_letter_reserve(letter, size) < 0) {
        return -1;
    }
    if (size) {
        memcpy(letter->bytes + letter->used, bytes, size);
        letter->used += size;
    }
    return 0;
}

/* The first part has its place in the letter. */
static int grow_parts(pm_letter *letter)
{
    bool was_one = letter->parts == &letter->one_part;
    size_t size = ((size_t)letter->part_count + 1) * sizeof *letter->parts;
    Py_buffer *parts = PyMem_Realloc(was_one ? NULL : letter->parts, size);
    if (!parts) {
        return -1;
    }
    if (was_one) {
        parts[0] = letter->one_part;
    }
    letter->parts = parts;
    return 0;
}

int pm_letter_add_part(pm_letter *letter, Py_buffer *view)
{
    if (letter->part_count && grow_parts(letter) < 0) {
        PyBuffer_Release(view);
        PyErr_NoMemory();
        return -1;
    }
    letter->parts[letter->part_count++] = *view;
    pm_letter_header(letter)->parts = (uint32_t)letter->part_count;
    return 0;
}

void pm_letter_end_body(pm_letter *letter)
{
    pm_letter_header(letter)->body = letter->used - sizeof(pm_header);
}

int pm_letter_close(pm_letter *letter, bool inside)
{
    size_t total = 0;
    for (int i = 0; i < letter->part_count; i++) {
        uint64_t size = (uint64_t)letter->parts[i].len;
        total += size;
        if (pm_letter_add(letter, &size, sizeof size) < 0) {
            return -1;
        }
    }
    bool apart = !inside && total && letter->used + total > PM_ENVELOPE;
    for (int i = 0; !apart && i < letter->part_count; i++) {
        if (pm_letter_add(letter, letter->parts[i].buf, (size_t)letter->parts[i].len) < 0) {
            return -1;
        }
    }
    pm_header *header = pm_letter_header(letter);
    header->apart = apart;
    header->length = letter->used;
    if (!apart) {
        release_parts(letter);
    }
    return 0;
}

bool pm_letter_follows(pm_letter *letter)
{
    const pm_header *header = pm_letter_header(letter);
    return header->apart || header->longer;
}

const char *pm_letter_body(pm_letter *letter, size_t *size_p)
{
    *size_p = pm_letter_header(letter)->body;
    return letter->bytes + sizeof(pm_header);
}

static const char *size_table(pm_letter *letter)
{
    return letter->bytes + sizeof(pm_header) + pm_letter_header(letter)->body;
}

size_t pm_letter_part_size(pm_letter *letter, int part)
{
    uint64_t size;
    memcpy(&size, size_table(letter) + (size_t)part * sizeof size, sizeof size);
    return size;
}

const char *pm_letter_part_inside(pm_letter *letter, int part)
{
    const char *at = size_table(letter) + pm_letter_header(letter)->parts * sizeof(uint64_t);
    for (int i = 0; i < part; i++) {
        at += pm_letter_part_size(letter, i);
    }
    return at;
}

/* What the bytes must hold if the header is right, or 0 when the header itself cannot be. */
static size_t expected_size(pm_letter *letter)
{
    const pm_header *header = pm_letter_header(letter);
    size_t rest = letter->used - sizeof *header;
    if (header->body > rest || header->parts > (rest - header->body) / sizeof(uint64_t)) {
        return 0;
    }
    size_t size = sizeof *header + header->body + header->parts * sizeof(uint64_t);
    for (uint32_t i = 0; !header->apart && i < header->parts; i++) {
        size_t part = pm_letter_part_size(letter, (int)i);
        if (part > letter->used) {
            return 0;
        }
        size += part;
    }
    return size;
}

int pm_letter_check_header(pm_letter *letter, const char *call)
{
    const pm_header *header = pm_letter_header(letter);
    if (letter->used < sizeof *header || header->magic != PM_LETTER_MAGIC) {
        return pc_error_say(call,
                            "a message of %zu bytes that pympi did not send (from C or mpi4py?); "
                            "recv(into=memory, raw=True) takes one",
                            letter->used);
    }
    if (header->version != PM_LETTER_VERSION) {
        return pc_error_say(call, "a message of version %d; this pympi knows version %d",
                            header->version, PM_LETTER_VERSION);
    }
    return 0;
}

int pm_letter_check(pm_letter *letter, const char *call)
{
    if (pm_letter_check_header(letter, call) < 0) {
        return -1;
    }
    if (expected_size(letter) != letter->used) {
        return pc_error_say(call, "a damaged message: %zu bytes do not fit its header",
                            letter->used);
    }
    return 0;
}
