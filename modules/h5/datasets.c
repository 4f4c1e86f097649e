/* Datasets: made, asked about, resized.
 * SPDX-License-Identifier: MIT */
#include "modules/h5/errors.h"
#include "modules/h5/ids.h"
#include "modules/h5/module.h"
#include "modules/h5/objects.h"
#include "modules/h5/space.h"
#include "modules/h5/types.h"

#define MOST_VALUES 32 /* of a filter */

typedef struct {
    hid_t at, type;
    const char *name;
    PyObject *shape, *most, *chunks, *filters, *fill;
    int compact, early, fill_time, track_times, track_order;
} wish;

static int add_filter(hid_t list, PyObject *filter)
{
    int code;
    unsigned flags;
    PyObject *tuple;
    unsigned values[MOST_VALUES];
    if (!PyArg_ParseTuple(filter, "iIO!", &code, &flags, &PyTuple_Type, &tuple)) {
        return -1;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    for (Py_ssize_t i = 0; i < count && i < MOST_VALUES; i++) {
        values[i] = (unsigned)PyLong_AsUnsignedLongMask(PyTuple_GET_ITEM(tuple, i));
    }
    if (PyErr_Occurred() || count > MOST_VALUES) {
        return -1;
    }
    return code == H5Z_FILTER_SCALEOFFSET && count > 1
               ? H5Pset_scaleoffset(list, (H5Z_SO_scale_type_t)values[0], (int)values[1])
           : code == H5Z_FILTER_SZIP && count > 1
               ? H5Pset_szip(list, values[0], values[1])
               : H5Pset_filter(list, code, flags, (size_t)count, values);
}

static int set_filters(hid_t list, PyObject *filters)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(filters); i++) {
        if (add_filter(list, PyList_GET_ITEM(filters, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

static int set_layout(hid_t list, const wish *what)
{
    hsize_t chunk[H5S_MAX_RANK];
    if (what->chunks == Py_None) {
        return what->compact ? H5Pset_layout(list, H5D_COMPACT) : 0;
    }
    int rank = ph_space_numbers(what->chunks, chunk);
    return rank < 0 ? -1 : H5Pset_chunk(list, rank, chunk);
}

/* HDF5 takes a copy of what the element points to. */
static int set_object_fill(hid_t list, const wish *what)
{
    hvl_t room = {0}; /* as large as anything that points */
    ph_arena *arena = NULL;
    int code = ph_object_place(what->type, what->fill, (char *)&room, &arena);
    code = code < 0 ? code : H5Pset_fill_value(list, what->type, &room);
    ph_arena_free(arena);
    return code;
}

/* What is to be read where nothing has been written: one element, as objects.h has it. */
static int set_fill(hid_t list, const wish *what)
{
    H5Pset_fill_time(list, (H5D_fill_time_t)what->fill_time);
    if (what->fill == Py_None || ph_type_points(what->type)) {
        return what->fill == Py_None ? 0 : set_object_fill(list, what);
    }
    Py_buffer view;
    if (PyObject_GetBuffer(what->fill, &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    bool fits = (size_t)view.len == H5Tget_size(what->type);
    int code = fits ? H5Pset_fill_value(list, what->type, view.buf) : -1;
    PyBuffer_Release(&view);
    return code;
}

static hid_t make_list(const wish *what)
{
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(list, what->early ? H5D_ALLOC_TIME_EARLY : H5D_ALLOC_TIME_INCR);
    H5Pset_obj_track_times(list, what->track_times > 0);
    if (what->track_order > 0) {
        H5Pset_attr_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    }
    if (set_layout(list, what) < 0 || set_filters(list, what->filters) < 0 ||
        set_fill(list, what) < 0) {
        ph_error_set("create_dataset");
        H5Pclose(list);
        return -1;
    }
    return list;
}

static hid_t create(const wish *what)
{
    hid_t space = ph_space_make(what->shape, what->most);
    hid_t list = space < 0 ? -1 : make_list(what);
    hid_t dataset = -1;
    if (list >= 0) {
        hid_t links = H5Pcreate(H5P_LINK_CREATE);
        H5Pset_create_intermediate_group(links, 1);
        H5Pset_char_encoding(links, ph_name_encoding(what->name));
        dataset = what->name ? H5Dcreate2(what->at, what->name, what->type, space, links, list,
                                          H5P_DEFAULT)
                             : H5Dcreate_anon(what->at, what->type, space, list, H5P_DEFAULT);
        if (dataset < 0) {
            ph_error_set("create_dataset");
        }
        H5Pclose(links);
        H5Pclose(list);
    }
    if (space >= 0) {
        H5Sclose(space);
    }
    return dataset;
}

static PyObject *dataset_create(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"at",        "name",        "type",        "shape",   "maxshape",
                            "chunks",    "filters",     "fill",        "compact", "early",
                            "fill_time", "track_times", "track_order", NULL};
    wish what;
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "O&O&O&OOOO!Oppipp:dataset_create", names, ph_id_convert, &what.at,
            ph_bytes_or_none, &what.name, ph_id_convert, &what.type, &what.shape, &what.most,
            &what.chunks, &PyList_Type, &what.filters, &what.fill, &what.compact, &what.early,
            &what.fill_time, &what.track_times, &what.track_order)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_id(state, create(&what), "create_dataset");
}

/* Of a dataset or an attribute. */
static PyObject *space_about(PyObject *module, PyObject *object)
{
    hid_t id;
    if (!ph_id_convert(object, &id)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t space = H5Iget_type(id) == H5I_ATTR ? H5Aget_space(id) : H5Dget_space(id);
    if (space < 0) {
        return ph_leave_none(state, -1, "shape");
    }
    PyObject *result = ph_space_describe(space);
    H5Sclose(space);
    return ph_leave_object(state, result);
}

static PyObject *type_of(PyObject *module, PyObject *object)
{
    hid_t id;
    if (!ph_id_convert(object, &id)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    H5I_type_t kind = H5Iget_type(id);
    hid_t type = kind == H5I_ATTR       ? H5Aget_type(id)
                 : kind == H5I_DATATYPE ? H5Tcopy(id)
                                        : H5Dget_type(id);
    return ph_leave_id(state, type, "dtype");
}

static PyObject *describe_filter(hid_t list, unsigned place)
{
    unsigned flags, values[MOST_VALUES];
    size_t count = MOST_VALUES;
    char name[64] = "";
    H5Z_filter_t code =
        H5Pget_filter2(list, place, &flags, &count, values, sizeof name, name, NULL);
    count = count < MOST_VALUES ? count : MOST_VALUES;
    PyObject *tuple = code < 0 ? NULL : PyTuple_New((Py_ssize_t)count);
    for (size_t i = 0; tuple && i < count; i++) {
        PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, PyLong_FromUnsignedLong(values[i]));
    }
    return tuple ? Py_BuildValue("(iINs)", (int)code, flags, tuple, name) : NULL;
}

static PyObject *describe_filters(hid_t list)
{
    int count = H5Pget_nfilters(list);
    PyObject *result = PyList_New(0);
    for (int i = 0; result && i < count; i++) {
        PyObject *filter = describe_filter(list, (unsigned)i);
        if (!filter || PyList_Append(result, filter) < 0) {
            Py_CLEAR(result);
        }
        Py_XDECREF(filter);
    }
    return result;
}

static PyObject *describe_chunk(hid_t list)
{
    hsize_t chunk[H5S_MAX_RANK];
    int rank = H5Pget_layout(list) == H5D_CHUNKED ? H5Pget_chunk(list, H5S_MAX_RANK, chunk) : -1;
    PyObject *tuple = rank < 0 ? Py_NewRef(Py_None) : PyTuple_New(rank);
    for (int i = 0; tuple && i < rank; i++) {
        PyTuple_SET_ITEM(tuple, i, PyLong_FromUnsignedLongLong(chunk[i]));
    }
    return tuple;
}

static PyObject *describe_object_fill(hid_t list, hid_t type)
{
    hvl_t room = {0};
    if (H5Tget_size(type) > sizeof room || H5Pget_fill_value(list, type, &room) < 0) {
        return Py_NewRef(Py_None);
    }
    PyObject *result = ph_object_read(type, (char *)&room);
    hid_t space = H5Screate(H5S_SCALAR);
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, &room);
    H5Sclose(space);
    return result;
}

static PyObject *describe_fill(hid_t list, hid_t type)
{
    H5D_fill_value_t state;
    if (H5Pfill_value_defined(list, &state) < 0 || state != H5D_FILL_VALUE_USER_DEFINED) {
        return Py_NewRef(Py_None);
    }
    if (ph_type_points(type)) {
        return describe_object_fill(list, type);
    }
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)H5Tget_size(type));
    if (bytes && H5Pget_fill_value(list, type, PyBytes_AS_STRING(bytes)) < 0) {
        Py_CLEAR(bytes);
    }
    return bytes;
}

static PyObject *describe(hid_t dataset, hid_t list, hid_t type)
{
    static const char *const layouts[] = {"compact", "contiguous", "chunked", "virtual"};
    H5D_layout_t layout = H5Pget_layout(list);
    PyObject *chunk = describe_chunk(list);
    PyObject *filters = chunk ? describe_filters(list) : NULL;
    PyObject *fill = filters ? describe_fill(list, type) : NULL;
    haddr_t offset = H5Dget_offset(dataset);
    if (!fill) {
        Py_XDECREF(filters);
        Py_XDECREF(chunk);
        return NULL;
    }
    H5Eclear2(H5E_DEFAULT);
    H5D_fill_time_t fill_time = H5D_FILL_TIME_IFSET;
    hbool_t times = 0;
    H5Pget_fill_time(list, &fill_time);
    H5Pget_obj_track_times(list, &times);
    return Py_BuildValue("(sNNNLiiO)", layout >= 0 && layout <= H5D_VIRTUAL ? layouts[layout] : "",
                         chunk, filters, fill, offset == HADDR_UNDEF ? -1LL : (long long)offset,
                         H5Pget_external_count(list), (int)fill_time, times ? Py_True : Py_False);
}

/* (layout, chunks, filters, fill in the type, place in the file or -1, external files, fill time,
 * whether times are kept). */
static PyObject *dataset_about(PyObject *module, PyObject *args)
{
    hid_t dataset, type;
    if (!PyArg_ParseTuple(args, "O&O&:dataset_about", ph_id_convert, &dataset, ph_id_convert,
                          &type)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t list = H5Dget_create_plist(dataset);
    PyObject *result = list < 0 ? NULL : describe(dataset, list, type);
    if (!result) {
        ph_error_set("dataset");
    }
    if (list >= 0) {
        H5Pclose(list);
    }
    return ph_leave_object(state, result);
}

/* Whether all its elements have their place in the file. */
static PyObject *dataset_placed(PyObject *module, PyObject *object)
{
    hid_t dataset;
    H5D_space_status_t status;
    if (!ph_id_convert(object, &dataset)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    herr_t code = H5Dget_space_status(dataset, &status);
    return ph_leave_bool(state, code < 0 ? -1 : status == H5D_SPACE_STATUS_ALLOCATED, "dataset");
}

static PyObject *dataset_bytes(PyObject *module, PyObject *object)
{
    hid_t dataset;
    if (!ph_id_convert(object, &dataset)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_object(state, PyLong_FromUnsignedLongLong(H5Dget_storage_size(dataset)));
}

static PyObject *dataset_resize(PyObject *module, PyObject *args)
{
    hid_t dataset;
    PyObject *shape;
    hsize_t lengths[H5S_MAX_RANK];
    if (!PyArg_ParseTuple(args, "O&O:dataset_resize", ph_id_convert, &dataset, &shape) ||
        ph_space_numbers(shape, lengths) < 0) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_none(state, H5Dset_extent(dataset, lengths), "resize");
}

PyMethodDef ph_dataset_methods[] = {
    {"dataset_create", (PyCFunction)(void (*)(void))dataset_create, METH_VARARGS | METH_KEYWORDS,
     "Makes a dataset. Local."},
    {"dataset_about", dataset_about, METH_VARARGS, "How a dataset lies in the file. Local."},
    {"dataset_placed", dataset_placed, METH_O, "Whether all elements have their place. Local."},
    {"dataset_bytes", dataset_bytes, METH_O, "What its elements take in the file. Local."},
    {"dataset_resize", dataset_resize, METH_VARARGS, "Gives it another shape. Local."},
    {"space_about", space_about, METH_O, "Its shape, and its limits. Local."},
    {"type_of", type_of, METH_O, "Its type. Local."},
    {0},
};
