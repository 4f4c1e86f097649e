/* Probes: what message waits, without receiving it.
 * SPDX-License-Identifier: MIT */
#include "modules/mpi/probe.h"

#include "modules/common/errors.h"
#include "modules/common/wait.h"
#include "modules/mpi/args.h"
#include "modules/mpi/codec.h"
#include "modules/mpi/into.h"
#include "modules/mpi/queue.h"
#include "modules/mpi/recover.h"
#include "modules/mpi/status.h"
#include "modules/mpi/tally.h"

/* A message that has been taken out of the matching: only its Message can receive it. */
typedef struct {
    PyObject_HEAD pm_comm *comm; /* owned */
    MPI_Message message;         /* MPI_MESSAGE_NULL once received */
    pm_held *held;               /* in place of it: recovery took it before; owned, or NULL */
    MPI_Status status;
} pm_message;

typedef struct {
    pm_comm *comm;
    int source, tag;
    bool takes;
    MPI_Message message;
    pm_held *held; /* borrowed, or NULL */
    MPI_Status status;
} wanted;

static int look(void *what, int *done_p)
{
    wanted *one = what;
    int source = one->source, tag = one->tag;
    if (one->comm->queue || !one->takes) {
        int code = pm_queue_probe(one->comm, source, tag, done_p, &one->status);
        if (code != MPI_SUCCESS || !*done_p || !one->takes) {
            return code;
        }
        source = one->status.MPI_SOURCE;
        tag = one->status.MPI_TAG;
    }
    return MPI_Improbe(source, tag, one->comm->users, done_p, &one->message, &one->status);
}

/* Reads (source, tag) and looks; 1 when there is one, 0 when there is none and it does not wait, or -1. */
static int find(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names,
                const pm_signature *signature, bool waits, wanted *one)
{
    PyObject *values[2];
    pm_comm *comm = (pm_comm *)self;
    int done = 0;
    one->comm = comm;
    one->source = MPI_ANY_SOURCE;
    one->tag = MPI_ANY_TAG;
    if (pm_args_read(signature, args, count, names, values) < 0 ||
        !pm_comm_usable(comm, signature->call) ||
        pm_args_peer(comm, values[0], signature->call, "source", true, &one->source) < 0 ||
        pm_args_tag(values[1], signature->call, "tag", true, &one->tag) < 0) {
        return -1;
    }
    one->held = comm->held ? pm_recover_find(comm, one->source, one->tag) : NULL;
    if (one->held) {
        one->status = one->held->status;
        return 1;
    }
    if (!waits) {
        return pc_error_check(signature->call, look(one, &done)) < 0 ? -1 : done;
    }
    pc_board_wait wait = {.call = signature->call, .peer = one->source, .tag = one->tag};
    return pc_wait_until(look, one, &wait) < 0 ? -1 : 1;
}

static PyObject *new_message(const wanted *one)
{
    pm_state *state = pm_state_of_type(Py_TYPE(one->comm));
    pm_message *message = PyObject_New(pm_message, state->message_type);
    if (message) {
        message->comm = (pm_comm *)Py_NewRef(one->comm);
        message->message = one->held ? MPI_MESSAGE_NULL : one->message;
        message->held = one->held;
        message->status = one->status;
    }
    if (message && one->held) {
        pm_recover_detach(one->comm, one->held);
    }
    return (PyObject *)message;
}

static PyObject *answer(int found, const wanted *one)
{
    if (found <= 0) {
        return found < 0 ? NULL : Py_NewRef(Py_None);
    }
    return one->takes ? new_message(one)
                      : pm_status_new(pm_state_of_type(Py_TYPE(one->comm)), &one->status);
}

const char pm_comm_probe_doc[] =
    "probe(source=ANY_SOURCE, tag=ANY_TAG)\n\n"
    "Waits for a message from rank source with this tag and gives its Status; recv() receives it.\n"
    "Local. With several threads that receive use mprobe().";

PyObject *pm_comm_probe(PM_BEGIN)
{
    static const pm_signature signature = {"probe", 0, 0, {"source", "tag"}};
    wanted one = {.takes = false};
    return answer(find(self, args, count, names, &signature, true, &one), &one);
}

const char pm_comm_iprobe_doc[] =
    "iprobe(source=ANY_SOURCE, tag=ANY_TAG)\n\n"
    "The Status of a message from rank source with this tag that has come, or None.\n"
    "Local. Does not wait.";

PyObject *pm_comm_iprobe(PM_BEGIN)
{
    static const pm_signature signature = {"iprobe", 0, 0, {"source", "tag"}};
    wanted one = {.takes = false};
    return answer(find(self, args, count, names, &signature, false, &one), &one);
}

const char pm_comm_mprobe_doc[] = "mprobe(source=ANY_SOURCE, tag=ANY_TAG)\n\n"
                                  "Waits for a message from rank source with this tag and takes "
                                  "it: a Message, whose recv() gives\n"
                                  "the object and which nobody else can receive.\n"
                                  "Local.";

PyObject *pm_comm_mprobe(PM_BEGIN)
{
    static const pm_signature signature = {"mprobe", 0, 0, {"source", "tag"}};
    wanted one = {.takes = true};
    return answer(find(self, args, count, names, &signature, true, &one), &one);
}

const char pm_comm_improbe_doc[] =
    "improbe(source=ANY_SOURCE, tag=ANY_TAG)\n\n"
    "Takes a message from rank source with this tag that has come: a Message, or None.\n"
    "Local. Does not wait.";

PyObject *pm_comm_improbe(PM_BEGIN)
{
    static const pm_signature signature = {"improbe", 0, 0, {"source", "tag"}};
    wanted one = {.takes = true};
    return answer(find(self, args, count, names, &signature, false, &one), &one);
}

static int begin_receive(pm_message *message, pm_receiving *receiving, PyObject *into)
{
    int result = message->held
                     ? pm_post_receive_held(receiving, message->comm, message->held, into)
                     : pm_post_receive_matched(receiving, message->comm, PM_POST_USERS,
                                               message->message, &message->status, into, "recv");
    message->held = result == 0 ? NULL : message->held;
    message->message = MPI_MESSAGE_NULL;
    return result;
}

/* Nobody can receive it any more, but its sender waits: it is received for nobody. */
static void abandon(pm_message *message)
{
    PyObject *type, *value, *traceback;
    pm_receiving receiving;
    PyErr_Fetch(&type, &value, &traceback);
    if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                         "this Message from rank %d was dropped: keep it and call recv()",
                         message->status.MPI_SOURCE) < 0) {
        PyErr_WriteUnraisable(NULL); /* warnings are errors here: a destructor cannot raise */
    }
    if (pm_comm_usable(message->comm, "recv") && begin_receive(message, &receiving, NULL) == 0) {
        pm_post_drop(&receiving, true, "recv");
    }
    PyErr_Restore(type, value, traceback);
}

static void message_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    pm_message *message = (pm_message *)self;
    bool waits = message->message != MPI_MESSAGE_NULL && message->message != MPI_MESSAGE_NO_PROC;
    if (waits || message->held) {
        abandon(message);
    }
    Py_DECREF(((pm_message *)self)->comm);
    type->tp_free(self);
    Py_DECREF(type);
}

static bool is_received(const pm_message *message)
{
    return message->message == MPI_MESSAGE_NULL && !message->held;
}

static PyObject *message_repr(PyObject *self)
{
    const pm_message *message = (pm_message *)self;
    return PyUnicode_FromFormat("<mpi.Message, from rank %d, tag %d%s>", message->status.MPI_SOURCE,
                                message->status.MPI_TAG, is_received(message) ? ", received" : "");
}

PyDoc_STRVAR(message_recv_doc, "recv($self, /, into=None)\n--\n\n"
                               "Receives the object; into is that of Comm.recv().\n"
                               "Local. Once: raises mpi.Error the second time.");

static PyObject *message_recv(PyObject *self, PyObject *const *args, Py_ssize_t count,
                              PyObject *names)
{
    static const pm_signature signature = {"recv", 0, 0, {"into"}};
    pm_message *message = (pm_message *)self;
    pm_state *state = pm_state_of_type(Py_TYPE(message->comm));
    PyObject *into, *value = NULL;
    pm_receiving receiving;
    if (pm_args_read(&signature, args, count, names, &into) < 0 ||
        !pm_comm_usable(message->comm, "recv") ||
        pm_into_check(pm_state_of_type(Py_TYPE(self)), into, "recv") < 0) {
        return NULL;
    }
    into = into ? pm_args_given(into) : NULL;
    if (is_received(message)) {
        pc_error_say("recv", "this Message has been received");
        return NULL;
    }
    if (message->message ==
        MPI_MESSAGE_NO_PROC) { /* from PROC_NULL comes None, as often as wanted */
        Py_RETURN_NONE;
    }
    int started = begin_receive(message, &receiving, into);
    pm_letter *letter = started < 0 ? NULL : pm_post_await(&receiving, "recv");
    if (letter) {
        pm_tally_matched(message->comm, PM_POST_USERS, &message->status);
        value = pm_into_put(state, pm_decode(state, letter, "recv"), into, "recv");
        Py_DECREF(letter);
    }
    return value;
}

static PyObject *message_status(PyObject *self, void *Py_UNUSED(unused))
{
    pm_message *message = (pm_message *)self;
    return pm_status_new(pm_state_of_type(Py_TYPE(message->comm)), &message->status);
}

static PyMethodDef message_methods[] = {
    {"recv", (PyCFunction)(void (*)(void))message_recv, METH_FASTCALL | METH_KEYWORDS,
     message_recv_doc},
    {0},
};

static PyGetSetDef message_getset[] = {
    {"status", message_status, NULL, "Its Status: source, tag and count.", NULL},
    {0},
};

PyDoc_STRVAR(message_doc, "A message that mprobe() or improbe() has taken; recv() receives it.");

static PyType_Slot message_slots[] = {
    {Py_tp_dealloc, message_dealloc}, {Py_tp_repr, message_repr},
    {Py_tp_methods, message_methods}, {Py_tp_getset, message_getset},
    {Py_tp_doc, (void *)message_doc}, {0, NULL},
};

static PyType_Spec message_spec = {
    .name = "pympi.mpi.Message",
    .basicsize = sizeof(pm_message),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = message_slots,
};

int pm_message_setup(PyObject *module)
{
    pm_state *state = pm_state_of_module(module);
    state->message_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &message_spec, NULL);
    return state->message_type ? PyModule_AddType(module, state->message_type) : -1;
}
