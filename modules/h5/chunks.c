/* Chunks as they lie in the file, filters applied.
 * SPDX-License-Identifier: MIT
 *
 * Compressing needs no file: a dataset of one chunk in a file in memory goes through the same filters. */
#include "modules/h5/driver.h"
#include "modules/h5/errors.h"
#include "modules/h5/ids.h"
#include "modules/h5/module.h"
#include "modules/h5/space.h"

#include <stdio.h>

/* The bytes of a chunk and its mask of filters that were left out; None where it is not there. */
static PyObject *get_chunk(hid_t dataset, const hsize_t *at)
{
    hsize_t size = 0;
    uint32_t mask = 0;
    if (H5Dget_chunk_storage_size(dataset, at, &size) < 0 || size == 0) {
        H5Eclear2(H5E_DEFAULT);
        return Py_NewRef(Py_None);
    }
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (bytes && H5Dread_chunk(dataset, H5P_DEFAULT, at, &mask, PyBytes_AS_STRING(bytes)) < 0) {
        Py_CLEAR(bytes);
    }
    return bytes ? Py_BuildValue("(IN)", (unsigned)mask, bytes) : NULL;
}

/* What a chunk takes in the file; 0 where it is not there. */
static PyObject *chunk_bytes(PyObject *module, PyObject *args)
{
    hid_t dataset;
    PyObject *place;
    hsize_t at[H5S_MAX_RANK], size = 0;
    if (!PyArg_ParseTuple(args, "O&O:chunk_bytes", ph_id_convert, &dataset, &place) ||
        ph_space_numbers(place, at) < 0) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    if (H5Dget_chunk_storage_size(dataset, at, &size) < 0) {
        H5Eclear2(H5E_DEFAULT);
    }
    return ph_leave_object(state, PyLong_FromUnsignedLongLong(size));
}

static PyObject *chunk_read(PyObject *module, PyObject *args)
{
    hid_t dataset;
    PyObject *place;
    hsize_t at[H5S_MAX_RANK];
    if (!PyArg_ParseTuple(args, "O&O:chunk_read", ph_id_convert, &dataset, &place) ||
        ph_space_numbers(place, at) < 0) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    PyObject *result = get_chunk(dataset, at);
    if (!result) {
        ph_error_set("chunk");
    }
    return ph_leave_object(state, result);
}

static PyObject *chunk_write(PyObject *module, PyObject *args)
{
    hid_t dataset;
    PyObject *place;
    unsigned mask;
    Py_buffer view;
    herr_t code;
    hsize_t at[H5S_MAX_RANK];
    if (!PyArg_ParseTuple(args, "O&OIy*:chunk_write", ph_id_convert, &dataset, &place, &mask,
                          &view)) {
        return NULL;
    }
    if (ph_space_numbers(place, at) < 0) {
        PyBuffer_Release(&view);
        return NULL;
    }
    ph_state *state = ph_enter(module);
    Py_BEGIN_ALLOW_THREADS;
    code = H5Dwrite_chunk(dataset, H5P_DEFAULT, mask, at, (size_t)view.len, view.buf);
    Py_END_ALLOW_THREADS;
    PyBuffer_Release(&view);
    return ph_leave_none(state, code, "write");
}

/* A file in memory, for scratch. HDF5 takes files in memory that have one name for the same file. */
static PyObject *file_scratch(PyObject *module, PyObject *Py_UNUSED(unused))
{
    char name[48];
    ph_state *state = ph_enter(module);
    snprintf(name, sizeof name, "pympi-scratch-%u", state->scratch_count++);
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(list, (size_t)1 << 20, 0);
    H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
    hid_t file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, list);
    if (file < 0) {
        ph_error_set("scratch");
    }
    H5Pclose(list);
    return ph_leave_id(state, file, "scratch");
}

/* A dataset there, of one chunk of another dataset's kind. */
static PyObject *chunk_model(PyObject *module, PyObject *args)
{
    hid_t file, dataset;
    PyObject *shape;
    hsize_t lengths[H5S_MAX_RANK];
    if (!PyArg_ParseTuple(args, "O&O&O:chunk_model", ph_id_convert, &file, ph_id_convert, &dataset,
                          &shape)) {
        return NULL;
    }
    int rank = ph_space_numbers(shape, lengths);
    if (rank < 0) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t list = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
    hid_t space = H5Screate_simple(rank, lengths, NULL);
    H5Pset_alloc_time(list, H5D_ALLOC_TIME_INCR);
    hid_t made = H5Dcreate_anon(file, type, space, list, H5P_DEFAULT);
    if (made < 0) {
        ph_error_set("chunk");
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Pclose(list);
    return ph_leave_id(state, made, "chunk");
}

/* Flushes a dataset of the scratch file, so that its chunk can be taken. */
static PyObject *chunk_settle(PyObject *module, PyObject *object)
{
    hid_t dataset;
    if (!ph_id_convert(object, &dataset)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_none(state, H5Dflush(dataset), "chunk");
}

static PyObject *filter_known(PyObject *module, PyObject *number)
{
    long code = PyLong_AsLong(number);
    if (code == -1 && PyErr_Occurred()) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    htri_t known = H5Zfilter_avail((H5Z_filter_t)code);
    H5Eclear2(H5E_DEFAULT);
    return ph_leave_bool(state, known > 0, "filter");
}

PyMethodDef ph_chunk_methods[] = {
    {"chunk_bytes", chunk_bytes, METH_VARARGS, "What it takes in the file, or 0. Local."},
    {"chunk_read", chunk_read, METH_VARARGS, "(mask, bytes) of a chunk, or None. Local."},
    {"chunk_write", chunk_write, METH_VARARGS, "Writes a chunk as it is to lie there. Local."},
    {"file_scratch", file_scratch, METH_NOARGS, "A file in memory. Local."},
    {"chunk_model", chunk_model, METH_VARARGS, "A dataset of one chunk there. Local."},
    {"filter_known", filter_known, METH_O, "Whether HDF5 has a filter of this number. Local."},
    {"chunk_settle", chunk_settle, METH_O, "Has it go through its filters. Local."},
    {0},
};
