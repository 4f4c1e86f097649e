/* The elements of a buffer as float64, block after block.
 * SPDX-License-Identifier: MIT
 *
 * Integers of 64 bits are rounded to float64 as NumPy does where it computes with them. */
#include "modules/reductions/source.h"

#include "modules/reductions/lanes.h"

#include <string.h>

/* The letter of a format such as "d", "@d" or "=d"; 0 for another byte order or no single number. */
static char plain_format(const char *format)
{
    if (!format) {
        return 'B';
    }
    if (*format == '@') {
        format++;
    }
    return format[0] && !format[1] && strchr("dfbBhHiIlLqQ?", *format) ? *format : 0;
}

int pr_source_open(pr_source *source, PyObject *object, const char *call)
{
    if (PyObject_GetBuffer(object, &source->view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) < 0) {
        return -1;
    }
    source->format = plain_format(source->view.format);
    if (!source->format) {
        PyErr_Format(PyExc_TypeError,
                     "%s: elements of format %s are no real numbers of this machine", call,
                     source->view.format);
        PyBuffer_Release(&source->view);
        return -1;
    }
    source->count = (size_t)(source->view.len / source->view.itemsize);
    return 0;
}

void pr_source_close(pr_source *source)
{
    PyBuffer_Release(&source->view);
}

size_t pr_source_length(const pr_source *source, size_t at)
{
    return source->count - at < PR_BLOCK ? source->count - at : PR_BLOCK;
}

#define CONVERT(type)                                                                              \
    for (size_t i = 0; i < count; i++) {                                                           \
        room[i] = (double)((const type *)from)[i];                                                 \
    }

/* check-sizes: one switch */
static void convert(char format, const void *from, size_t count, double *room)
{
    switch (format) {
    case 'f':
        CONVERT(float);
        break;
    case '?':
    case 'B':
        CONVERT(unsigned char);
        break;
    case 'b':
        CONVERT(signed char);
        break;
    case 'h':
        CONVERT(short);
        break;
    case 'H':
        CONVERT(unsigned short);
        break;
    case 'i':
        CONVERT(int);
        break;
    case 'I':
        CONVERT(unsigned);
        break;
    case 'l':
        CONVERT(long);
        break;
    case 'L':
        CONVERT(unsigned long);
        break;
    case 'q':
        CONVERT(long long);
        break;
    default:
        CONVERT(unsigned long long);
    }
}
#undef CONVERT

const double *pr_source_block(const pr_source *source, size_t at, double *room)
{
    const char *from = (const char *)source->view.buf + at * (size_t)source->view.itemsize;
    if (source->format == 'd') {
        return (const double *)from;
    }
    convert(source->format, from, pr_source_length(source, at), room);
    return room;
}
