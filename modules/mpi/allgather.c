/* allgather: every rank's object to every rank.
 * SPDX-License-Identifier: MIT
 *
 * Bruck's algorithm passes on ever more blocks, each a whole letter in one piece. A letter that is large is
 * not a block: all ranks see that it is missing, and it goes round the ring behind, without a copy. */
#include <string.h>

#include "modules/common/errors.h"
#include "modules/mpi/args.h"
#include "modules/mpi/axis.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/collectives.h"
#include "modules/mpi/into.h"

#define BLOCK_MOST 2048 /* bytes of a letter that is passed on as a block */

/* This rank's letter as a list of one block: bytes, or None where it has to go round. */
static int begin_blocks(pm_work *work)
{
    work->letter = pm_work_encode(work, work->value, false);
    work->items = work->letter ? PyList_New(1) : NULL;
    if (!work->items) {
        return -1;
    }
    bool large = pm_letter_header(work->letter)->apart || work->letter->used > BLOCK_MOST;
    PyObject *block =
        large ? Py_NewRef(Py_None)
              : PyBytes_FromStringAndSize(work->letter->bytes, (Py_ssize_t)work->letter->used);
    PyList_SET_ITEM(work->items, 0, block);
    return block ? 0 : -1;
}

/* A rank that is in another verb sends something else. */
static int check_blocks(const pm_work *work, PyObject *others, Py_ssize_t count)
{
    bool right = PyList_CheckExact(others) && PyList_GET_SIZE(others) == count;
    for (Py_ssize_t i = 0; right && i < count; i++) {
        PyObject *block = PyList_GET_ITEM(others, i);
        right = block == Py_None || PyBytes_CheckExact(block);
    }
    return right ? 0 : pc_error_say(work->call, "another rank is in another collective");
}

static int append_blocks(pm_work *work)
{
    Py_ssize_t end = PyList_GET_SIZE(work->items);
    Py_ssize_t count = work->comm->size - end < end ? work->comm->size - end : end;
    PyObject *others = pm_work_value(work, 0);
    int result = others && check_blocks(work, others, count) == 0
                     ? PyList_SetSlice(work->items, end, end, others)
                     : -1;
    Py_XDECREF(others);
    return result;
}

/* Sends the first blocks to one side while others come from the other. */
static int exchange_blocks(pm_work *work, int step)
{
    int rank = work->comm->rank, size = work->comm->size;
    PyObject *some = PyList_GetSlice(work->items, 0, step < size - step ? step : size - step);
    pm_letter *letter = some ? pm_encode(work->state, some, false) : NULL;
    int posted = letter ? pm_work_expect(work, (rank + step) % size) : -1;
    if (posted == 1) {
        posted = pm_work_send(work, letter, (rank - step + size) % size);
    }
    Py_XDECREF(letter);
    Py_XDECREF(some);
    return posted;
}

/* A block is a letter in one piece. */
static PyObject *decode_block(const pm_work *work, PyObject *block)
{
    pm_letter *letter = pm_letter_new(work->state, PM_KIND_PACKED);
    PyObject *value = NULL;
    if (letter) {
        letter->used = 0;
        if (pm_letter_add(letter, PyBytes_AS_STRING(block), (size_t)PyBytes_GET_SIZE(block)) == 0 &&
            pm_letter_check(letter, work->call) == 0) {
            value = pm_decode(work->state, letter, work->call);
        }
    }
    Py_XDECREF(letter);
    return value;
}

/* The block of the rank that many places behind this one. */
static PyObject *block_behind(const pm_work *work, int by)
{
    int size = work->comm->size;
    return PyList_GET_ITEM(work->items, (by % size + size) % size);
}

/* All blocks are here: opens them, and this rank's own value, which is copied. */
static void open_blocks(pm_work *work)
{
    int rank = work->comm->rank, size = work->comm->size;
    for (int by = 0; by < size; by++) {
        PyObject *block = block_behind(work, by);
        if (block != Py_None) {
            pm_work_keep(work, (rank + by) % size, decode_block(work, block));
        } else if (by == 0) {
            pm_work_keep(work, rank, work->failed ? NULL : pm_collective_copy(work, work->value));
        }
    }
}

/* Step s round the ring: the letter of the rank s places before this one goes on to the next, and that of
 * the rank before it comes; ranks whose letters were blocks have none. */
static int pass_on(pm_work *work, int step)
{
    int rank = work->comm->rank, size = work->comm->size, posted = 0;
    if (block_behind(work, -step - 1) == Py_None) {
        posted = pm_work_expect(work, (rank - 1 + size) % size);
    }
    if (posted >= 0 && block_behind(work, -step) == Py_None) {
        posted = pm_work_send(work, work->letter, (rank + 1) % size);
    }
    return posted < 0 ? -1 : 1;
}

/* The letter that has come round is opened when it has been sent on. */
static int go_round(pm_work *work, int step)
{
    int rank = work->comm->rank, size = work->comm->size;
    if (step > 1 && block_behind(work, -step + 1) == Py_None) {
        pm_work_keep(work, (rank - step + 1 + size) % size,
                     pm_decode(work->state, work->letter, work->call));
    }
    if (step > 0 && work->arrival_count) {
        Py_SETREF(work->letter, (pm_letter *)Py_NewRef(work->arrivals[0]));
    }
    if (step < size - 1) {
        return pass_on(work, step);
    }
    if (size > 1 && block_behind(work, -step) == Py_None) {
        pm_work_keep(work, (rank - step + size) % size,
                     pm_decode(work->state, work->letter, work->call));
    }
    return pm_axis_end(work);
}

static bool has_large(const pm_work *work)
{
    bool large = false;
    for (int by = 0; by < work->comm->size; by++) {
        large = large || block_behind(work, by) == Py_None;
    }
    return large;
}

/* work->step: the rounds of Bruck's that all ranks need. */
static int allgather_next(pm_work *work)
{
    int size = work->comm->size, step = 1 << (work->round < 30 ? work->round : 30);
    if (work->round == 0 && begin_blocks(work) < 0) {
        return -1;
    }
    if (work->round > 0 && work->step == 0 && append_blocks(work) < 0) {
        return -1;
    }
    if (work->step == 0 && step < size) {
        return exchange_blocks(work, step);
    }
    if (work->step == 0) {
        open_blocks(work);
        if (!has_large(work) || size == 1) {
            return pm_axis_end(work);
        }
    }
    return go_round(work, work->step++);
}

const char pm_allgather_doc[] =
    "allgather($self, /, obj, axis=None, into=None)\n--\n\n"
    "Gives every rank a list of every rank's object, in rank order.\n"
    "Collective over comm. Bruck's algorithm (1997): log2(size) messages a rank; large objects go\n"
    "round a ring.\n\n"
    "With axis the objects are arrays, and every rank gets them joined along it; their lengths\n"
    "along it may differ. into: memory whose rows take the objects, or the joined array.\n"
    "When a rank's object cannot be sent, that rank raises what pickle raised and the others\n"
    "mpi.Error.";

pm_work *pm_begin_allgather(PM_BEGIN)
{
    static const pm_signature signature = {"allgather", 1, 0, {"obj", "axis", "into"}};
    PyObject *values[3];
    if (pm_args_read(&signature, args, count, names, values) < 0 ||
        pm_axis_check(values[1], NULL, "allgather") < 0 ||
        pm_into_check(pm_state_of_type(Py_TYPE(self)), values[2], "allgather") < 0) {
        return NULL;
    }
    pm_work *work = pm_work_collecting((pm_comm *)self, "allgather", allgather_next);
    if (work) {
        work->value = Py_NewRef(values[0]);
        work->axis = Py_XNewRef(pm_args_given(values[1]));
        work->into = Py_XNewRef(pm_args_given(values[2]));
    }
    return work;
}

PyObject *pm_collective_list(pm_comm *comm, PyObject *value, const char *call)
{
    pm_work *work = pm_work_collecting(comm, call, allgather_next);
    if (work) {
        work->value = Py_NewRef(value);
    }
    return pm_work_run(work);
}
