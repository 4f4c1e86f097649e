/* import _pympi_h5: opens the library that needs HDF5, which nothing else does.
 * SPDX-License-Identifier: MIT */
#include "modules/common/compat.h"
#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "pympi_h5.so" /* beside this one */

static void *open_beside(char *path, size_t size)
{
    Dl_info own;
    if (!dladdr((void *)open_beside, &own) || !own.dli_fname) {
        return NULL;
    }
    const char *slash = strrchr(own.dli_fname, '/');
    int length = slash ? (int)(slash - own.dli_fname) + 1 : 0;
    snprintf(path, size, "%.*s" LIBRARY, length, own.dli_fname);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

PC_EXPORT PyObject *PyInit__pympi_h5(void)
{
    char path[4096];
    PyObject *(*init)(void) = NULL;
#ifdef PYMPI_HDF5
    void *library = open_beside(path, sizeof path);
    if (library) {
        *(void **)&init = dlsym(library, "PyInit__pympi_h5");
    }
    if (!init) {
        PyErr_Format(PyExc_ImportError, "_pympi_h5: %s", dlerror());
    }
#else
    (void)open_beside;
    (void)path;
    PyErr_SetString(PyExc_ImportError, "_pympi_h5: this pympi was built without HDF5 (Debian: "
                                       "libhdf5-openmpi-dev; then configure and make again)");
#endif
    return init ? init() : NULL;
}
