/* The built-in modules, and the finders that show our Python library.
 * SPDX-License-Identifier: MIT
 *
 * The modules live in libpympi.so; what the interpreter knows are stubs, made from the generated table,
 * that open it and start MPI at the first import. */
#include "interp/python.h"
#include "interp/builtin.h"

#include <marshal.h>
#include <stdio.h>

#include "boot.h"
#include "interp/control.h"
#include "interp/library.h"
#include "interp/self.h"

static PyObject *load(const char *name)
{
    char symbol[128];
    if (!pi_library_start()) {
        PyErr_Format(PyExc_ImportError, "%s: %s", name, pi_library_why());
        return NULL;
    }
    snprintf(symbol, sizeof symbol, "PyInit_%s", name);
    PyObject *(*init)(void) = (PyObject * (*)(void)) pi_library_symbol(symbol);
    if (!init) {
        PyErr_Format(PyExc_ImportError, "%s: %s", name, pi_library_why());
        return NULL;
    }
    return init();
}

#define PYMPI_MODULE(name)                                                                         \
    static PyObject *init_##name(void)                                                             \
    {                                                                                              \
        return load(#name);                                                                        \
    }
#include "modules.inc"
#undef PYMPI_MODULE

#define PYMPI_MODULE(name) {#name, init_##name},
static const struct {
    const char *name;
    PyObject *(*init)(void);
} modules[] = {
#include "modules.inc"
};
#undef PYMPI_MODULE

int pi_builtin_add(void)
{
    if (PyImport_AppendInittab("_pympi_control", pi_control_init) < 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        if (PyImport_AppendInittab(modules[i].name, modules[i].init) < 0) {
            return -1;
        }
    }
    return 0;
}

int pi_builtin_boot(void)
{
    const char *folder = pi_self_library();
    PyObject *code =
        PyMarshal_ReadObjectFromString((const char *)pi_boot_code, sizeof pi_boot_code);
    PyObject *boot = code ? PyImport_ExecCodeModule("_pympi_boot", code) : NULL;
    PyObject *done =
        boot ? PyObject_CallMethod(boot, "install", "zs", folder, PI_SELF_NO_LIBRARY) : NULL;
    Py_XDECREF(code);
    Py_XDECREF(boot);
    Py_XDECREF(done);
    return done ? 0 : -1;
}
