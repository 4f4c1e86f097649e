/* Attributes.
 * SPDX-License-Identifier: MIT */
#include "modules/h5/errors.h"
#include "modules/h5/ids.h"
#include "modules/h5/module.h"
#include "modules/h5/space.h"

static PyObject *attribute_create(PyObject *module, PyObject *args)
{
    hid_t at, type;
    const char *name;
    PyObject *shape;
    if (!PyArg_ParseTuple(args, "O&yO&O:attribute_create", ph_id_convert, &at, &name, ph_id_convert,
                          &type, &shape)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t space = ph_space_make(shape, Py_None);
    hid_t list = H5Pcreate(H5P_ATTRIBUTE_CREATE);
    H5Pset_char_encoding(list, H5T_CSET_UTF8);
    hid_t made = space < 0 ? -1 : H5Acreate2(at, name, type, space, list, H5P_DEFAULT);
    if (made < 0) {
        ph_error_set("attrs");
    }
    H5Pclose(list);
    if (space >= 0) {
        H5Sclose(space);
    }
    return ph_leave_id(state, made, "attrs");
}

static PyObject *attribute_open(PyObject *module, PyObject *args)
{
    hid_t at;
    const char *name;
    if (!PyArg_ParseTuple(args, "O&y:attribute_open", ph_id_convert, &at, &name)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_id(state, H5Aopen(at, name, H5P_DEFAULT), "attrs");
}

static PyObject *attribute_exists(PyObject *module, PyObject *args)
{
    hid_t at;
    const char *name;
    if (!PyArg_ParseTuple(args, "O&y:attribute_exists", ph_id_convert, &at, &name)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_bool(state, H5Aexists(at, name), "attrs");
}

static PyObject *attribute_delete(PyObject *module, PyObject *args)
{
    hid_t at;
    const char *name;
    if (!PyArg_ParseTuple(args, "O&y:attribute_delete", ph_id_convert, &at, &name)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_none(state, H5Adelete(at, name), "attrs");
}

static PyObject *attribute_rename(PyObject *module, PyObject *args)
{
    hid_t at;
    const char *name, *other;
    if (!PyArg_ParseTuple(args, "O&yy:attribute_rename", ph_id_convert, &at, &name, &other)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_none(state, H5Arename(at, name, other), "attrs");
}

static herr_t add_name(hid_t Py_UNUSED(at), const char *name, const H5A_info_t *Py_UNUSED(info),
                       void *list)
{
    PyObject *bytes = PyBytes_FromString(name);
    int code = bytes ? PyList_Append(list, bytes) : -1;
    Py_XDECREF(bytes);
    return code;
}

static H5_index_t order_of(hid_t at)
{
    unsigned order = 0;
    H5I_type_t kind = H5Iget_type(at);
    hid_t list = kind == H5I_GROUP     ? H5Gget_create_plist(at)
                 : kind == H5I_DATASET ? H5Dget_create_plist(at)
                                       : -1;
    if (list >= 0) {
        H5Pget_attr_creation_order(list, &order);
        H5Pclose(list);
    }
    return order & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

static PyObject *attribute_names(PyObject *module, PyObject *object)
{
    hid_t at;
    PyObject *list = ph_id_convert(object, &at) ? PyList_New(0) : NULL;
    if (!list) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    if (H5Aiterate2(at, order_of(at), H5_ITER_INC, NULL, add_name, list) < 0) {
        ph_error_set("attrs");
        Py_CLEAR(list);
    }
    return ph_leave_object(state, list);
}

PyMethodDef ph_attribute_methods[] = {
    {"attribute_create", attribute_create, METH_VARARGS, "Makes an attribute. Local."},
    {"attribute_open", attribute_open, METH_VARARGS, "Opens an attribute. Local."},
    {"attribute_exists", attribute_exists, METH_VARARGS, "Whether it is there. Local."},
    {"attribute_delete", attribute_delete, METH_VARARGS, "Takes it away. Local."},
    {"attribute_rename", attribute_rename, METH_VARARGS, "Gives it another name. Local."},
    {"attribute_names", attribute_names, METH_O, "The names of all. Local."},
    {0},
};
