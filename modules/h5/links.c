/* Groups, the names in them, and what they stand for.
 * SPDX-License-Identifier: MIT */
#include "modules/h5/errors.h"
#include "modules/h5/ids.h"
#include "modules/h5/module.h"

/* A list for links that also makes the groups on the way to them. */
static hid_t make_parents(const char *name)
{
    hid_t list = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(list, 1);
    H5Pset_char_encoding(list, ph_name_encoding(name));
    return list;
}

/* A list for paths: other files that they lead to are read by HDF5's plain driver, never through a store. */
static hid_t make_access(void)
{
    hid_t list = H5Pcreate(H5P_LINK_ACCESS), plain = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_sec2(plain);
    H5Pset_elink_fapl(list, plain);
    H5Pset_elink_acc_flags(list, H5F_ACC_RDONLY);
    H5Pclose(plain);
    return list;
}

static PyObject *group_create(PyObject *module, PyObject *args)
{
    hid_t at;
    const char *name;
    int track_order;
    if (!PyArg_ParseTuple(args, "O&O&p:group_create", ph_id_convert, &at, ph_bytes_or_none, &name,
                          &track_order)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t links = make_parents(name), list = H5Pcreate(H5P_GROUP_CREATE);
    if (track_order) {
        H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
        H5Pset_attr_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    }
    hid_t group = name ? H5Gcreate2(at, name, links, list, H5P_DEFAULT)
                       : H5Gcreate_anon(at, list, H5P_DEFAULT);
    if (group < 0) {
        ph_error_set("create_group");
    }
    H5Pclose(links);
    H5Pclose(list);
    return ph_leave_id(state, group, "");
}

static PyObject *object_open(PyObject *module, PyObject *args)
{
    hid_t at;
    const char *name;
    if (!PyArg_ParseTuple(args, "O&y:object_open", ph_id_convert, &at, &name)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t access = make_access(), object = H5Oopen(at, name, access);
    if (object < 0) {
        ph_error_set("object");
    }
    H5Pclose(access);
    return ph_leave_id(state, object, "object");
}

/* What a reference's bytes stand for, wherever at lies in the file. */
static PyObject *object_dereference(PyObject *module, PyObject *args)
{
    hid_t at;
    const char *bytes;
    Py_ssize_t size;
    int is_region;
    if (!PyArg_ParseTuple(args, "O&y#p:object_dereference", ph_id_convert, &at, &bytes, &size,
                          &is_region)) {
        return NULL;
    }
    if ((size_t)size != (is_region ? H5R_DSET_REG_REF_BUF_SIZE : H5R_OBJ_REF_BUF_SIZE)) {
        return PyErr_Format(PyExc_ValueError, "a reference of %zd bytes", size);
    }
    ph_state *state = ph_enter(module);
    return ph_leave_id(
        state, H5Rdereference2(at, H5P_DEFAULT, is_region ? H5R_DATASET_REGION : H5R_OBJECT, bytes),
        "reference");
}

/* (kind, address, file): 'g', 'd', 't' or '?'; equal objects have equal addresses in equal files. */
static PyObject *object_about(PyObject *module, PyObject *object)
{
    hid_t id;
    ph_object_info info;
    if (!ph_id_convert(object, &id)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    if (H5Oget_info2(id, &info, H5O_INFO_BASIC) < 0) {
        return ph_leave_none(state, -1, "object");
    }
    const char *kind = info.type == H5O_TYPE_GROUP            ? "g"
                       : info.type == H5O_TYPE_DATASET        ? "d"
                       : info.type == H5O_TYPE_NAMED_DATATYPE ? "t"
                                                              : "?";
    return ph_leave_object(state, Py_BuildValue("(sKK)", kind, (unsigned long long)info.addr,
                                                (unsigned long long)info.fileno));
}

/* (file, its name): of the file that an object is in, whichever way it was come by. */
static PyObject *object_file(PyObject *module, PyObject *object)
{
    hid_t id;
    char name[4096];
    if (!ph_id_convert(object, &id)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t file = H5Iget_file_id(id);
    ssize_t length = file < 0 ? -1 : H5Fget_name(file, name, sizeof name);
    PyObject *made = length < 0 ? NULL : ph_id_new(state, file);
    if (!made) {
        return ph_leave_none(state, -1, "file");
    }
    return ph_leave_object(state, Py_BuildValue("(Ny)", made, name));
}

static PyObject *object_name(PyObject *module, PyObject *object)
{
    hid_t id;
    if (!ph_id_convert(object, &id)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    ssize_t length = H5Iget_name(id, NULL, 0);
    PyObject *name = length < 0 ? NULL : PyBytes_FromStringAndSize(NULL, length);
    if (name && H5Iget_name(id, PyBytes_AS_STRING(name), (size_t)length + 1) < 0) {
        Py_CLEAR(name);
    }
    if (!name) {
        ph_error_set("name");
    }
    return ph_leave_object(state, name);
}

/* Whether a link of this name is there: of one part, in a group. */
static PyObject *link_exists(PyObject *module, PyObject *args)
{
    hid_t at;
    const char *name;
    if (!PyArg_ParseTuple(args, "O&y:link_exists", ph_id_convert, &at, &name)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t access = make_access();
    htri_t there = H5Lexists(at, name, access);
    if (there < 0) {
        ph_error_set("link");
    }
    H5Pclose(access);
    return ph_leave_bool(state, there, "link");
}

/* Whether what the link names is there too. */
static PyObject *object_exists(PyObject *module, PyObject *args)
{
    hid_t at;
    const char *name;
    if (!PyArg_ParseTuple(args, "O&y:object_exists", ph_id_convert, &at, &name)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t access = make_access();
    htri_t there = H5Oexists_by_name(at, name, access);
    H5Pclose(access);
    H5Eclear2(H5E_DEFAULT);
    return ph_leave_bool(state, there > 0, "object");
}

static herr_t add_link(hid_t Py_UNUSED(group), const char *name, const H5L_info_t *Py_UNUSED(info),
                       void *list)
{
    PyObject *bytes = PyBytes_FromString(name);
    int code = bytes ? PyList_Append(list, bytes) : -1;
    Py_XDECREF(bytes);
    return code;
}

static PyObject *link_names(PyObject *module, PyObject *object)
{
    hid_t at;
    unsigned order = 0;
    PyObject *list = ph_id_convert(object, &at) ? PyList_New(0) : NULL;
    if (!list) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t how = H5Iget_type(at) == H5I_GROUP ? H5Gget_create_plist(at) : -1;
    if (how >= 0) {
        H5Pget_link_creation_order(how, &order);
        H5Pclose(how);
    }
    H5_index_t by = order & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    if (H5Literate(at, by, H5_ITER_INC, NULL, add_link, list) < 0) {
        ph_error_set("keys");
        Py_CLEAR(list);
    }
    return ph_leave_object(state, list);
}

static PyObject *link_count(PyObject *module, PyObject *object)
{
    hid_t at;
    H5G_info_t info;
    if (!ph_id_convert(object, &at)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    if (H5Gget_info(at, &info) < 0) {
        return ph_leave_none(state, -1, "group");
    }
    return ph_leave_object(state, PyLong_FromUnsignedLongLong(info.nlinks));
}

/* ("hard",), ("soft", path) or ("external", file, path). */
static PyObject *describe_link(hid_t at, const char *name)
{
    H5L_info_t info;
    if (H5Lget_info(at, name, &info, H5P_DEFAULT) < 0) {
        return NULL;
    }
    if (info.type == H5L_TYPE_HARD) {
        return Py_BuildValue("(s)", "hard");
    }
    PyObject *value = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)info.u.val_size);
    PyObject *result = NULL;
    const char *file, *path;
    if (value &&
        H5Lget_val(at, name, PyBytes_AS_STRING(value), info.u.val_size, H5P_DEFAULT) >= 0) {
        result = info.type == H5L_TYPE_SOFT
                     ? Py_BuildValue("(sy)", "soft", PyBytes_AS_STRING(value))
                 : H5Lunpack_elink_val(PyBytes_AS_STRING(value), info.u.val_size, NULL, &file,
                                       &path) >= 0
                     ? Py_BuildValue("(syy)", "external", file, path)
                     : NULL;
    }
    Py_XDECREF(value);
    return result;
}

static PyObject *link_about(PyObject *module, PyObject *args)
{
    hid_t at;
    const char *name;
    if (!PyArg_ParseTuple(args, "O&y:link_about", ph_id_convert, &at, &name)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    PyObject *result = describe_link(at, name);
    if (!result) {
        ph_error_set("link");
    }
    return ph_leave_object(state, result);
}

static PyObject *link_delete(PyObject *module, PyObject *args)
{
    hid_t at;
    const char *name;
    if (!PyArg_ParseTuple(args, "O&y:link_delete", ph_id_convert, &at, &name)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_none(state, H5Ldelete(at, name, H5P_DEFAULT), "del");
}

static PyObject *link_hard(PyObject *module, PyObject *args)
{
    hid_t object, at;
    const char *name;
    if (!PyArg_ParseTuple(args, "O&O&y:link_hard", ph_id_convert, &object, ph_id_convert, &at,
                          &name)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t links = make_parents(name);
    herr_t code = H5Olink(object, at, name, links, H5P_DEFAULT);
    if (code < 0) {
        ph_error_set("link");
    }
    H5Pclose(links);
    return ph_leave_none(state, code, "");
}

/* A soft one without a file (None). */
static PyObject *link_soft(PyObject *module, PyObject *args)
{
    hid_t at;
    const char *name, *file, *path;
    if (!PyArg_ParseTuple(args, "O&yO&y:link_soft", ph_id_convert, &at, &name, ph_bytes_or_none,
                          &file, &path)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t links = make_parents(name);
    herr_t code = file ? H5Lcreate_external(file, path, at, name, links, H5P_DEFAULT)
                       : H5Lcreate_soft(path, at, name, links, H5P_DEFAULT);
    if (code < 0) {
        ph_error_set("link");
    }
    H5Pclose(links);
    return ph_leave_none(state, code, "");
}

static PyObject *link_move(PyObject *module, PyObject *args)
{
    hid_t from, to;
    const char *name, *other;
    if (!PyArg_ParseTuple(args, "O&yO&y:link_move", ph_id_convert, &from, &name, ph_id_convert, &to,
                          &other)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t links = make_parents(other);
    herr_t code = H5Lmove(from, name, to, other, links, H5P_DEFAULT);
    if (code < 0) {
        ph_error_set("move");
    }
    H5Pclose(links);
    return ph_leave_none(state, code, "");
}

static PyObject *object_copy(PyObject *module, PyObject *args)
{
    hid_t object, at;
    const char *name;
    int on[5];
    const unsigned flags[5] = {H5O_COPY_SHALLOW_HIERARCHY_FLAG, H5O_COPY_EXPAND_SOFT_LINK_FLAG,
                               H5O_COPY_EXPAND_EXT_LINK_FLAG, H5O_COPY_EXPAND_REFERENCE_FLAG,
                               H5O_COPY_WITHOUT_ATTR_FLAG};
    if (!PyArg_ParseTuple(args, "O&O&yppppp:object_copy", ph_id_convert, &object, ph_id_convert,
                          &at, &name, &on[0], &on[1], &on[2], &on[3], &on[4])) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    hid_t links = make_parents(name), list = H5Pcreate(H5P_OBJECT_COPY);
    for (int i = 0; i < 5; i++) {
        unsigned before = 0;
        H5Pget_copy_object(list, &before);
        H5Pset_copy_object(list, before | (on[i] ? flags[i] : 0));
    }
    herr_t code = H5Ocopy(object, ".", at, name, list, links);
    if (code < 0) {
        ph_error_set("copy");
    }
    H5Pclose(list);
    H5Pclose(links);
    return ph_leave_none(state, code, "");
}

PyMethodDef ph_link_methods[] = {
    {"group_create", group_create, METH_VARARGS, "Makes a group. Local."},
    {"object_open", object_open, METH_VARARGS, "Opens a group, dataset or type. Local."},
    {"object_dereference", object_dereference, METH_VARARGS, "What a reference is to. Local."},
    {"object_copy", object_copy, METH_VARARGS, "Copies an object. Local."},
    {"object_about", object_about, METH_O, "(kind, address, file) of an object. Local."},
    {"object_file", object_file, METH_O, "The file that it is in, and its name. Local."},
    {"object_name", object_name, METH_O, "One of its names, or nothing. Local."},
    {"object_exists", object_exists, METH_VARARGS, "Whether a link leads anywhere. Local."},
    {"link_exists", link_exists, METH_VARARGS, "Whether a group has such a name. Local."},
    {"link_names", link_names, METH_O, "The names in a group. Local."},
    {"link_count", link_count, METH_O, "How many there are. Local."},
    {"link_about", link_about, METH_VARARGS, "Which kind of link it is. Local."},
    {"link_delete", link_delete, METH_VARARGS, "Takes a name away. Local."},
    {"link_hard", link_hard, METH_VARARGS, "Gives an object a name. Local."},
    {"link_soft", link_soft, METH_VARARGS, "Names a path, of another file or none. Local."},
    {"link_move", link_move, METH_VARARGS, "Gives an object another name. Local."},
    {0},
};
