/* Collectives of objects as trees of letters.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/collectives.h"

#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/post.h"

int pm_collective_begin(pm_collective *one, pm_comm *comm, const char *call)
{
    if (!pm_comm_usable(comm, call)) {
        return -1;
    }
    if (comm->inner == MPI_COMM_NULL) {
        return pc_error_say(call, "other programs are in this job and take no part; use mpi.app");
    }
    *one = (pm_collective){pm_state_of_type(Py_TYPE(comm)), comm, call,
                           pc_runtime_collective_tag(comm->sequence++)};
    return 0;
}

static int start_sending(const pm_collective *one, pm_sending *sending, pm_letter *letter, int dest)
{
    return pm_post_start(sending, letter, dest, pm_comm_world_rank(one->comm, dest), one->tag,
                         one->comm->inner, one->call);
}

int pm_collective_send(const pm_collective *one, pm_letter *letter, int dest)
{
    pm_sending sending;
    return start_sending(one, &sending, letter, dest) < 0 ? -1
                                                          : pm_post_finish(&sending, one->call);
}

pm_letter *pm_collective_fetch(const pm_collective *one, int source)
{
    return pm_post_fetch(one->state, source, one->tag, one->comm->inner, MPI_STATUS_IGNORE,
                         one->call);
}

PyObject *pm_collective_take_exception(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback) {
        PyException_SetTraceback(value, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

void pm_collective_raise(PyObject *exception)
{
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_DECREF(exception);
}

pm_letter *pm_collective_encode(const pm_collective *one, PyObject *value, PyObject **failed_p)
{
    pm_letter *letter = value ? pm_encode(one->state, value, false) : NULL;
    if (letter) {
        return letter;
    }
    PyObject *failed = pm_collective_take_exception();
    PyErr_SetObject((PyObject *)Py_TYPE(failed), failed);
    letter = pm_encode_failure(one->state);
    Py_XSETREF(*failed_p, failed);
    return letter;
}

PyObject *pm_collective_copy(const pm_collective *one, PyObject *value)
{
    pm_letter *letter = pm_encode(one->state, value, true);
    PyObject *copy = letter ? pm_decode(one->state, letter, one->call) : NULL;
    Py_XDECREF(letter);
    return copy;
}

/* The binomial tree over ranks counted from the root. */
static pm_letter *fetch_from_parent(const pm_collective *one, int from_root, int root, int *reach_p)
{
    int reach = 1, size = one->comm->size;
    while (reach < size && !(from_root & reach)) {
        reach <<= 1;
    }
    *reach_p = reach;
    return pm_collective_fetch(one, (from_root - reach + root) % size);
}

static int send_to_children(const pm_collective *one, pm_letter *letter, int from_root, int root,
                            int reach)
{
    pm_sending sendings[32];
    int count = 0, result = 0, size = one->comm->size;
    for (reach >>= 1; reach > 0 && result == 0; reach >>= 1) {
        if (from_root + reach < size) {
            result =
                start_sending(one, &sendings[count], letter, (from_root + reach + root) % size);
            count += result == 0;
        }
    }
    for (int i = 0; i < count; i++) {
        if (pm_post_finish(&sendings[i], one->call) < 0) {
            result = -1;
        }
    }
    return result;
}

pm_letter *pm_collective_spread(const pm_collective *one, pm_letter *letter, int root)
{
    int size = one->comm->size, reach = 1;
    int from_root = (one->comm->rank - root + size) % size;
    if (from_root == 0) {
        Py_INCREF(letter);
        while (reach < size) {
            reach <<= 1;
        }
    } else {
        letter = fetch_from_parent(one, from_root, root, &reach);
    }
    if (letter && send_to_children(one, letter, from_root, root, reach) < 0) {
        Py_CLEAR(letter);
    }
    return letter;
}

/* Dissemination (Hensgen, Finkel, Manber 1988): after round k everybody has heard of 2^(k+1) ranks. */
static int meet(const pm_collective *one)
{
    int rank = one->comm->rank, size = one->comm->size;
    pm_letter *word = pm_encode(one->state, Py_None, true);
    int result = word ? 0 : -1;
    for (int step = 1; step < size && result == 0; step <<= 1) {
        pm_sending sending;
        result = start_sending(one, &sending, word, (rank + step) % size);
        if (result == 0) {
            pm_letter *heard = pm_collective_fetch(one, (rank - step + size) % size);
            result = heard ? 0 : -1;
            Py_XDECREF(heard);
            result = pm_post_finish(&sending, one->call) < 0 ? -1 : result;
        }
    }
    Py_XDECREF(word);
    return result;
}

int pm_collective_meet(pm_comm *comm, const char *call)
{
    pm_collective one;
    return pm_collective_begin(&one, comm, call) < 0 ? -1 : meet(&one);
}

const char pm_comm_barrier_doc[] = "barrier($self, /)\n--\n\n"
                                   "Returns when every rank has called it.\n"
                                   "Collective over comm. log2(size) messages a rank.";

PyObject *pm_comm_barrier(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, ":barrier", names) ||
        pm_collective_meet((pm_comm *)self, "barrier") < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Parses (obj, root) or so, checks root, begins the collective. */
static int begin_rooted(pm_collective *one, PyObject *self, PyObject *root_value, int *root_p,
                        const char *call)
{
    *root_p = 0;
    if (root_value && !pm_comm_read_rank((pm_comm *)self, root_value, call, "root", root_p)) {
        return -1;
    }
    return pm_collective_begin(one, (pm_comm *)self, call);
}

const char pm_comm_bcast_doc[] =
    "bcast($self, /, obj=None, root=0)\n--\n\n"
    "Gives every rank root's object; root gets its own back.\n"
    "Collective over comm. A binomial tree: log2(size) messages at most a rank.\n\n"
    "What other ranks give as obj does not matter. When root's object cannot be sent, root\n"
    "raises what pickle raised and the others mpi.Error.";

/* root keeps its exception, the others get it as text. */
static PyObject *bcast(const pm_collective *one, PyObject *value, int root)
{
    PyObject *failed = NULL, *result = NULL;
    bool is_root = one->comm->rank == root;
    pm_letter *own = is_root ? pm_collective_encode(one, value, &failed) : NULL;
    pm_letter *letter = !is_root || own ? pm_collective_spread(one, own, root) : NULL;
    if (letter && failed) {
        pm_collective_raise(Py_NewRef(failed));
    } else if (letter) {
        result = is_root ? Py_NewRef(value) : pm_decode(one->state, letter, one->call);
    }
    Py_XDECREF(letter);
    Py_XDECREF(own);
    Py_XDECREF(failed);
    return result;
}

PyObject *pm_comm_bcast(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"obj", "root", NULL};
    PyObject *value = Py_None, *root_value = NULL;
    pm_collective one;
    int root;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO:bcast", names, &value, &root_value) ||
        begin_rooted(&one, self, root_value, &root, "bcast") < 0) {
        return NULL;
    }
    return bcast(&one, value, root);
}

const char pm_comm_scatter_doc[] =
    "scatter($self, /, items=None, root=0)\n--\n\n"
    "Gives each rank one of root's items: the first to rank 0, the next to rank 1.\n"
    "Collective over comm.\n\n"
    "items: on root a sequence of size items; elsewhere it does not matter. When root's items\n"
    "are of another number or cannot be sent, root raises ValueError or what pickle raised,\n"
    "and the others mpi.Error.";

/* A fresh list of the items, or NULL with an exception set. */
static PyObject *list_items(const pm_collective *one, PyObject *items)
{
    PyObject *list = PySequence_List(items);
    if (!list && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Format(PyExc_TypeError, "scatter: items is %R, not a sequence of %d items", items,
                     one->comm->size);
    }
    if (list && PyList_GET_SIZE(list) != one->comm->size) {
        PyErr_Format(PyExc_ValueError, "scatter: %zd items for %d ranks", PyList_GET_SIZE(list),
                     one->comm->size);
        Py_CLEAR(list);
    }
    return list;
}

/* Starts sending each item to its rank; one that cannot be sent goes as a failure. */
static int start_items(const pm_collective *one, PyObject *list, pm_sending *sendings, int root,
                       PyObject **failed_p)
{
    int count = 0;
    for (int rank = 0; rank < one->comm->size; rank++) {
        if (rank == root) {
            continue;
        }
        if (!list && *failed_p) {
            pm_collective_raise(Py_NewRef(*failed_p));
        }
        PyObject *item = list ? PyList_GET_ITEM(list, rank) : NULL;
        pm_letter *letter = pm_collective_encode(one, item, failed_p);
        int started = letter ? start_sending(one, &sendings[count], letter, rank) : -1;
        Py_XDECREF(letter);
        if (started < 0) {
            break;
        }
        count++;
    }
    return count;
}

static PyObject *scatter_from_root(const pm_collective *one, PyObject *items, int root)
{
    PyObject *failed = NULL, *own = NULL;
    pm_sending *sendings = PyMem_New(pm_sending, (size_t)one->comm->size);
    if (!sendings) {
        return PyErr_NoMemory();
    }
    PyObject *list = list_items(one, items);
    if (!list) {
        failed = pm_collective_take_exception();
    }
    int count = start_items(one, list, sendings, root, &failed);
    bool sent = count == one->comm->size - 1;
    for (int i = 0; i < count; i++) {
        sent = pm_post_finish(&sendings[i], one->call) == 0 && sent;
    }
    if (sent && failed) {
        pm_collective_raise(Py_NewRef(failed));
    } else if (sent) {
        own = pm_collective_copy(one, PyList_GET_ITEM(list, root));
    }
    Py_XDECREF(failed);
    Py_XDECREF(list);
    PyMem_Free(sendings);
    return own;
}

PyObject *pm_collective_value(const pm_collective *one, int source)
{
    pm_letter *letter = pm_collective_fetch(one, source);
    PyObject *value = letter ? pm_decode(one->state, letter, one->call) : NULL;
    Py_XDECREF(letter);
    return value;
}

PyObject *pm_comm_scatter(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"items", "root", NULL};
    PyObject *items = Py_None, *root_value = NULL;
    pm_collective one;
    int root;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO:scatter", names, &items, &root_value) ||
        begin_rooted(&one, self, root_value, &root, "scatter") < 0) {
        return NULL;
    }
    return one.comm->rank == root ? scatter_from_root(&one, items, root)
                                  : pm_collective_value(&one, root);
}

const char pm_comm_gather_doc[] =
    "gather($self, /, obj, root=0)\n--\n\n"
    "Gives root a list of every rank's object, in rank order; None elsewhere.\n"
    "Collective over comm.\n\n"
    "When a rank's object cannot be sent, that rank raises what pickle raised and root\n"
    "mpi.Error.";

/* Takes all letters, also behind one that failed: they are on their way. */
static PyObject *gather_at_root(const pm_collective *one, PyObject *value, int root)
{
    PyObject *failed = NULL;
    PyObject *list = PyList_New(one->comm->size);
    for (int rank = 0; list && rank < one->comm->size; rank++) {
        PyObject *item =
            rank == root ? pm_collective_copy(one, value) : pm_collective_value(one, rank);
        if (item) {
            PyList_SET_ITEM(list, rank, item);
            continue;
        }
        bool broken =
            !PyErr_ExceptionMatches(PyExc_Exception); /* KeyboardInterrupt: leave at once */
        PyObject *exception = pm_collective_take_exception();
        Py_XSETREF(failed, failed && !broken ? Py_NewRef(failed) : Py_NewRef(exception));
        Py_DECREF(exception);
        if (broken) {
            break;
        }
    }
    if (failed) {
        Py_CLEAR(list);
        pm_collective_raise(failed);
    }
    return list;
}

static PyObject *give_to_root(const pm_collective *one, PyObject *value, int root)
{
    PyObject *failed = NULL;
    pm_letter *letter = pm_collective_encode(one, value, &failed);
    int result = letter ? pm_collective_send(one, letter, root) : -1;
    Py_XDECREF(letter);
    if (failed) {
        PyErr_Clear();
        pm_collective_raise(failed);
        return NULL;
    }
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *pm_comm_gather(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"obj", "root", NULL};
    PyObject *value, *root_value = NULL;
    pm_collective one;
    int root;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:gather", names, &value, &root_value) ||
        begin_rooted(&one, self, root_value, &root, "gather") < 0) {
        return NULL;
    }
    return one.comm->rank == root ? gather_at_root(&one, value, root)
                                  : give_to_root(&one, value, root);
}

const char pm_comm_allgather_doc[] =
    "allgather($self, /, obj)\n--\n\n"
    "Gives every rank a list of every rank's object, in rank order.\n"
    "Collective over comm. Bruck's algorithm (1997): log2(size) messages a rank.\n\n"
    "When a rank's object cannot be sent, that rank raises what pickle raised and the others\n"
    "mpi.Error.";

/* A rank that is in another verb sends something else. */
static int check_blocks(const pm_collective *one, PyObject *others, Py_ssize_t count)
{
    bool right = PyList_CheckExact(others) && PyList_GET_SIZE(others) == count;
    for (Py_ssize_t i = 0; right && i < count; i++) {
        right = PyBytes_CheckExact(PyList_GET_ITEM(others, i));
    }
    return right ? 0 : pc_error_say(one->call, "another rank is in another collective");
}

/* Sends the first blocks to one side and appends those that come from the other. */
static int exchange_blocks(const pm_collective *one, PyObject *blocks, int step)
{
    int rank = one->comm->rank, size = one->comm->size;
    Py_ssize_t count = step < size - step ? step : size - step;
    PyObject *some = PyList_GetSlice(blocks, 0, count);
    pm_letter *letter = some ? pm_encode(one->state, some, false) : NULL;
    pm_sending sending;
    Py_XDECREF(some);
    if (!letter || start_sending(one, &sending, letter, (rank - step + size) % size) < 0) {
        Py_XDECREF(letter);
        return -1;
    }
    Py_DECREF(letter);
    PyObject *others = pm_collective_value(one, (rank + step) % size);
    Py_ssize_t end = PyList_GET_SIZE(blocks);
    int result = others && check_blocks(one, others, count) == 0
                     ? PyList_SetSlice(blocks, end, end, others)
                     : -1;
    Py_XDECREF(others);
    return pm_post_finish(&sending, one->call) < 0 ? -1 : result;
}

/* A block is a letter in one piece. */
static PyObject *decode_block(const pm_collective *one, PyObject *block)
{
    pm_letter *letter = pm_letter_new(one->state, PM_KIND_PACKED);
    PyObject *value = NULL;
    if (letter) {
        letter->used = 0;
        if (pm_letter_add(letter, PyBytes_AS_STRING(block), (size_t)PyBytes_GET_SIZE(block)) == 0 &&
            pm_letter_check(letter, one->call) == 0) {
            value = pm_decode(one->state, letter, one->call);
        }
    }
    Py_XDECREF(letter);
    return value;
}

/* Block i is that of the rank i places behind this one. */
static PyObject *decode_blocks(const pm_collective *one, PyObject *blocks)
{
    int size = one->comm->size;
    PyObject *list = PyList_New(size);
    for (int i = 0; list && i < size; i++) {
        PyObject *value = decode_block(one, PyList_GET_ITEM(blocks, i));
        if (value) {
            PyList_SET_ITEM(list, (one->comm->rank + i) % size, value);
        } else {
            Py_CLEAR(list);
        }
    }
    return list;
}

static PyObject *encode_block(const pm_collective *one, PyObject *value, PyObject **failed_p)
{
    pm_letter *letter = pm_encode(one->state, value, true);
    if (!letter) {
        letter = pm_collective_encode(one, NULL, failed_p);
    }
    PyObject *block =
        letter ? PyBytes_FromStringAndSize(letter->bytes, (Py_ssize_t)letter->used) : NULL;
    PyObject *blocks = block ? PyList_New(1) : NULL;
    if (blocks) {
        PyList_SET_ITEM(blocks, 0, Py_NewRef(block));
    }
    Py_XDECREF(block);
    Py_XDECREF(letter);
    return blocks;
}

static PyObject *allgather(const pm_collective *one, PyObject *value)
{
    PyObject *failed = NULL, *list = NULL;
    PyObject *blocks = encode_block(one, value, &failed);
    int result = blocks ? 0 : -1;
    for (int step = 1; step < one->comm->size && result == 0; step <<= 1) {
        result = exchange_blocks(one, blocks, step);
    }
    if (result == 0 && failed) {
        pm_collective_raise(Py_NewRef(failed));
    } else if (result == 0) {
        list = decode_blocks(one, blocks);
    }
    Py_XDECREF(blocks);
    Py_XDECREF(failed);
    return list;
}

PyObject *pm_collective_list(pm_comm *comm, PyObject *value, const char *call)
{
    pm_collective one;
    return pm_collective_begin(&one, comm, call) < 0 ? NULL : allgather(&one, value);
}

PyObject *pm_comm_allgather(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"obj", NULL};
    PyObject *value;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:allgather", names, &value)) {
        return NULL;
    }
    return pm_collective_list((pm_comm *)self, value, "allgather");
}
