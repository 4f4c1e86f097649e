/* Python's own words of the command line.
 * SPDX-License-Identifier: MIT */
#include "interp/arguments.h"

#include "interp/say.h"

PyStatus pi_arguments_begin(PyConfig *config, const pi_options *options)
{
    PyPreConfig before;
    PyPreConfig_InitPythonConfig(&before);
    PyStatus status = Py_PreInitializeFromBytesArgs(&before, options->argc, options->argv);
    if (PyStatus_Exception(status)) {
        return status;
    }
    PyConfig_InitPythonConfig(config);
    status = PyConfig_SetBytesArgv(config, options->argc, options->argv);
    if (PyStatus_Exception(status)) {
        PyConfig_Clear(config);
    }
    return status;
}

int pi_arguments_check(const pi_options *options)
{
    PyConfig config;
    PyStatus status = pi_arguments_begin(&config, options);
    if (!PyStatus_Exception(status)) {
        status = PyConfig_Read(&config);
        PyConfig_Clear(&config);
    }
    if (PyStatus_IsError(status)) {
        pi_say("%s", status.err_msg);
        return 1;
    }
    return PyStatus_IsExit(status) ? status.exitcode : 0;
}
