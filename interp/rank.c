/* One interpreter: alone, or a rank of a job.
 * SPDX-License-Identifier: MIT
 *
 * MPI starts before Python, and ends behind it: libpympi.so has an exit handler, because Py_RunMain
 * does not return after sys.exit(). */
#include "interp/python.h"
#include "interp/rank.h"

#include <limits.h>

#include "interp/builtin.h"
#include "interp/interrupt.h"
#include "interp/join.h"
#include "interp/library.h"
#include "interp/self.h"
#include "interp/venv.h"

static PyStatus read_arguments(PyConfig *config, const pi_options *options)
{
    PyPreConfig before;
    PyPreConfig_InitPythonConfig(&before);
    PyStatus status = Py_PreInitializeFromBytesArgs(&before, options->argc, options->argv);
    if (PyStatus_Exception(status)) {
        return status;
    }
    PyConfig_InitPythonConfig(config);
    return PyConfig_SetBytesArgv(config, options->argc, options->argv);
}

/* Starts the interpreter; environment, when not NULL, is the python of the environment to enter. */
static PyStatus start(const pi_options *options, const char *environment)
{
    PyConfig config;
    PyStatus status = read_arguments(&config, options);
    if (PyStatus_Exception(status)) {
        return status; /* nothing to clear: the configuration was not begun */
    }
    if (environment) {
        status = PyConfig_SetBytesString(&config, &config.executable, environment);
    }
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
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

static int write_lines(void)
{
    PyObject *boot = PyImport_ImportModule("_pympi_boot");
    PyObject *done = boot ? PyObject_CallMethod(boot, "write_lines", NULL) : NULL;
    Py_XDECREF(boot);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* What is ours inside the started interpreter. */
static int furnish(const char *environment, const char *executable, bool in_job)
{
    if (pi_builtin_boot() < 0 || (environment && restore_executable(executable) < 0)) {
        return -1;
    }
    if (!in_job) {
        return 0;
    }
    if (write_lines() < 0 || pi_library_start()->watch() < 0) {
        return -1;
    }
    pi_interrupt_deliver();
    return 0;
}

static int run_python(const pi_options *options, bool in_job)
{
    char executable[PATH_MAX], python[PATH_MAX];
    pi_self_name(options->argv[0], executable, sizeof executable);
    int entered = options->isolated ? 0 : pi_venv_named(executable, python, sizeof python);
    if (entered < 0) {
        return 2;
    }
    const char *environment = entered ? python : NULL;
    PyStatus status = pi_builtin_add() < 0 ? PyStatus_NoMemory() : start(options, environment);
    if (PyStatus_IsExit(status)) {
        return status.exitcode;
    }
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }
    if (furnish(environment, executable, in_job) < 0) {
        PyErr_Print();
        return 1;
    }
    return Py_RunMain();
}

int pi_rank_run(const pi_options *options)
{
    pi_launched launched;
    bool in_job = options->program != PI_PROGRAM_ANSWER && pi_launched_read(&launched);
    if (in_job) {
        int status = pi_join_job(options, &launched);
        if (status) {
            return status;
        }
    } else {
        pi_library_prepare(options, false, false);
    }
    return run_python(options, in_job);
}
