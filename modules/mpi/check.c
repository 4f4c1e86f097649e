/* Check: ranks agree on what they ask of a collective before it begins.
 * SPDX-License-Identifier: MIT
 *
 * What a rank has heard is the fingerprint of the lowest rank, and that of the lowest rank that differs
 * from it. Two such records make a third in any order and any number of times, so dissemination (Hensgen,
 * Finkel, Manber 1988) gives every rank the same one in log2(size) rounds. The letters have the number of
 * the collective itself: they come before its own, on every way. */
#include "modules/mpi/check.h"

#include <string.h>

#include "modules/common/errors.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/fingerprint.h"

/* What a rank has heard: bytes with one fingerprint or two. */
typedef struct {
    pm_fingerprint prints[2];
    int count;
} record;

static int read_record(PyObject *bytes, record *out, const char *call)
{
    Py_ssize_t size = bytes && PyBytes_CheckExact(bytes) ? PyBytes_GET_SIZE(bytes) : 0;
    out->count = (int)(size / (Py_ssize_t)sizeof *out->prints);
    if (size % (Py_ssize_t)sizeof *out->prints || out->count < 1 || out->count > 2) {
        return pc_error_say(call, "another rank is in another collective");
    }
    memcpy(out->prints, PyBytes_AS_STRING(bytes), (size_t)size);
    return 0;
}

static PyObject *write_record(const record *in)
{
    return PyBytes_FromStringAndSize((const char *)in->prints,
                                     in->count * (Py_ssize_t)sizeof *in->prints);
}

/* Takes a fingerprint in that may be the lowest that differs. */
static void add_different(record *own, const pm_fingerprint *print)
{
    if (pm_fingerprint_agrees(&own->prints[0], print)) {
        return;
    }
    if (own->count == 1 || print->order < own->prints[1].order) {
        own->prints[1] = *print;
        own->count = 2;
    }
}

static void merge(record *own, const record *other)
{
    record sum = own->prints[0].order <= other->prints[0].order ? *own : *other;
    sum.count = 1;
    for (int i = 0; i < own->count; i++) {
        add_different(&sum, &own->prints[i]);
    }
    for (int i = 0; i < other->count; i++) {
        add_different(&sum, &other->prints[i]);
    }
    *own = sum;
}

/* work->print takes in what has come. */
static int hear(pm_work *work)
{
    record own, other;
    PyObject *arrived = pm_work_value(work, 0);
    int result = arrived && read_record(work->print, &own, work->call) == 0 &&
                         read_record(arrived, &other, work->call) == 0
                     ? 0
                     : -1;
    Py_XDECREF(arrived);
    if (result == 0) {
        merge(&own, &other);
        Py_XSETREF(work->print, write_record(&own));
    }
    return work->print ? result : -1;
}

static int tell(pm_work *work, int step)
{
    int rank = work->comm->rank, size = work->comm->size;
    pm_letter *letter = pm_encode(work->state, work->print, true);
    int posted = letter ? pm_work_expect(work, (rank - step + size) % size) : -1;
    if (posted == 1) {
        posted = pm_work_send(work, letter, (rank + step) % size);
    }
    Py_XDECREF(letter);
    return posted;
}

static int raise_mismatch(const record *all, const char *call)
{
    PyObject *one = pm_fingerprint_show(&all->prints[0]);
    PyObject *other = one ? pm_fingerprint_show(&all->prints[1]) : NULL;
    PyObject *text = other ? PyUnicode_FromFormat("the ranks disagree: %U; %U", one, other) : NULL;
    Py_XDECREF(one);
    Py_XDECREF(other);
    return pc_error_raise("CollectiveMismatch", call, text);
}

/* Everybody has been heard. */
static int conclude(pm_work *work)
{
    record all;
    if (read_record(work->print, &all, work->call) < 0) {
        return -1;
    }
    if (all.count == 2) {
        return raise_mismatch(&all, work->call);
    }
    Py_CLEAR(work->print);
    return pm_work_begin_again(work);
}

int pm_check_next(pm_work *work)
{
    int step = 1 << work->round;
    if (work->round == 0) {
        record own = {.count = 1};
        pm_fingerprint_take(&own.prints[0], work);
        work->print = write_record(&own);
    } else if (hear(work) < 0) {
        return -1;
    }
    if (!work->print) {
        return -1;
    }
    return step < work->comm->size ? tell(work, step) : conclude(work);
}

int pm_check_ahead(pm_work *work, unsigned spare)
{
    if (!work) {
        return -1;
    }
    pm_comm *comm = (pm_comm *)Py_NewRef((PyObject *)work->comm);
    work->then = NULL;
    PyObject *done = pm_work_run(work);
    if (done) {
        comm->sequence--;
    } else if (!PyErr_ExceptionMatches(pm_state_of_type(Py_TYPE(comm))->mismatch)) {
        comm->sequence += spare; /* others may go on */
    }
    Py_XDECREF(done);
    Py_DECREF(comm);
    return done ? 0 : -1;
}
