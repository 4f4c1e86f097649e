/* HDF5's stack of errors as one exception.
 * SPDX-License-Identifier: MIT */
#include "modules/h5/errors.h"

#include <errno.h>
#include <stdio.h>

typedef struct {
    char outer[160], inner[300];
    hid_t major, minor; /* of the innermost */
} told;

/* From the innermost to the call that the program made. */
static herr_t note(unsigned number, const H5E_error2_t *error, void *what)
{
    told *all = what;
    const char *text = error->desc ? error->desc : "";
    if (number == 0) {
        snprintf(all->inner, sizeof all->inner, "%s", text);
        all->major = error->maj_num;
        all->minor = error->min_num;
    }
    snprintf(all->outer, sizeof all->outer, "%s", text);
    return 0;
}

static PyObject *class_of(const told *all)
{
    if (all->minor == H5E_NOTFOUND) {
        return PyExc_KeyError;
    }
    if (all->major == H5E_IO || all->major == H5E_FILE || all->major == H5E_VFL) {
        return PyExc_OSError;
    }
    return all->minor == H5E_UNSUPPORTED || all->minor == H5E_CANTCONVERT ? PyExc_TypeError
           : all->major == H5E_ARGS                                       ? PyExc_ValueError
                                                                          : PyExc_RuntimeError;
}

int ph_error_set(const char *call)
{
    told all = {.outer = "HDF5 does not say why"};
    if (PyErr_Occurred()) {
        return -1;
    }
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, note, &all);
    H5Eclear2(H5E_DEFAULT);
    if (all.inner[0] && strcmp(all.inner, all.outer) != 0) {
        PyErr_Format(class_of(&all), "%s: %s (%s)", call, all.outer, all.inner);
    } else {
        PyErr_Format(class_of(&all), "%s: %s", call, all.outer);
    }
    return -1;
}
