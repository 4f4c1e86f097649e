/* Files: to read, each rank by itself; on a store, to write.
 * SPDX-License-Identifier: MIT */
#include "modules/h5/driver.h"
#include "modules/h5/errors.h"
#include "modules/h5/ids.h"
#include "modules/h5/module.h"

/* From this size on things begin at a page. */
#define LARGE 65536

/* Shorter pieces are read with what is between them, so much at once. */
#define NEAR 8192

static PyObject *file_read(PyObject *module, PyObject *args)
{
    const char *path;
    Py_ssize_t cache;
    if (!PyArg_ParseTuple(args, "yn:file_read", &path, &cache)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_sec2(list);
    H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
    H5Pset_cache(list, 0, 521, (size_t)cache, 0.75);
    H5Pset_sieve_buf_size(list, NEAR);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, list);
    if (file < 0) {
        ph_error_set("File");
    }
    H5Pclose(list);
    return ph_leave_id(state, file, "File");
}

/* What is only kept between two flushes must not be evicted: see README.md. */
static herr_t keep_all(hid_t list)
{
    H5AC_cache_config_t config = {.version = H5AC__CURR_CACHE_CONFIG_VERSION};
    if (H5Pget_mdc_config(list, &config) < 0) {
        return -1;
    }
    config.evictions_enabled = 0;
    config.incr_mode = H5C_incr__off;
    config.flash_incr_mode = H5C_flash_incr__off;
    config.decr_mode = H5C_decr__off;
    return H5Pset_mdc_config(list, &config);
}

/* No cache for chunks: a rank must not keep elements that another one changes. No blocks that small datasets
 * share: space that was freed beside one would become part of it. */
static hid_t make_access(ph_state *state, ph_store *store)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    if (list >= 0 &&
        (ph_driver_set(list, state->driver, store) < 0 ||
         H5Pset_fclose_degree(list, H5F_CLOSE_STRONG) < 0 || H5Pset_cache(list, 0, 0, 0, 0) < 0 ||
         H5Pset_sieve_buf_size(list, 0) < 0 || H5Pset_small_data_block_size(list, 0) < 0 ||
         H5Pset_alignment(list, LARGE, PH_PAGE) < 0 || keep_all(list) < 0)) {
        H5Pclose(list);
        return -1;
    }
    return list;
}

/* Space that was freed is not used again: what has been published may still lie there. */
static hid_t make_creation(int track_order)
{
    unsigned order = track_order ? H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED : 0;
    hid_t list = H5Pcreate(H5P_FILE_CREATE);
    if (list >= 0 && (H5Pset_file_space_strategy(list, H5F_FSPACE_STRATEGY_AGGR, 0, 1) < 0 ||
                      H5Pset_link_creation_order(list, order) < 0 ||
                      H5Pset_attr_creation_order(list, order) < 0)) {
        H5Pclose(list);
        return -1;
    }
    return list;
}

static PyObject *file_create(PyObject *module, PyObject *args)
{
    const char *path;
    PyObject *object;
    int track_order;
    if (!PyArg_ParseTuple(args, "yOp:file_create", &path, &object, &track_order)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    ph_store *store = ph_store_get(state, object);
    if (store) {
        store->physical = 0; /* the keeper may have begun to write it already */
    }
    hid_t access = store ? make_access(state, store) : -1;
    hid_t creation = access < 0 ? -1 : make_creation(track_order);
    hid_t file = creation < 0 ? -1 : H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
    if (file < 0) {
        ph_error_set("File");
    }
    if (creation >= 0) {
        H5Pclose(creation);
    }
    if (access >= 0) {
        H5Pclose(access);
    }
    return ph_leave_id(state, file, "File");
}

/* Whether space that is freed in a file is used again before it is closed. */
static bool reuses_space(hid_t file)
{
    H5F_fspace_strategy_t strategy = H5F_FSPACE_STRATEGY_FSM_AGGR;
    hbool_t persists;
    hsize_t least;
    hid_t list = H5Fget_create_plist(file);
    if (list >= 0) {
        H5Pget_file_space_strategy(list, &strategy, &persists, &least);
        H5Pclose(list);
    }
    return strategy == H5F_FSPACE_STRATEGY_FSM_AGGR || strategy == H5F_FSPACE_STRATEGY_PAGE;
}

static PyObject *file_open(PyObject *module, PyObject *args)
{
    const char *path;
    PyObject *object;
    if (!PyArg_ParseTuple(args, "yO:file_open", &path, &object)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    ph_store *store = ph_store_get(state, object);
    hid_t access = store ? make_access(state, store) : -1;
    hid_t file = access < 0 ? -1 : H5Fopen(path, H5F_ACC_RDWR, access);
    if (file < 0) {
        ph_error_set("File");
    } else {
        store->reuses = reuses_space(file);
    }
    if (access >= 0) {
        H5Pclose(access);
    }
    return ph_leave_id(state, file, "File");
}

static PyObject *file_flush(PyObject *module, PyObject *object)
{
    hid_t file;
    if (!ph_id_convert(object, &file)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_none(state, H5Fflush(file, H5F_SCOPE_LOCAL), "flush");
}

static PyObject *file_close(PyObject *module, PyObject *object)
{
    hid_t file;
    if (!ph_id_convert(object, &file)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_none(state, H5Iis_valid(file) > 0 ? H5Fclose(file) : 0, "close");
}

/* The bytes before HDF5's own. */
static PyObject *file_userblock(PyObject *module, PyObject *object)
{
    hid_t file;
    hsize_t size = 0;
    if (!ph_id_convert(object, &file)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t list = H5Fget_create_plist(file);
    if (list < 0 || H5Pget_userblock(list, &size) < 0) {
        ph_error_set("userblock");
    }
    if (list >= 0) {
        H5Pclose(list);
    }
    return ph_leave_object(state, PyErr_Occurred() ? NULL : PyLong_FromUnsignedLongLong(size));
}

static PyObject *open_count(PyObject *module, PyObject *Py_UNUSED(unused))
{
    hsize_t files = 0, sets = 0, types = 0, spaces = 0, attributes = 0, groups = 0;
    ph_state *state = ph_enter(module);
    H5Inmembers(H5I_FILE, &files);
    H5Inmembers(H5I_DATASET, &sets);
    H5Inmembers(H5I_DATATYPE, &types);
    H5Inmembers(H5I_DATASPACE, &spaces);
    H5Inmembers(H5I_ATTR, &attributes);
    H5Inmembers(H5I_GROUP, &groups);
    return ph_leave_object(
        state, PyLong_FromUnsignedLongLong(files + sets + types + spaces + attributes + groups));
}

PyMethodDef ph_file_methods[] = {
    {"open_count", open_count, METH_NOARGS, "How much HDF5 has open, in all. Local."},
    {"file_read", file_read, METH_VARARGS, "Opens a file to read, with a cache for chunks. Local."},
    {"file_create", file_create, METH_VARARGS, "Makes a file on an empty store. Local."},
    {"file_open", file_open, METH_VARARGS, "Opens the file on a store to write. Local."},
    {"file_flush", file_flush, METH_O, "Gives the store all that HDF5 keeps. Local."},
    {"file_userblock", file_userblock, METH_O, "The bytes before HDF5's own. Local."},
    {"file_close", file_close, METH_O, "Closes the file and all in it. Local."},
    {0},
};
