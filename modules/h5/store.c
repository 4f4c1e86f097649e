/* The type Store: a file that all ranks write, as one of them has it.
 * SPDX-License-Identifier: MIT */
#include "modules/h5/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modules/h5/journal.h"

#define AT_ONCE ((size_t)1 << 30) /* Linux moves less than 2 GiB in a call */

typedef struct {
    PyObject_HEAD ph_store *store;
} ph_store_object;

int ph_store_read_file(int fd, uint64_t at, void *bytes, size_t size)
{
    char *to = bytes;
    while (size > 0) {
        ssize_t got = pread(fd, to, size < AT_ONCE ? size : AT_ONCE, (off_t)at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            memset(to, 0, size);
            return 0;
        }
        at += (uint64_t)got;
        to += got;
        size -= (size_t)got;
    }
    return 0;
}

int ph_store_write_file(int fd, uint64_t at, const void *bytes, size_t size)
{
    const char *from = bytes;
    while (size > 0) {
        ssize_t put = pwrite(fd, from, size < AT_ONCE ? size : AT_ONCE, (off_t)at);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return -1;
        }
        at += (uint64_t)put;
        from += put;
        size -= (size_t)put;
    }
    return 0;
}

void ph_store_hold(ph_store *store)
{
    store->refs++;
}

void ph_store_let_go(ph_store *store)
{
    if (--store->refs == 0) {
        close(store->fd);
        ph_overlay_clear(&store->overlay);
        free(store);
    }
}

static ph_store *new_store(int fd, bool keeper)
{
    struct stat about;
    ph_store *store = calloc(1, sizeof *store);
    int own = store ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (own < 0 || fstat(own, &about) < 0) {
        free(store);
        return NULL;
    }
    store->refs = 1;
    store->fd = own;
    store->keeper = keeper;
    store->physical = (uint64_t)about.st_size;
    return store;
}

static ph_store *store_of(PyObject *self)
{
    return ((ph_store_object *)self)->store;
}

ph_store *ph_store_get(ph_state *state, PyObject *object)
{
    if (!Py_IS_TYPE(object, state->store_type)) {
        PyErr_Format(PyExc_TypeError, "%R is no Store", object);
        return NULL;
    }
    return store_of(object);
}

static PyObject *store_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(keywords))
{
    int fd, keeper;
    if (!PyArg_ParseTuple(args, "ip:Store", &fd, &keeper)) {
        return NULL;
    }
    ph_store_object *self = (ph_store_object *)type->tp_alloc(type, 0);
    if (self && !(self->store = new_store(fd, keeper))) {
        PyErr_SetFromErrno(PyExc_OSError);
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static void store_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (store_of(self)) {
        ph_store_let_go(store_of(self));
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *none_or_errno(int code)
{
    return code < 0 ? PyErr_SetFromErrno(PyExc_OSError) : Py_NewRef(Py_None);
}

PyDoc_STRVAR(journal_doc, "journal($self, fd, /)\n--\n\n"
                          "Writes all that is kept to a journal, and to the disk.\nLocal.");

static PyObject *store_journal(PyObject *self, PyObject *value)
{
    int code, fd = (int)PyLong_AsLong(value);
    if (fd == -1 && PyErr_Occurred()) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = ph_journal_write(store_of(self), fd);
    Py_END_ALLOW_THREADS;
    return none_or_errno(code);
}

PyDoc_STRVAR(apply_doc, "apply($self, /)\n--\n\nPuts all that is kept into the file.\nLocal.");

static PyObject *store_apply(PyObject *self, PyObject *Py_UNUSED(unused))
{
    int code;
    Py_BEGIN_ALLOW_THREADS;
    code = ph_journal_apply(store_of(self));
    Py_END_ALLOW_THREADS;
    return none_or_errno(code);
}

PyDoc_STRVAR(trim_doc, "trim($self, /)\n--\n\nCuts off what lies behind the end.\nLocal.");

static PyObject *store_trim(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct stat about;
    const ph_store *store = store_of(self);
    int code = fstat(store->fd, &about);
    if (code == 0 && (uint64_t)about.st_size > store->end) {
        code = ftruncate(store->fd, (off_t)store->end);
    }
    return none_or_errno(code);
}

PyDoc_STRVAR(sync_doc, "sync($self, /)\n--\n\n"
                       "Waits until the elements that this rank wrote are on the disk.\nLocal.");

static PyObject *store_sync(PyObject *self, PyObject *Py_UNUSED(unused))
{
    int code = 0;
    ph_store *store = store_of(self);
    if (store->touched) {
        Py_BEGIN_ALLOW_THREADS;
        code = fdatasync(store->fd);
        Py_END_ALLOW_THREADS;
        store->touched = code < 0;
    }
    return none_or_errno(code);
}

static PyObject *store_kept(PyObject *self, void *Py_UNUSED(unused))
{
    return PyBool_FromLong(store_of(self)->overlay.count > 0);
}

static PyObject *store_reuses(PyObject *self, void *Py_UNUSED(unused))
{
    return PyBool_FromLong(store_of(self)->reuses);
}

static PyObject *store_end(PyObject *self, void *Py_UNUSED(unused))
{
    return PyLong_FromUnsignedLongLong(store_of(self)->end);
}

static PyObject *store_counts(PyObject *self, void *Py_UNUSED(unused))
{
    const ph_store *store = store_of(self);
    return Py_BuildValue("(KKKK)", (unsigned long long)store->bytes_read,
                         (unsigned long long)store->reads, (unsigned long long)store->bytes_written,
                         (unsigned long long)store->writes);
}

static PyObject *store_mute(PyObject *self, void *Py_UNUSED(unused))
{
    return PyBool_FromLong(store_of(self)->mute);
}

static int store_set_mute(PyObject *self, PyObject *value, void *Py_UNUSED(unused))
{
    int mute = value ? PyObject_IsTrue(value) : 0;
    if (mute >= 0) {
        store_of(self)->mute = mute;
    }
    return mute < 0 ? -1 : 0;
}

static PyObject *store_fills(PyObject *self, void *Py_UNUSED(unused))
{
    return PyBool_FromLong(store_of(self)->fills);
}

static int store_set_fills(PyObject *self, PyObject *value, void *Py_UNUSED(unused))
{
    int fills = value ? PyObject_IsTrue(value) : 0;
    if (fills >= 0) {
        store_of(self)->fills = fills;
    }
    return fills < 0 ? -1 : 0;
}

static PyMethodDef store_methods[] = {
    {"journal", store_journal, METH_O, journal_doc},
    {"apply", store_apply, METH_NOARGS, apply_doc},
    {"sync", store_sync, METH_NOARGS, sync_doc},
    {"trim", store_trim, METH_NOARGS, trim_doc},
    {0},
};

static PyGetSetDef store_getset[] = {
    {"end", store_end, NULL, "The end of what HDF5 has allocated: equal on all ranks.", NULL},
    {"kept", store_kept, NULL, "Whether anything is to be published.", NULL},
    {"counts", store_counts, NULL, "Elements' bytes read, reads, bytes written, writes.", NULL},
    {"reuses", store_reuses, NULL, "Whether space that is freed is given away again.", NULL},
    {"fills", store_fills, store_set_fills, "Whether zeros need no writing now.", NULL},
    {"mute", store_mute, store_set_mute, "Whether this rank writes no elements now.", NULL},
    {0},
};

PyDoc_STRVAR(store_doc, "Store(fd, keeper, /)\n--\n\n"
                        "A file that all ranks write, as this one has it.\nLocal.");

static PyType_Slot store_slots[] = {
    {Py_tp_new, store_new},       {Py_tp_dealloc, store_dealloc}, {Py_tp_methods, store_methods},
    {Py_tp_getset, store_getset}, {Py_tp_doc, (void *)store_doc}, {0, NULL},
};

static PyType_Spec store_spec = {
    .name = "_pympi_h5.Store",
    .basicsize = sizeof(ph_store_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = store_slots,
};

PyDoc_STRVAR(replay_doc,
             "replay($module, journal, fd, /)\n--\n\n"
             "Applies a journal to a file, if it is complete and the file's: whether it was.\n"
             "Local.");

static PyObject *replay(PyObject *Py_UNUSED(module), PyObject *args)
{
    int journal, fd;
    if (!PyArg_ParseTuple(args, "ii:replay", &journal, &fd)) {
        return NULL;
    }
    int code = ph_journal_replay(journal, fd);
    return code < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyBool_FromLong(code);
}

PyMethodDef ph_replay_methods[] = {
    {"replay", replay, METH_VARARGS, replay_doc},
    {0},
};

int ph_store_setup(PyObject *module)
{
    ph_state *state = PyModule_GetState(module);
    state->store_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &store_spec, NULL);
    return state->store_type ? PyModule_AddType(module, state->store_type) : -1;
}
