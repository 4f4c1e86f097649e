/* One interpreter: alone, or a rank of a job.
 * SPDX-License-Identifier: MIT
 *
 * MPI starts before Python, and ends behind it: libpympi.so has an exit handler, because Py_RunMain
 * does not return after sys.exit(). */
#include "interp/python.h"
#include "interp/rank.h"

#include <limits.h>

#include "config.h"
#include "interp/arguments.h"
#include "interp/builtin.h"
#include "interp/bundle.h"
#include "interp/interrupt.h"
#include "interp/join.h"
#include "interp/library.h"
#include "interp/relay.h"
#include "interp/self.h"
#include "interp/venv.h"

/* Lets Python start as the python of an environment. */
static PyStatus enter(PyConfig *config, const char *environment)
{
    PyStatus status = PyConfig_SetBytesString(config, &config->executable, environment);
    if (!PyStatus_Exception(status) && pi_venv_is_foreign(environment)) {
        status = PyConfig_SetBytesString(config, &config->home, PYMPI_PYTHON_HOME);
    }
    return status;
}

/* Starts the interpreter; environment, when not NULL, is the python of the environment to enter. */
static PyStatus start(const pi_options *options, const char *executable, const char *environment)
{
    PyConfig config;
    PyStatus status = pi_arguments_begin(&config, options);
    if (PyStatus_Exception(status)) {
        return status; /* nothing to clear: the configuration was not begun */
    }
    if (environment && !pi_bundle_is_here()) {
        status = enter(&config, environment);
    }
    if (!PyStatus_Exception(status)) {
        status = pi_bundle_initialize(&config, options, executable, environment);
    }
    PyConfig_Clear(&config);
    return status;
}

/* `site` had to see the environment's python; programs start children, and those are pympi. */
static int restore_executable(const char *executable)
{
    PyObject *path = PyUnicode_DecodeFSDefault(executable);
    int result = path ? 0 : -1;
    if (path && (PySys_SetObject("executable", path) < 0 ||
                 PySys_SetObject("_base_executable", path) < 0)) {
        result = -1;
    }
    Py_XDECREF(path);
    return result;
}

static PyObject *tell_failing(PyObject *unused, PyObject *unused_too)
{
    (void)unused;
    (void)unused_too;
    pi_relay_tell(PI_RELAY_FAILING, 0);
    Py_RETURN_NONE;
}

static PyMethodDef rank_methods[] = {
    {"tell_failing", tell_failing, METH_NOARGS, PyDoc_STR("A failure will be written.")},
    {0},
};

/* Whole lines; and a module that is not there is no rank's traceback, but in the report all the same. */
static int prepare_output(const pi_options *options)
{
    PyObject *boot = PyImport_ImportModule("_pympi_boot");
    PyObject *done = boot ? PyObject_CallMethod(boot, "write_lines", NULL) : NULL;
    if (done && options->program == PI_PROGRAM_MODULE) {
        PyObject *tell = PyCFunction_New(rank_methods, NULL);
        Py_DECREF(done);
        done = tell ? PyObject_CallMethod(boot, "tell_before_missing", "N", tell) : NULL;
    }
    Py_XDECREF(boot);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* What a script of ParaView's finds: its batch mode, and somewhere to draw. */
static int prepare_paraview(const pi_options *options)
{
    PyObject *folds = strcmp(options->output, "fold") == 0 ? Py_True : Py_False;
    PyObject *module = PyImport_ImportModule("pympi._vis.batch");
    PyObject *done = module ? PyObject_CallMethod(module, "begin", "O", folds) : NULL;
    Py_XDECREF(module);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* What is ours inside the started interpreter. */
static int furnish(const pi_options *options, const char *environment, const char *executable,
                   bool in_job)
{
    if (pi_builtin_boot() < 0 || (environment && restore_executable(executable) < 0)) {
        return -1;
    }
    if (in_job && (prepare_output(options) < 0 || pi_library_start()->watch() < 0)) {
        return -1;
    }
    if (in_job) {
        pi_interrupt_deliver();
    }
    return options->paraview ? prepare_paraview(options) : 0;
}

/* What Py_RunMain is to a program, for statements of a front or of standard input. */
static int run_session(const pi_options *options)
{
    static const char *const kinds[] = {"", "", "file", "command", "module", ""};
    PyObject *module = PyImport_ImportModule("pympi.session.loop");
    PyObject *done = module ? PyObject_CallMethod(module, "main", "sz", kinds[options->program],
                                                  options->program_name)
                            : NULL;
    int status = done ? (int)PyLong_AsLong(done) : 1;
    if (!done || PyErr_Occurred()) {
        PyErr_Print();
    }
    Py_XDECREF(done);
    Py_XDECREF(module);
    return Py_FinalizeEx() < 0 && !status ? 120 : status; /* Python's own status then */
}

static int run_python(const pi_options *options, bool in_job)
{
    char name[PATH_MAX], python[PATH_MAX];
    const char *executable = name, *environment = NULL;
    if (pi_bundle_is_here()) {
        pi_bundle_names(&executable, &environment);
    } else {
        pi_self_name(options->argv[0], name, sizeof name);
        int entered = options->isolated ? 0 : pi_venv_named(name, python, sizeof python);
        if (entered < 0) {
            pi_bundle_give_up();
            return 2;
        }
        environment = entered ? python : NULL;
    }
    PyStatus status =
        pi_builtin_add() < 0 ? PyStatus_NoMemory() : start(options, executable, environment);
    pi_bundle_give_up();
    if (PyStatus_IsExit(status)) {
        return status.exitcode;
    }
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }
    if (furnish(options, environment, executable, in_job) < 0) {
        PyErr_Print();
        return 1;
    }
    return in_job && options->session       ? run_session(options)
           : pi_bundle_has_program(options) ? pi_bundle_run()
                                            : Py_RunMain();
}

int pi_rank_run(const pi_options *options)
{
    pi_launched launched;
    bool runs = options->program != PI_PROGRAM_ANSWER;
    bool in_job = runs && pi_launched_read(&launched);
    pi_options own = *options;
    own.session = own.session || (in_job && !own.job && own.program == PI_PROGRAM_NONE);
    options = &own;
    int status = in_job ? pi_join_job(options, &launched) : runs ? pi_join_none() : 0;
    if (status) {
        return status;
    }
    if (in_job) {
        pi_bundle_join();
    } else {
        pi_library_prepare(options, false, false);
    }
    return run_python(options, in_job);
}
