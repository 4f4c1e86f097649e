/* Failing together: how one rank's failure becomes the job's.
 * SPDX-License-Identifier: MIT
 *
 * The end comes from an exit handler of libc, because Py_RunMain does not return after sys.exit(), and
 * because it must come behind Py_FinalizeEx: objects free their communicators there.
 *
 * With a relay the traceback goes into its report, which shows equal ones once. Under a launcher of the
 * user's own, each failing rank heads its own. */
#include "modules/common/together.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "modules/common/ending.h"
#include "modules/common/exitcode.h"
#include "modules/common/lastword.h"
#include "modules/common/runtime.h"

#define FINALIZE_S 1 /* that Python may take to end in a rank that has failed */

static void write_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One write(2) a line: the launcher mixes ranks between writes. */
static void write_line(const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    ssize_t written = write(STDERR_FILENO, line, (size_t)length);
    (void)written; /* stderr is gone: there is nobody to tell */
}

/* The relay's leave to write into its report, or the heading. */
static void announce(void)
{
    const pc_start *how = pc_runtime_how();
    Py_BEGIN_ALLOW_THREADS;
    how->failing();
    Py_END_ALLOW_THREADS;
    if (!how->relayed && pc_runtime_get()->size > 1) {
        write_line("--- rank %d of %d\n", pc_runtime_get()->rank, pc_runtime_get()->size);
    }
}

/* A hook may have left text with Python. */
static void flush_stderr(void)
{
    PyObject *file = PySys_GetObject("stderr"); /* borrowed */
    PyObject *done = file ? PyObject_CallMethod(file, "flush", NULL) : NULL;
    Py_XDECREF(done);
    PyErr_Clear(); /* a stderr that is gone is no second failure */
}

static PyObject *explain(PyObject *hook, PyObject *args)
{
    announce();
    PyObject *shown = PyObject_Call(hook, args, NULL);
    if (shown) {
        flush_stderr();
    }
    pc_runtime_how()->explained();
    return shown;
}

/* An interrupted Python ends by sending SIGINT to itself, and the launcher then kills the others within
 * their finally blocks. SystemExit from the hook ends it by exit(), whose handlers wait for them. */
static PyObject *leave_interrupted(PyObject *shown)
{
    PyObject *status = shown ? PyLong_FromLong(128 + SIGINT) : NULL;
    Py_XDECREF(shown);
    if (status) {
        PyErr_SetObject(PyExc_SystemExit, status);
        Py_DECREF(status);
    }
    return NULL;
}

/* Python waits for its threads before it ends, and libraries may wait for all ranks (PetscFinalize
 * does), which wait elsewhere. */
static void *end_in_time(void *unused)
{
    sleep(FINALIZE_S);
    if (pc_runtime_may_end()) {
        pc_together_abort(pc_runtime_failing(0));
    }
    return unused;
}

/* leaving(): the last of Python's exit handlers, for it was the first to be registered. */
static PyObject *leaving(PyObject *unused, PyObject *args)
{
    (void)unused, (void)args;
    pthread_t thread;
    if (pc_runtime_failing(0) && pc_runtime_usable() &&
        pthread_create(&thread, NULL, end_in_time, NULL) == 0) {
        pthread_detach(thread);
    }
    if (!pc_runtime_failing(0) && pc_ending_look_after() < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef leaving_methods[] = {
    {"leaving", leaving, METH_NOARGS,
     PyDoc_STR("leaving()\n\nSees to it that a rank that has failed ends, and that what another "
               "has left goes on. Local.")},
    {0},
};

static int watch_leaving(void)
{
    PyObject *atexit = PyImport_ImportModule("atexit");
    PyObject *function = PyCFunction_New(leaving_methods, NULL);
    PyObject *done =
        atexit && function ? PyObject_CallMethod(atexit, "register", "O", function) : NULL;
    Py_XDECREF(atexit);
    Py_XDECREF(function);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* The first thing that Python does at its end is to wait for threads, if there are any. */
static void watch_threads(void)
{
    PyObject *modules = PyImport_GetModuleDict();                     /* borrowed */
    PyObject *threading = PyDict_GetItemString(modules, "threading"); /* borrowed */
    PyObject *function = threading ? PyCFunction_New(leaving_methods, NULL) : NULL;
    PyObject *done =
        function ? PyObject_CallMethod(threading, "_register_atexit", "O", function) : NULL;
    Py_XDECREF(function);
    Py_XDECREF(done);
    if (!done) {
        PyErr_Clear(); /* it is waiting already: the last exit handler sees to the end */
    }
}

/* The program has ended with this status; what is left is Python's end. */
static void fail(int status)
{
    if (status && pc_runtime_is_own()) {
        pc_runtime_failing(status);
        watch_threads();
    }
}

/* excepthook(hook, type, value, traceback): the hook that was there, behind the heading. A program that
 * calls it from its own code reports an exception, and goes on. */
static PyObject *excepthook(PyObject *hook, PyObject *args)
{
    if (!pc_runtime_is_own() || PyEval_GetFrame()) {
        return PyObject_Call(hook, args, NULL);
    }
    PyObject *shown = explain(hook, args);
    PyObject *type = PyTuple_GET_SIZE(args) ? PyTuple_GET_ITEM(args, 0) : NULL;
    bool interrupted = type == PyExc_KeyboardInterrupt;
    fail(interrupted ? 128 + SIGINT : 1);
    return interrupted ? leave_interrupted(shown) : shown;
}

static PyMethodDef excepthook_methods[] = {
    {"excepthook", excepthook, METH_VARARGS,
     PyDoc_STR(
         "excepthook(type, value, traceback)\n\nReports an uncaught exception as its rank's.")},
    {0},
};

int pc_together_watch(void)
{
    PyObject *hook = PySys_GetObject("excepthook"); /* borrowed */
    if (!pc_runtime_how()->launched || !hook) {
        return 0;
    }
    PyObject *ours = PyCFunction_New(excepthook_methods, hook);
    int result = ours ? PySys_SetObject("excepthook", ours) : -1;
    Py_XDECREF(ours);
    return result < 0 || watch_leaving() < 0 || pc_exitcode_watch(fail) < 0 ? -1
                                                                            : pc_lastword_start();
}

void pc_together_abort(int status)
{
    const pc_start *how = pc_runtime_how();
    const pc_runtime *runtime = pc_runtime_get();
    fflush(stdout); /* what C wrote: the handler of libc that does it comes behind this one */
    if (how->relayed) {
        how->failed(status);
    } else if (runtime->size > 1) {
        how->failing();
        write_line("pympi: rank %d of %d ended the job with status %d\n", runtime->rank,
                   runtime->size, status);
        how->explained();
    }
    pc_runtime_abort(status);
}

/* The last thing a process does; status is that of exit(3). */
static void end(int status, void *unused)
{
    (void)unused;
    while (!pc_runtime_may_end()) {
        pause(); /* the other thread is about to end the job */
    }
    if (status & 0xff && pc_runtime_is_own() && pc_runtime_how()->launched) {
        pc_together_abort(status & 0xff);
    }
    pc_runtime_finish();
}

void pc_together_start(void)
{
    on_exit(end, NULL);
}
