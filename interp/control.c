/* What a session's rank needs of the executable: the built-in module _pympi_control.
 * SPDX-License-Identifier: MIT */
#include "interp/control.h"

#include <stdio.h>

#include "config.h"
#include "interp/relay.h"
#include "interp/text.h"

#define SLICE_MS 50 /* between looks at signals */

static PyObject *attached(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyBool_FromLong(pi_relay_attached());
}

static PyObject *wake(PyObject *Py_UNUSED(module), PyObject *seconds)
{
    double most = PyFloat_AsDouble(seconds);
    int heard;
    if (most == -1.0 && PyErr_Occurred()) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    heard = pi_relay_wait_for_wake((int)(most * 1000));
    Py_END_ALLOW_THREADS;
    if (PyErr_CheckSignals() < 0) {
        return NULL;
    }
    if (heard < 0) {
        PyErr_SetString(PyExc_EOFError, "the job's own process is gone");
        return NULL;
    }
    return PyBool_FromLong(heard);
}

static PyObject *over(PyObject *Py_UNUSED(module), PyObject *runs_on)
{
    fflush(NULL); /* what C wrote comes before the end of the statement */
    pi_relay_tell(PI_RELAY_OVER, PyObject_IsTrue(runs_on));
    Py_RETURN_NONE;
}

/* A piece of the line; NULL with an exception set: a handler's, or there will be none. */
static PyObject *hear_line(void)
{
    pi_text line = {0};
    PyObject *result = NULL;
    pi_relay_piece piece = PI_PIECE_MORE;
    int heard = 0;
    unsigned statement = pi_relay_overs();
    while (heard >= 0 && piece == PI_PIECE_MORE && PyErr_CheckSignals() == 0) {
        pi_relay_piece next = PI_PIECE_MORE;
        Py_BEGIN_ALLOW_THREADS;
        heard = pi_relay_hear_answer(&line, &next, SLICE_MS);
        Py_END_ALLOW_THREADS;
        piece = heard > 0 ? next : pi_relay_overs() != statement ? PI_PIECE_END : piece;
    }
    if (heard < 0 || piece == PI_PIECE_END) {
        PyErr_SetString(PyExc_EOFError, "EOF when reading a line");
    } else if (piece == PI_PIECE_LAST) {
        result = PyUnicode_DecodeUTF8(line.bytes, (Py_ssize_t)line.used, "surrogateescape");
    }
    pi_text_fini(&line);
    return result;
}

static PyObject *ask(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *prompt;
    int secret;
    if (!PyArg_ParseTuple(args, "sp:ask", &prompt, &secret)) {
        return NULL;
    }
    fflush(stdout);
    pi_relay_ask(prompt, secret);
    return hear_line();
}

static PyMethodDef control_methods[] = {
    {"attached", attached, METH_NOARGS,
     PyDoc_STR("attached()\n\nWhether there is a front behind this rank's job. Local.")},
    {"wake", wake, METH_O,
     PyDoc_STR("wake(seconds)\n\nWaits so long for the next statement; whether it comes. Local.")},
    {"over", over, METH_O,
     PyDoc_STR(
         "over(runs_on)\n\nTells the front that this rank's statement is over, or that it has "
         "begun another. Local.")},
    {"ask", ask, METH_VARARGS,
     PyDoc_STR("ask(prompt, secret)\n\nA line that the front's user types; EOFError at the end of "
               "the input. Local.")},
    {0},
};

static int control_exec(PyObject *module)
{
    return PyModule_AddStringConstant(module, "version", PYMPI_VERSION);
}

static PyModuleDef_Slot control_slots[] = {
    {Py_mod_exec, control_exec},
    {0, NULL},
};

static struct PyModuleDef control_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_pympi_control",
    .m_doc = PyDoc_STR("A session's rank and the executable."),
    .m_methods = control_methods,
    .m_slots = control_slots,
};

PyObject *pi_control_init(void)
{
    return PyModuleDef_Init(&control_module);
}
