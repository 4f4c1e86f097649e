/* Messages between two ranks: Comm's send and recv.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/messages.h"

#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/post.h"

/* A whole number that a field may hold; special values are passed as they are. */
static bool read_peer(const pm_comm *comm, PyObject *value, const char *call, const char *name,
                      bool any, int *peer_p)
{
    if (value && PyLong_Check(value)) {
        int overflow;
        long number = PyLong_AsLongAndOverflow(value, &overflow);
        if (!overflow && (number == MPI_PROC_NULL || (any && number == MPI_ANY_SOURCE))) {
            *peer_p = (int)number;
            return true;
        }
    }
    return pm_comm_read_rank(comm, value, call, name, peer_p);
}

static bool read_tag(PyObject *value, const char *call, bool any, int *tag_p)
{
    int overflow = 0;
    PyObject *index = PyNumber_Index(value);
    if (!index) {
        PyErr_Format(PyExc_TypeError, "%s: tag must be a whole number, not %R", call, value);
        return false;
    }
    long tag = PyLong_AsLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (any && !overflow && tag == MPI_ANY_TAG) {
        *tag_p = MPI_ANY_TAG;
        return true;
    }
    if (overflow || tag < 0 || tag > pc_runtime_get()->tag_most) {
        bool negative = overflow < 0 || (!overflow && tag < 0);
        PyErr_Format(PyExc_ValueError,
                     negative ? "%s: tag %S is negative" : "%s: tag %S is too large", call, value);
        return false;
    }
    *tag_p = (int)tag;
    return true;
}

/* A message to oneself is copied and left to MPI: nobody else could receive it meanwhile. */
static int send(pm_state *state, pm_comm *comm, PyObject *value, int dest, int tag)
{
    bool to_self = dest == comm->rank;
    pm_letter *letter = pm_encode(state, value, to_self);
    pm_sending sending;
    int result = letter ? pm_post_start(&sending, letter, dest, pm_comm_world_rank(comm, dest), tag,
                                        comm->users, "send")
                        : -1;
    Py_XDECREF(letter);
    if (result == 0 && to_self) {
        pm_post_leave(&sending);
    } else if (result == 0) {
        result = pm_post_finish(&sending, "send");
    }
    return result;
}

const char pm_comm_send_doc[] =
    "send($self, /, obj, dest, tag=0)\n--\n\n"
    "Sends an object to rank dest; returns when obj may be changed again. A large one waits for "
    "its\n"
    "receiver, unless it goes to this rank itself.\n"
    "Local.\n\n"
    "Any object: small values of built-in types are packed by hand, NumPy arrays and other\n"
    "memory go without a copy, everything else is pickled, its buffers out of band.\n"
    "tag: a whole number from 0 that recv() can ask for. dest PROC_NULL sends nothing.\n"
    "Raises ValueError for a rank or tag out of range and what pickle raises, before\n"
    "anything is sent; mpi.Error when MPI fails.";

PyObject *pm_comm_send(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"obj", "dest", "tag", NULL};
    pm_comm *comm = (pm_comm *)self;
    pm_state *state = pm_state_of_type(Py_TYPE(self));
    PyObject *value, *dest_value, *tag_value = NULL;
    int dest, tag = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO|O:send", names, &value, &dest_value,
                                     &tag_value) ||
        !pm_comm_usable(comm, "send") ||
        !read_peer(comm, dest_value, "send", "dest", false, &dest) ||
        (tag_value && !read_tag(tag_value, "send", false, &tag))) {
        return NULL;
    }
    if (dest == MPI_PROC_NULL) {
        Py_RETURN_NONE;
    }
    return send(state, comm, value, dest, tag) < 0 ? NULL : Py_NewRef(Py_None);
}

const char pm_comm_recv_doc[] =
    "recv($self, /, source=ANY_SOURCE, tag=ANY_TAG)\n--\n\n"
    "Receives the next object from rank source with this tag.\n"
    "Local.\n\n"
    "Messages from one rank with one tag arrive in the order in which they were sent. Arrays\n"
    "keep dtype, shape and order. From PROC_NULL comes None. The wait is interruptible.\n"
    "Raises ValueError for a rank or tag out of range; mpi.Error when MPI fails or the\n"
    "message is not one of pympi's.";

PyObject *pm_comm_recv(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"source", "tag", NULL};
    pm_comm *comm = (pm_comm *)self;
    pm_state *state = pm_state_of_type(Py_TYPE(self));
    PyObject *source_value = NULL, *tag_value = NULL;
    int source = MPI_ANY_SOURCE, tag = MPI_ANY_TAG;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO:recv", names, &source_value,
                                     &tag_value) ||
        !pm_comm_usable(comm, "recv") ||
        (source_value && !read_peer(comm, source_value, "recv", "source", true, &source)) ||
        (tag_value && !read_tag(tag_value, "recv", true, &tag))) {
        return NULL;
    }
    if (source == MPI_PROC_NULL) {
        Py_RETURN_NONE;
    }
    pm_letter *letter = pm_post_fetch(state, source, tag, comm->users, MPI_STATUS_IGNORE, "recv");
    PyObject *value = letter ? pm_decode(state, letter, "recv") : NULL;
    Py_XDECREF(letter);
    return value;
}
