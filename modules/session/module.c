/* What the session's Python needs of MPI: `_pympi_session`, for lib/pympi/session/.
 * SPDX-License-Identifier: MIT */
#include "modules/common/errors.h"
#include "modules/common/runtime.h"
#include "modules/common/twins.h"
#include "modules/session/meeting.h"

static int check_on(const char *call)
{
    if (!pc_runtime_usable()) {
        return pc_error_say(call, "MPI is not running in this process (a fork, or after its end)");
    }
    return pc_runtime_session()->on ? 0 : pc_error_say(call, "the session has not been started");
}

PyDoc_STRVAR(start_doc, "start($module, /)\n--\n\n"
                        "Starts the session on this rank.\n"
                        "Collective over the world.");

static PyObject *start(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    if (!pc_runtime_usable()) {
        pc_error_say("start", "MPI is not running in this process (a fork, or after its end)");
        return NULL;
    }
    if (pc_runtime_get()->apps > 1) {
        pc_error_say("start", "other programs are in this job and take no part");
        return NULL;
    }
    pc_twin_of(MPI_COMM_WORLD);
    return !pc_runtime_session()->on && pc_error_check("start", pc_session_start()) < 0
               ? NULL
               : Py_NewRef(Py_None);
}

PyDoc_STRVAR(begin_doc, "begin($module, number, /)\n--\n\n"
                        "A statement begins on this rank; their numbers grow.\n"
                        "Local.");

static PyObject *begin(PyObject *Py_UNUSED(module), PyObject *value)
{
    const pc_session *session = pc_runtime_session();
    unsigned long number = PyLong_AsUnsignedLong(value);
    if (PyErr_Occurred() || check_on("begin") < 0) {
        return NULL;
    }
    if (number <= session->latest || number > UINT32_MAX) {
        return PyErr_Format(PyExc_ValueError, "begin: statement %lu does not come behind %u",
                            number, session->latest);
    }
    pc_session_begin((unsigned)number);
    if (session->recovery.what) {
        session->recovery.begin(session->recovery.what);
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(meet_doc,
             "meet($module, failed, /)\n--\n\n"
             "The statement is over on this rank: the list of the ranks on which it failed.\n"
             "Collective over the world. Where there are any, recovery has been done.");

static PyObject *meet(PyObject *Py_UNUSED(module), PyObject *value)
{
    int failed = PyObject_IsTrue(value);
    return failed < 0 || check_on("meet") < 0 ? NULL : ps_meeting_hold(failed);
}

PyDoc_STRVAR(running_doc, "running($module, /)\n--\n\n"
                          "The number of the statement that runs; 0 between statements.\n"
                          "Local.");

static PyObject *running(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyLong_FromUnsignedLong(pc_runtime_get()->statement);
}

static PyMethodDef session_methods[] = {
    {"start", start, METH_NOARGS, start_doc},
    {"begin", begin, METH_O, begin_doc},
    {"meet", meet, METH_O, meet_doc},
    {"running", running, METH_NOARGS, running_doc},
    {0},
};

PyDoc_STRVAR(session_doc, "The ranks' statements: begun, met behind, recovered from.");

static PyModuleDef session_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_pympi_session",
    .m_doc = session_doc,
    .m_methods = session_methods,
};

PC_EXPORT PyObject *PyInit__pympi_session(void)
{
    return PyModuleDef_Init(&session_def);
}
