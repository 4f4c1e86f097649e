/* Messages between two ranks.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/messages.h"

#include "modules/common/errors.h"
#include "modules/common/wait.h"
#include "modules/mpi/args.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/into.h"
#include "modules/mpi/raw.h"
#include "modules/mpi/request.h"
#include "modules/mpi/status.h"

typedef struct {
    PyObject *value;
    int dest, tag;
    bool raw;
} outgoing;

typedef struct {
    int source, tag;
    PyObject *into, *status; /* borrowed; NULL: not given */
    bool raw;
} incoming;

/* Reads what to send where; -1 with an exception set, before anything is sent. */
static int read_outgoing(pm_comm *comm, PyObject *const *values, const char *call, outgoing *out)
{
    *out = (outgoing){.value = values[0]};
    int raw = values[3] ? PyObject_IsTrue(values[3]) : 0;
    out->raw = raw == 1;
    return raw < 0 || !pm_comm_usable(comm, call) ||
                   pm_args_peer(comm, values[1], call, "dest", false, &out->dest) < 0 ||
                   pm_args_tag(values[2], call, "tag", false, &out->tag) < 0
               ? -1
               : 0;
}

static int read_incoming(pm_comm *comm, PyObject *const *values, const char *call, incoming *in)
{
    pm_state *state = pm_state_of_type(Py_TYPE(comm));
    int raw = values[4] ? PyObject_IsTrue(values[4]) : 0;
    *in = (incoming){.source = MPI_ANY_SOURCE, .tag = MPI_ANY_TAG, .raw = raw == 1};
    if (raw < 0 || !pm_comm_usable(comm, call) ||
        pm_args_peer(comm, values[0], call, "source", true, &in->source) < 0 ||
        pm_args_tag(values[1], call, "tag", true, &in->tag) < 0) {
        return -1;
    }
    in->into = values[2] ? pm_args_given(values[2]) : NULL;
    in->status = values[3] ? pm_args_given(values[3]) : NULL;
    if (in->raw && !in->into) {
        PyErr_Format(PyExc_ValueError, "%s: raw=True needs into, the memory to receive into", call);
        return -1;
    }
    return pm_into_check(state, in->into, call) < 0 || pm_status_check(state, in->status, call) < 0
               ? -1
               : 0;
}

/* A message to oneself is copied and left to MPI: nobody else could receive it meanwhile. */
static int send(pm_comm *comm, const outgoing *out, bool synchronous, const char *call)
{
    bool to_self = out->dest == comm->rank && !synchronous && !comm->remote_size;
    pm_letter *letter = pm_encode(pm_state_of_type(Py_TYPE(comm)), out->value,
                                  to_self || comm->inner == MPI_COMM_NULL);
    pm_sending sending;
    int result = letter ? pm_post_send(&sending, letter, comm, PM_POST_USERS, out->dest, out->tag,
                                       synchronous, call)
                        : -1;
    Py_XDECREF(letter);
    if (result == 0 && to_self) {
        pm_post_leave(&sending);
    } else if (result == 0) {
        result = pm_post_finish(&sending, call);
    }
    return result;
}

static PyObject *send_by(pm_comm *comm, PyObject *const *values, bool synchronous, const char *call)
{
    outgoing out;
    if (read_outgoing(comm, values, call, &out) < 0) {
        return NULL;
    }
    if (out.dest == MPI_PROC_NULL) {
        Py_RETURN_NONE;
    }
    int result = out.raw ? pm_raw_send(comm, out.value, out.dest, out.tag, call)
                         : send(comm, &out, synchronous, call);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

const char pm_comm_send_doc[] =
    "send($self, /, obj, dest, tag=0, *, raw=False)\n--\n\n"
    "Sends an object to rank dest; returns when obj may be changed again. A large one waits for "
    "its\n"
    "receiver, unless it goes to this rank itself.\n"
    "Local.\n\n"
    "Any object: small values of built-in types are packed by hand, NumPy arrays and other\n"
    "memory go without a copy, everything else is pickled, its buffers out of band.\n"
    "tag: a whole number from 0 that recv() can ask for. dest PROC_NULL sends nothing.\n"
    "raw=True sends the bytes of a contiguous array alone, for a receiver in C or mpi4py's Recv.\n"
    "Raises ValueError for a rank or tag out of range and what pickle raises, before\n"
    "anything is sent; mpi.Error when MPI fails.";

PyObject *pm_comm_send(PM_BEGIN)
{
    static const pm_signature signature = {"send", 2, 1, {"obj", "dest", "tag", "raw"}};
    PyObject *values[4];
    return pm_args_read(&signature, args, count, names, values) < 0
               ? NULL
               : send_by((pm_comm *)self, values, false, "send");
}

const char pm_comm_ssend_doc[] =
    "ssend($self, /, obj, dest, tag=0)\n--\n\n"
    "Sends as send() does, and returns only when the receiver has begun to receive.\n"
    "Local. To this rank itself it waits for another thread's recv().";

PyObject *pm_comm_ssend(PM_BEGIN)
{
    static const pm_signature signature = {"ssend", 2, 0, {"obj", "dest", "tag"}};
    PyObject *values[4] = {NULL};
    return pm_args_read(&signature, args, count, names, values) < 0
               ? NULL
               : send_by((pm_comm *)self, values, true, "ssend");
}

static PyObject *receive(pm_comm *comm, const incoming *in, const char *call)
{
    pm_state *state = pm_state_of_type(Py_TYPE(comm));
    MPI_Status status = {.MPI_SOURCE = MPI_PROC_NULL, .MPI_TAG = MPI_ANY_TAG};
    PyObject *value = NULL;
    if (in->source == MPI_PROC_NULL) {
        pm_status_fill(in->status, &status);
        Py_RETURN_NONE;
    }
    if (in->raw) {
        value = pm_raw_receive(comm, in->into, in->source, in->tag, &status, call);
    } else {
        pm_letter *letter =
            pm_post_fetch(comm, PM_POST_USERS, in->source, in->tag, in->into, &status, call);
        value = letter ? pm_decode(state, letter, call) : NULL;
        Py_XDECREF(letter);
        value = in->into ? pm_into_put(state, value, in->into, call) : value;
    }
    if (value && in->status) {
        pm_status_fill(in->status, &status);
    }
    return value;
}

const char pm_comm_recv_doc[] =
    "recv(source=ANY_SOURCE, tag=ANY_TAG, into=None, status=None, *, raw=False)\n\n"
    "Receives the next object from rank source with this tag.\n"
    "Local.\n\n"
    "Messages from one rank with one tag arrive in the order in which they were sent. Arrays\n"
    "keep dtype, shape and order. From PROC_NULL comes None. The wait is interruptible.\n"
    "into: memory of the same type and size, which is filled and returned: an array comes\n"
    "straight into it. status: a Status that is filled in. raw=True takes a message from C or\n"
    "mpi4py's Send, as bytes, into memory that may be longer.\n"
    "Raises ValueError for a rank or tag out of range and where into has another size, TypeError\n"
    "where it has another type; mpi.Error when MPI fails or the message is not one of pympi's.";

PyObject *pm_comm_recv(PM_BEGIN)
{
    static const pm_signature signature = {
        "recv", 0, 1, {"source", "tag", "into", "status", "raw"}};
    PyObject *values[5];
    incoming in;
    if (pm_args_read(&signature, args, count, names, values) < 0 ||
        read_incoming((pm_comm *)self, values, "recv", &in) < 0) {
        return NULL;
    }
    return receive((pm_comm *)self, &in, "recv");
}

/* --- the ones that do not wait */

static int isend_next(pm_work *work)
{
    if (work->round) {
        return pm_work_end(work, Py_NewRef(Py_None));
    }
    pm_letter *letter = pm_encode(work->state, work->value, work->comm->inner == MPI_COMM_NULL);
    int posted = letter ? pm_work_send(work, letter, work->root) : -1;
    Py_XDECREF(letter);
    return posted;
}

static int irecv_next(pm_work *work)
{
    if (work->round == 0) {
        return pm_work_expect(work, work->root);
    }
    PyObject *value = pm_work_value(work, 0);
    return pm_work_end(work, pm_into_put(work->state, value, work->into, work->call));
}

/* Between nobody: over at once. */
static int nobody_next(pm_work *work)
{
    work->status = (MPI_Status){.MPI_SOURCE = MPI_PROC_NULL, .MPI_TAG = MPI_ANY_TAG};
    return pm_work_end(work, Py_NewRef(Py_None));
}

static pm_work *new_message(pm_comm *comm, int peer, int tag, pm_work_next next, const char *call)
{
    pm_work *work = pm_work_new(comm, call, peer == MPI_PROC_NULL ? nobody_next : next);
    if (work) {
        work->root = peer;
        work->tag = tag;
    }
    return work;
}

static pm_work *new_outgoing(pm_comm *comm, const outgoing *out, const char *call)
{
    pm_work *work = new_message(comm, out->dest, out->tag, isend_next, call);
    if (work) {
        work->value = Py_NewRef(out->value);
    }
    return work;
}

static pm_work *new_incoming(pm_comm *comm, const incoming *in, const char *call)
{
    pm_work *work = new_message(comm, in->source, in->tag, irecv_next, call);
    if (work) {
        work->into = Py_XNewRef(in->into);
        work->direct = true;
    }
    return work;
}

const char pm_comm_isend_doc[] =
    "isend($self, /, obj, dest, tag=0)\n--\n\n"
    "Begins to send an object to rank dest and gives a Request; obj must not be changed before\n"
    "its wait() returns.\n"
    "Local. Arguments and errors are those of send().";

PyObject *pm_comm_isend(PM_BEGIN)
{
    static const pm_signature signature = {"isend", 2, 0, {"obj", "dest", "tag"}};
    PyObject *values[4] = {NULL};
    outgoing out;
    if (pm_args_read(&signature, args, count, names, values) < 0 ||
        read_outgoing((pm_comm *)self, values, "isend", &out) < 0) {
        return NULL;
    }
    return pm_request_start(new_outgoing((pm_comm *)self, &out, "isend"));
}

const char pm_comm_irecv_doc[] =
    "irecv(source=ANY_SOURCE, tag=ANY_TAG, into=None)\n\n"
    "Begins to receive the next object from rank source with this tag and gives a Request,\n"
    "whose wait() gives the object. Messages of any size.\n"
    "Local. Arguments and errors are those of recv().";

PyObject *pm_comm_irecv(PM_BEGIN)
{
    static const pm_signature signature = {"irecv", 0, 0, {"source", "tag", "into"}};
    PyObject *values[5] = {NULL};
    incoming in;
    if (pm_args_read(&signature, args, count, names, values) < 0 ||
        read_incoming((pm_comm *)self, values, "irecv", &in) < 0) {
        return NULL;
    }
    return pm_request_start(new_incoming((pm_comm *)self, &in, "irecv"));
}

/* --- both at once */

/* Runs the receiving while the sending goes on, then waits for that too. What cannot be sent is refused
 * before anything is received. */
static PyObject *run_both(pm_work *sending, pm_work *receiving, PyObject *status)
{
    PyObject *value = NULL;
    if (sending && receiving && pm_work_start(sending) == 0 && pm_work_start(receiving) == 0 &&
        pm_work_wait(receiving) == 0 && pm_work_wait(sending) == 0) {
        value = pm_work_result(receiving);
        PyObject *sent = value ? pm_work_result(sending) : NULL;
        if (!sent) {
            Py_CLEAR(value);
        }
        Py_XDECREF(sent);
    }
    if (value) {
        pm_status_fill(status, &receiving->status);
    }
    pm_work_release(sending);
    pm_work_release(receiving);
    return value;
}

const char pm_comm_sendrecv_doc[] =
    "sendrecv(obj, dest, sendtag=0, source=ANY_SOURCE, recvtag=ANY_TAG, into=None, "
    "status=None)\n\n"
    "Sends an object to rank dest while one is received from rank source, which it gives.\n"
    "Local. Cannot deadlock in a ring. Arguments and errors are those of send() and recv().";

PyObject *pm_comm_sendrecv(PM_BEGIN)
{
    static const pm_signature signature = {
        "sendrecv", 2, 0, {"obj", "dest", "sendtag", "source", "recvtag", "into", "status"}};
    PyObject *values[7];
    pm_comm *comm = (pm_comm *)self;
    outgoing out;
    incoming in;
    if (pm_args_read(&signature, args, count, names, values) < 0) {
        return NULL;
    }
    PyObject *first[] = {values[0], values[1], values[2], NULL};
    PyObject *second[] = {values[3], values[4], values[5], values[6], NULL};
    if (read_outgoing(comm, first, "sendrecv", &out) < 0 ||
        read_incoming(comm, second, "sendrecv", &in) < 0) {
        return NULL;
    }
    pm_work *sending = new_outgoing(comm, &out, "sendrecv");
    pm_work *receiving = sending ? new_incoming(comm, &in, "sendrecv") : NULL;
    return run_both(sending, receiving, in.status);
}
