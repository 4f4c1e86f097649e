/* HDF5's types as tuples, and back.
 * SPDX-License-Identifier: MIT */
#include "modules/h5/types.h"

#include "modules/h5/errors.h"
#include "modules/h5/ids.h"

/* ---- tuples to types ---------------------------------------------------------------------- */

static hid_t with_order(hid_t base, size_t size, bool big)
{
    hid_t type = H5Tcopy(base);
    if (type >= 0 && (H5Tset_size(type, size) < 0 ||
                      H5Tset_order(type, big ? H5T_ORDER_BE : H5T_ORDER_LE) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

/* IEEE 754's binary16, which HDF5 has no name for. */
static hid_t make_half(bool big)
{
    hid_t type = with_order(H5T_IEEE_F32LE, 4, big);
    if (type >= 0 && (H5Tset_fields(type, 15, 10, 5, 0, 10) < 0 || H5Tset_precision(type, 16) < 0 ||
                      H5Tset_size(type, 2) < 0 || H5Tset_ebias(type, 15) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

static hid_t make_number(char kind, PyObject *description)
{
    Py_ssize_t size;
    int big;
    if (!PyArg_ParseTuple(description, "Onp", &description, &size, &big)) {
        return -1;
    }
    if (kind == 'f') {
        return size == 2   ? make_half(big)
               : size == 4 ? H5Tcopy(big ? H5T_IEEE_F32BE : H5T_IEEE_F32LE)
               : size == 8 ? H5Tcopy(big ? H5T_IEEE_F64BE : H5T_IEEE_F64LE)
                           : H5Tcopy(H5T_NATIVE_LDOUBLE);
    }
    return with_order(kind == 'i'   ? H5T_STD_I64LE
                      : kind == 'u' ? H5T_STD_U64LE
                                    : H5T_STD_B64LE,
                      (size_t)size, big);
}

static hid_t make_text(char kind, PyObject *description)
{
    Py_ssize_t size = 0;
    int utf8, padding = H5T_STR_NULLTERM;
    if (kind == 's' ? !PyArg_ParseTuple(description, "Onpi", &description, &size, &utf8, &padding)
                    : !PyArg_ParseTuple(description, "Op", &description, &utf8)) {
        return -1;
    }
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, kind == 's' ? (size_t)(size > 0 ? size : 1) : H5T_VARIABLE);
    H5Tset_strpad(type, (H5T_str_t)padding);
    H5Tset_cset(type, utf8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII);
    return type;
}

static hid_t make_opaque(PyObject *description)
{
    Py_ssize_t size;
    const char *tag;
    if (!PyArg_ParseTuple(description, "Ony", &description, &size, &tag)) {
        return -1;
    }
    hid_t type = H5Tcreate(H5T_OPAQUE, (size_t)size);
    if (type >= 0) {
        H5Tset_tag(type, tag);
    }
    return type;
}

static int add_member(hid_t whole, PyObject *member)
{
    const char *name;
    Py_ssize_t offset;
    PyObject *description;
    if (!PyArg_ParseTuple(member, "ynO", &name, &offset, &description)) {
        return -1;
    }
    hid_t type = ph_type_make(description);
    int result = type < 0 ? -1 : H5Tinsert(whole, name, (size_t)offset, type);
    if (type >= 0) {
        H5Tclose(type);
    }
    return result < 0 ? ph_error_set("compound type") : 0;
}

static hid_t make_compound(PyObject *description)
{
    Py_ssize_t size;
    PyObject *members;
    if (!PyArg_ParseTuple(description, "OnO!", &description, &size, &PyTuple_Type, &members)) {
        return -1;
    }
    hid_t type = H5Tcreate(H5T_COMPOUND, (size_t)size);
    for (Py_ssize_t i = 0; type >= 0 && i < PyTuple_GET_SIZE(members); i++) {
        if (add_member(type, PyTuple_GET_ITEM(members, i)) < 0) {
            H5Tclose(type);
            return -1;
        }
    }
    return type;
}

static int add_name(hid_t type, hid_t base, PyObject *member)
{
    const char *name;
    PyObject *number;
    if (!PyArg_ParseTuple(member, "yO", &name, &number)) {
        return -1;
    }
    long long value = H5Tget_sign(base) == H5T_SGN_NONE
                          ? (long long)PyLong_AsUnsignedLongLongMask(number)
                          : PyLong_AsLongLong(number);
    if (PyErr_Occurred() || H5Tconvert(H5T_NATIVE_LLONG, base, 1, &value, NULL, H5P_DEFAULT) < 0) {
        return -1;
    }
    return H5Tenum_insert(type, name, &value) < 0 ? -1 : 0;
}

static hid_t make_enumeration(PyObject *description)
{
    PyObject *of, *members;
    if (!PyArg_ParseTuple(description, "OOO!", &description, &of, &PyTuple_Type, &members)) {
        return -1;
    }
    hid_t base = ph_type_make(of);
    hid_t type = base < 0 ? base : H5Tenum_create(base);
    for (Py_ssize_t i = 0; type >= 0 && i < PyTuple_GET_SIZE(members); i++) {
        if (add_name(type, base, PyTuple_GET_ITEM(members, i)) < 0) {
            H5Tclose(type);
            type = -1;
        }
    }
    if (base >= 0) {
        H5Tclose(base);
    }
    return type;
}

/* Sequences and arrays of another type. */
static hid_t make_of(char kind, PyObject *description)
{
    PyObject *of, *lengths = NULL;
    hsize_t dims[H5S_MAX_RANK];
    if (!PyArg_ParseTuple(description, "OO|O!", &description, &of, &PyTuple_Type, &lengths)) {
        return -1;
    }
    Py_ssize_t rank = lengths ? PyTuple_GET_SIZE(lengths) : 0;
    for (Py_ssize_t i = 0; i < rank && i < H5S_MAX_RANK; i++) {
        dims[i] = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(lengths, i));
    }
    hid_t base = PyErr_Occurred() || rank > H5S_MAX_RANK ? -1 : ph_type_make(of);
    if (base < 0) {
        return base;
    }
    hid_t type = kind == 'v' ? H5Tvlen_create(base) : H5Tarray_create2(base, (unsigned)rank, dims);
    H5Tclose(base);
    return type;
}

static hid_t make(PyObject *description)
{
    const char *kind = PyTuple_Check(description) && PyTuple_GET_SIZE(description) > 0
                           ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(description, 0))
                           : NULL;
    switch (kind ? kind[0] : 0) {
    case 'i':
    case 'u':
    case 'f':
    case 'b':
        return make_number(kind[0], description);
    case 's':
    case 'S':
        return make_text(kind[0], description);
    case 'V':
        return make_opaque(description);
    case 'c':
        return make_compound(description);
    case 'e':
        return make_enumeration(description);
    case 'v':
    case 'a':
        return make_of(kind[0], description);
    case 'r':
        return H5Tcopy(PyObject_IsTrue(PyTuple_GetItem(description, 1)) ? H5T_STD_REF_DSETREG
                                                                        : H5T_STD_REF_OBJ);
    default:
        PyErr_Format(PyExc_TypeError, "%R describes no type", description);
        return -1;
    }
}

hid_t ph_type_make(PyObject *description)
{
    if (Py_EnterRecursiveCall(" in a type")) {
        return -1;
    }
    hid_t type = make(description);
    Py_LeaveRecursiveCall();
    if (type < 0) {
        ph_error_set("type");
    }
    return type;
}

/* ---- types to tuples ---------------------------------------------------------------------- */

/* The description of a type, which is closed. */
static PyObject *describe_part(hid_t type)
{
    PyObject *result = type < 0 ? NULL : ph_type_describe(type);
    if (type >= 0) {
        H5Tclose(type);
    } else {
        ph_error_set("type");
    }
    return result;
}

static PyObject *describe_number(hid_t type, const char *kind)
{
    return Py_BuildValue("(snO)", kind, (Py_ssize_t)H5Tget_size(type),
                         H5Tget_order(type) == H5T_ORDER_BE ? Py_True : Py_False);
}

static PyObject *describe_text(hid_t type)
{
    PyObject *utf8 = H5Tget_cset(type) == H5T_CSET_UTF8 ? Py_True : Py_False;
    return H5Tis_variable_str(type) > 0
               ? Py_BuildValue("(sO)", "S", utf8)
               : Py_BuildValue("(snOi)", "s", (Py_ssize_t)H5Tget_size(type), utf8,
                               (int)H5Tget_strpad(type));
}

static PyObject *describe_opaque(hid_t type)
{
    char *tag = H5Tget_tag(type);
    PyObject *result = Py_BuildValue("(sny)", "V", (Py_ssize_t)H5Tget_size(type), tag ? tag : "");
    H5free_memory(tag);
    return result;
}

static PyObject *describe_member(hid_t type, unsigned place)
{
    char *name = H5Tget_member_name(type, place);
    PyObject *part = name ? describe_part(H5Tget_member_type(type, place)) : NULL;
    PyObject *result =
        part ? Py_BuildValue("(ynN)", name, (Py_ssize_t)H5Tget_member_offset(type, place), part)
             : NULL;
    H5free_memory(name);
    return result;
}

static PyObject *describe_name(hid_t type, unsigned place)
{
    long long value = 0;
    hid_t base = H5Tget_super(type);
    bool is_unsigned = H5Tget_sign(base) == H5T_SGN_NONE;
    char *name = H5Tget_member_name(type, place);
    bool fine = name && H5Tget_member_value(type, place, &value) >= 0 &&
                H5Tconvert(base, is_unsigned ? H5T_NATIVE_ULLONG : H5T_NATIVE_LLONG, 1, &value,
                           NULL, H5P_DEFAULT) >= 0;
    PyObject *result = !fine         ? NULL
                       : is_unsigned ? Py_BuildValue("(yK)", name, (unsigned long long)value)
                                     : Py_BuildValue("(yL)", name, value);
    H5free_memory(name);
    H5Tclose(base);
    if (!result) {
        ph_error_set("type");
    }
    return result;
}

static PyObject *describe_members(hid_t type, PyObject *(*describe)(hid_t type, unsigned place))
{
    int count = H5Tget_nmembers(type);
    PyObject *members = PyTuple_New(count < 0 ? 0 : count);
    for (int i = 0; members && i < count; i++) {
        PyObject *member = describe(type, (unsigned)i);
        if (!member) {
            Py_DECREF(members);
            return NULL;
        }
        PyTuple_SET_ITEM(members, i, member);
    }
    return members;
}

static PyObject *describe_compound(hid_t type)
{
    PyObject *members = describe_members(type, describe_member);
    return members ? Py_BuildValue("(snN)", "c", (Py_ssize_t)H5Tget_size(type), members) : NULL;
}

static PyObject *describe_enumeration(hid_t type)
{
    PyObject *base = describe_part(H5Tget_super(type));
    PyObject *members = base ? describe_members(type, describe_name) : NULL;
    if (!members) {
        Py_XDECREF(base);
        return NULL;
    }
    return Py_BuildValue("(sNN)", "e", base, members);
}

static PyObject *describe_array(hid_t type)
{
    hsize_t dims[H5S_MAX_RANK];
    int rank = H5Tget_array_ndims(type);
    if (rank < 0 || H5Tget_array_dims2(type, dims) < 0) {
        ph_error_set("type");
        return NULL;
    }
    PyObject *base = describe_part(H5Tget_super(type));
    PyObject *lengths = base ? PyTuple_New(rank) : NULL;
    for (int i = 0; lengths && i < rank; i++) {
        PyTuple_SET_ITEM(lengths, i, PyLong_FromUnsignedLongLong(dims[i]));
    }
    return lengths ? Py_BuildValue("(sNN)", "a", base, lengths) : NULL;
}

static PyObject *describe_sequence(hid_t type)
{
    PyObject *base = describe_part(H5Tget_super(type));
    return base ? Py_BuildValue("(sN)", "v", base) : NULL;
}

PyObject *ph_type_describe(hid_t type)
{
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        return describe_number(type, H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "i");
    case H5T_BITFIELD:
        return describe_number(type, "b");
    case H5T_FLOAT:
        return describe_number(type, "f");
    case H5T_STRING:
        return describe_text(type);
    case H5T_OPAQUE:
        return describe_opaque(type);
    case H5T_COMPOUND:
        return describe_compound(type);
    case H5T_ENUM:
        return describe_enumeration(type);
    case H5T_ARRAY:
        return describe_array(type);
    case H5T_VLEN:
        return describe_sequence(type);
    case H5T_REFERENCE:
        return Py_BuildValue("(sO)", "r",
                             H5Tequal(type, H5T_STD_REF_DSETREG) > 0 ? Py_True : Py_False);
    default:
        PyErr_SetString(PyExc_TypeError, "a type of HDF5's that NumPy has none for");
        return NULL;
    }
}

static bool member_points(hid_t type)
{
    bool points = false;
    for (int i = 0; i < H5Tget_nmembers(type) && !points; i++) {
        hid_t part = H5Tget_member_type(type, (unsigned)i);
        points = ph_type_points(part);
        H5Tclose(part);
    }
    return points;
}

bool ph_type_points(hid_t type)
{
    bool points;
    hid_t base;
    switch (H5Tget_class(type)) {
    case H5T_VLEN:
    case H5T_REFERENCE: /* Python has objects for them too */
        return true;
    case H5T_STRING:
        return H5Tis_variable_str(type) > 0;
    case H5T_COMPOUND:
        return member_points(type);
    case H5T_ARRAY:
        base = H5Tget_super(type);
        points = ph_type_points(base);
        H5Tclose(base);
        return points;
    default:
        return false;
    }
}

/* ---- for Python --------------------------------------------------------------------------- */

static PyObject *type_make(PyObject *module, PyObject *description)
{
    ph_state *state = ph_enter(module);
    return ph_leave_id(state, ph_type_make(description), "type");
}

static PyObject *type_describe(PyObject *module, PyObject *object)
{
    hid_t type;
    if (!ph_id_convert(object, &type)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_object(state, ph_type_describe(type));
}

static PyObject *type_commit(PyObject *module, PyObject *args)
{
    hid_t at, type;
    const char *name;
    if (!PyArg_ParseTuple(args, "O&yO&", ph_id_convert, &at, &name, ph_id_convert, &type)) {
        return NULL;
    }
    ph_state *state = ph_enter(module);
    return ph_leave_none(state, H5Tcommit2(at, name, type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                         "type_commit");
}

PyMethodDef ph_type_methods[] = {
    {"type_make", type_make, METH_O, "The Id of a type, of its description. Local."},
    {"type_describe", type_describe, METH_O, "The description of a type. Local."},
    {"type_commit", type_commit, METH_VARARGS, "Gives a type a name in a file. Local."},
    {0},
};
