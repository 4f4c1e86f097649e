/* Cart: making it, and where its ranks are.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/cart.h"

#include "modules/common/errors.h"
#include "modules/mpi/collectives.h"
#include "modules/mpi/grid.h"
#include "modules/mpi/make.h"
#include "modules/mpi/neighbors.h"

int pm_cart_read(const pm_comm *cart, pm_grid *grid, const char *call)
{
    if (!pm_comm_usable(cart, call)) {
        return -1;
    }
    int code = MPI_Cartdim_get(cart->users, &grid->count);
    if (code == MPI_SUCCESS && grid->count > PM_CART_MOST) {
        return pc_error_say(call, "%d dimensions; pympi knows %d", grid->count, PM_CART_MOST);
    }
    if (code == MPI_SUCCESS) {
        code = MPI_Cart_get(cart->users, grid->count, grid->dims, grid->periods, grid->coords);
    }
    return pc_error_check(call, code);
}

/* All ranks are here and ask for the same. MPI_Cart_create is called for those outside too. */
static PyObject *make(pm_comm *comm, const pm_grid *grid)
{
    MPI_Comm users, inner;
    int code = MPI_Cart_create(comm->inner, grid->count, grid->dims, grid->periods, 0, &users);
    if (code != MPI_SUCCESS) {
        pc_error_set("MPI_Cart_create", code);
        return NULL;
    }
    if (users == MPI_COMM_NULL) {
        Py_RETURN_NONE;
    }
    return pm_make_twin(comm, users, &inner) < 0
               ? NULL
               : pm_make_child(pm_state_of_type(Py_TYPE(comm)), comm, users, inner);
}

PyObject *pm_cart_dup(pm_comm *cart)
{
    pm_grid grid;
    return pm_cart_read(cart, &grid, "dup") < 0 ? NULL : make(cart, &grid);
}

/* Meets the others, and raises on all ranks when one asked for something else. Takes over mine. */
static int agree(pm_comm *comm, PyObject *mine, const char *call)
{
    PyObject *all = mine ? pm_collective_list(comm, mine, call) : NULL;
    int result = all ? 0 : -1;
    for (int rank = 1; result == 0 && rank < comm->size; rank++) {
        PyObject *first = PyList_GET_ITEM(all, 0), *other = PyList_GET_ITEM(all, rank);
        int same = PyObject_RichCompareBool(first, other, Py_EQ);
        if (same == 0) {
            PyErr_Format(PyExc_ValueError, "%s: rank %d asked for %R, rank 0 for %R", call, rank,
                         other, first);
        }
        result = same > 0 ? 0 : -1;
    }
    Py_XDECREF(all);
    Py_XDECREF(mine);
    return result;
}

const char pm_comm_cart_doc[] =
    "cart($self, /, dims, periods=False)\n--\n\n"
    "Makes a Cart, whose ranks are the points of a grid, the last coordinate running fastest.\n"
    "Collective over comm. Ranks that are left over get None.\n\n"
    "dims: the extent of each dimension; 0 lets MPI choose one such that no rank is left over.\n"
    "A number: so many dimensions, chosen by MPI. periods: whether the grid is closed, for all\n"
    "dimensions or one by one.\n"
    "Raises ValueError when comm has not enough ranks, or ranks give different arguments.";

PyObject *pm_comm_cart(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"dims", "periods", NULL};
    PyObject *dims, *periods = Py_False;
    pm_comm *comm = (pm_comm *)self;
    pm_grid grid;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:cart", names, &dims, &periods) ||
        !pm_comm_has_one_side(comm, "cart") ||
        pm_grid_read_dims(&grid, dims, comm->size, "cart") < 0 ||
        pm_grid_read_flags(periods, "cart", "periods", grid.count, grid.periods) < 0) {
        return NULL;
    }
    PyObject *mine = Py_BuildValue("(NN)", pm_grid_ints(grid.dims, grid.count),
                                   pm_grid_flags(grid.periods, grid.count));
    return agree(comm, mine, "cart") < 0 ? NULL : make(comm, &grid);
}

PyDoc_STRVAR(sub_doc,
             "sub($self, /, keep)\n--\n\n"
             "Cuts the grid into grids of fewer dimensions: the Cart of this rank's.\n"
             "Collective over comm.\n\n"
             "keep: for each dimension whether it stays. Raises ValueError when none does, or\n"
             "ranks give different arguments.");

static PyObject *cart_sub(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"keep", NULL};
    PyObject *keep;
    pm_comm *cart = (pm_comm *)self;
    pm_grid grid;
    MPI_Comm users, inner;
    int flags[PM_CART_MOST], kept = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:sub", names, &keep) ||
        pm_cart_read(cart, &grid, "sub") < 0 ||
        pm_grid_read_flags(keep, "sub", "keep", grid.count, flags) < 0) {
        return NULL;
    }
    for (int i = 0; i < grid.count; i++) {
        kept += flags[i];
    }
    if (!kept) {
        return PyErr_Format(PyExc_ValueError, "sub: keep %R keeps no dimension", keep);
    }
    if (agree(cart, pm_grid_flags(flags, grid.count), "sub") < 0 ||
        pc_error_check("MPI_Cart_sub", MPI_Cart_sub(cart->users, flags, &users)) < 0 ||
        pm_make_twin(cart, users, &inner) < 0) {
        return NULL;
    }
    return pm_make_child(pm_state_of_type(Py_TYPE(self)), cart, users, inner);
}

PyDoc_STRVAR(coords_of_doc, "coords_of($self, /, rank)\n--\n\n"
                            "The coordinates of a rank.\nLocal.");

static PyObject *cart_coords_of(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"rank", NULL};
    PyObject *value;
    pm_comm *cart = (pm_comm *)self;
    pm_grid grid;
    int rank;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:coords_of", names, &value) ||
        pm_cart_read(cart, &grid, "coords_of") < 0 ||
        !pm_comm_read_rank(cart, value, "coords_of", "rank", &rank) ||
        pc_error_check("MPI_Cart_coords",
                       MPI_Cart_coords(cart->users, rank, grid.count, grid.coords)) < 0) {
        return NULL;
    }
    return pm_grid_ints(grid.coords, grid.count);
}

PyDoc_STRVAR(rank_of_doc, "rank_of($self, /, coords)\n--\n\n"
                          "The rank at these coordinates; in closed dimensions they come round.\n"
                          "Local. Raises ValueError for coordinates outside the grid.");

static PyObject *cart_rank_of(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"coords", NULL};
    PyObject *value;
    pm_comm *cart = (pm_comm *)self;
    pm_grid grid;
    int rank;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:rank_of", names, &value) ||
        pm_cart_read(cart, &grid, "rank_of") < 0 ||
        pm_grid_read_coords(&grid, value, "rank_of") < 0 ||
        pc_error_check("MPI_Cart_rank", MPI_Cart_rank(cart->users, grid.coords, &rank)) < 0) {
        return NULL;
    }
    return PyLong_FromLong(rank);
}

PyDoc_STRVAR(shift_doc,
             "shift($self, /, direction, by=1)\n--\n\n"
             "(source, dest): the ranks by steps behind and ahead in a dimension.\n"
             "Local. PROC_NULL stands where the grid has ended.\n\n"
             "direction: the number of the dimension. Raises ValueError when there is none such.");

static PyObject *cart_shift(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"direction", "by", NULL};
    PyObject *value, *by_value = NULL;
    pm_comm *cart = (pm_comm *)self;
    pm_grid grid;
    int direction, by = 1, source, dest;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:shift", names, &value, &by_value) ||
        pm_cart_read(cart, &grid, "shift") < 0 ||
        pm_grid_read_int(value, "shift", "direction", 0, grid.count - 1, &direction) < 0 ||
        (by_value && pm_grid_read_int(by_value, "shift", "by", -INT_MAX, INT_MAX, &by) < 0) ||
        pc_error_check("MPI_Cart_shift",
                       MPI_Cart_shift(cart->users, direction, by, &source, &dest)) < 0) {
        return NULL;
    }
    return Py_BuildValue("(ii)", source, dest);
}

static PyObject *cart_dims(PyObject *self, void *Py_UNUSED(unused))
{
    pm_grid grid;
    return pm_cart_read((pm_comm *)self, &grid, "dims") < 0 ? NULL
                                                            : pm_grid_ints(grid.dims, grid.count);
}

static PyObject *cart_periods(PyObject *self, void *Py_UNUSED(unused))
{
    pm_grid grid;
    return pm_cart_read((pm_comm *)self, &grid, "periods") < 0
               ? NULL
               : pm_grid_flags(grid.periods, grid.count);
}

static PyObject *cart_coords(PyObject *self, void *Py_UNUSED(unused))
{
    pm_grid grid;
    return pm_cart_read((pm_comm *)self, &grid, "coords") < 0
               ? NULL
               : pm_grid_ints(grid.coords, grid.count);
}

#define KEYWORDS(function) (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS
static PyMethodDef cart_methods[] = {
    {"sub", KEYWORDS(cart_sub), sub_doc},
    {"coords_of", KEYWORDS(cart_coords_of), coords_of_doc},
    {"rank_of", KEYWORDS(cart_rank_of), rank_of_doc},
    {"shift", KEYWORDS(cart_shift), shift_doc},
    {"neighbor_allgather", KEYWORDS(pm_cart_neighbor_allgather), pm_cart_neighbor_allgather_doc},
    {"neighbor_alltoall", KEYWORDS(pm_cart_neighbor_alltoall), pm_cart_neighbor_alltoall_doc},
    {0},
};
#undef KEYWORDS

static PyGetSetDef cart_getset[] = {
    {"dims", cart_dims, NULL, "The extent of each dimension.", NULL},
    {"periods", cart_periods, NULL, "Whether each dimension is closed.", NULL},
    {"coords", cart_coords, NULL, "This rank's coordinates.", NULL},
    {"neighbors", pm_cart_neighbors, NULL, pm_cart_neighbors_doc, NULL},
    {0},
};

PyDoc_STRVAR(cart_doc,
             "A communicator whose ranks are the points of a grid; Comm.cart() makes it.");

static PyType_Slot cart_slots[] = {
    {Py_tp_dealloc, pm_comm_dealloc},
    {Py_tp_methods, cart_methods},
    {Py_tp_getset, cart_getset},
    {Py_tp_doc, (void *)cart_doc},
    {0, NULL},
};

static PyType_Spec cart_spec = {
    .name = "pympi.mpi.Cart",
    .basicsize = sizeof(pm_comm),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = cart_slots,
};

int pm_cart_setup(PyObject *module)
{
    pm_state *state = pm_state_of_module(module);
    state->cart_type =
        (PyTypeObject *)PyType_FromModuleAndSpec(module, &cart_spec, (PyObject *)state->comm_type);
    return state->cart_type ? PyModule_AddType(module, state->cart_type) : -1;
}
