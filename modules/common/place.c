/* Where the user's program is: the innermost of its lines.
 * SPDX-License-Identifier: MIT */
#include "modules/common/place.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Modules of pympi's are its library, but the examples are programs. */
static bool is_ours(PyFrameObject *frame)
{
    PyObject *globals = PyFrame_GetGlobals(frame);
    PyObject *name = PyDict_GetItemString(globals, "__name__"); /* borrowed */
    const char *text = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
    bool ours = text && strncmp(text, "pympi.", 6) == 0 && strncmp(text, "pympi.examples", 14) != 0;
    Py_DECREF(globals);
    return ours;
}

/* The innermost frame of the user's, or where all are ours the outermost; a new reference, or NULL. */
static PyFrameObject *find_frame(void)
{
    PyFrameObject *frame = (PyFrameObject *)Py_XNewRef((PyObject *)PyEval_GetFrame());
    while (frame && is_ours(frame)) {
        PyFrameObject *back = PyFrame_GetBack(frame);
        if (!back) {
            break;
        }
        Py_SETREF(frame, back);
    }
    return frame;
}

static void read_file(pc_place *place, PyFrameObject *frame)
{
    Py_ssize_t length;
    PyCodeObject *code = PyFrame_GetCode(frame);
    const char *path = PyUnicode_AsUTF8AndSize(code->co_filename, &length);
    if (path && length < PC_PLACE_ROOM) {
        memcpy(place->file, path, (size_t)length + 1);
    } else if (path) {
        snprintf(place->file, sizeof place->file, "...%s", path + length - PC_PLACE_ROOM + 4);
    }
    Py_DECREF(code);
}

void pc_place_find(pc_place *place)
{
    PyObject *type, *value, *traceback;
    memset(place, 0, sizeof *place);
    PyErr_Fetch(&type, &value, &traceback);
    PyFrameObject *frame = find_frame();
    if (frame) {
        place->line = PyFrame_GetLineNumber(frame);
        read_file(place, frame);
        Py_DECREF(frame);
    }
    PyErr_Clear(); /* a path that is no UTF-8 */
    PyErr_Restore(type, value, traceback);
}
