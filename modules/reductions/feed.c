/* Memory of any shape into exact sums.
 * SPDX-License-Identifier: MIT
 *
 * Doubles that lie in one piece are added where they are. All else goes through a block of doubles, which
 * is as exact: floats are doubles, and integers are added as such. */
#include "modules/reductions/feed.h"

#include <string.h>

#include "modules/reductions/extract.h"

#define ROWS_AT_ONCE                                                                               \
    8 /* that share lines of the cache where the reduced axis is not the last in memory */

/* Elements that wait to be added together. */
typedef struct {
    pr_exact *sums;
    pr_numbers numbers;
    Py_ssize_t itemsize;
    int count;
    __int128 whole; /* the sum of integers so far */
    bool any;       /* integer was added */
    double reals[PR_BLOCK];
    double imaginaries[PR_BLOCK];
} basin;

/* Elements in a row. */
typedef struct {
    const char *at;
    Py_ssize_t count, stride;
} run;

pr_numbers pr_feed_numbers(const Py_buffer *view)
{
    const char *format = view->format ? view->format : "B";
    format += *format == '@' || *format == '=' || (*format == '<' && PY_LITTLE_ENDIAN);
    if (strcmp(format, "Zd") == 0 || strcmp(format, "Zf") == 0) {
        return format[1] == 'd' ? PR_COMPLEX_DOUBLE : PR_COMPLEX_FLOAT;
    }
    if (!*format || format[1]) {
        return PR_NO_NUMBERS;
    }
    return *format == 'd'               ? PR_DOUBLE
           : *format == 'f'             ? PR_FLOAT
           : strchr("bhilqn", *format)  ? PR_SIGNED
           : strchr("?BHILQN", *format) ? PR_UNSIGNED
                                        : PR_NO_NUMBERS;
}

int pr_feed_sums(pr_numbers numbers)
{
    return numbers >= PR_COMPLEX_FLOAT ? 2 : 1;
}

/* The sum of integers in halves, which the compiler does several at a time; at most 2^30 of them. */
#define ADD_UP(name, type, wide)                                                                   \
    static __int128 name(const run *from)                                                          \
    {                                                                                              \
        uint64_t low = 0;                                                                          \
        wide high = 0;                                                                             \
        for (Py_ssize_t i = 0; i < from->count; i++) {                                             \
            type value;                                                                            \
            memcpy(&value, from->at + i * from->stride, sizeof value);                             \
            low += (uint32_t)value;                                                                \
            high += (wide)value >> 32;                                                             \
        }                                                                                          \
        return (__int128)high * ((__int128)1 << 32) + (__int128)low;                               \
    }
ADD_UP(add_bytes, int8_t, int64_t)
ADD_UP(add_shorts, int16_t, int64_t)
ADD_UP(add_ints, int32_t, int64_t)
ADD_UP(add_longs, int64_t, int64_t)
ADD_UP(add_unsigned_bytes, uint8_t, uint64_t)
ADD_UP(add_unsigned_shorts, uint16_t, uint64_t)
ADD_UP(add_unsigned_ints, uint32_t, uint64_t)
ADD_UP(add_unsigned_longs, uint64_t, uint64_t)
#undef ADD_UP

static __int128 add_up(const run *from, bool is_signed, Py_ssize_t size)
{
    switch (size) {
    case 1:
        return is_signed ? add_bytes(from) : add_unsigned_bytes(from);
    case 2:
        return is_signed ? add_shorts(from) : add_unsigned_shorts(from);
    case 4:
        return is_signed ? add_ints(from) : add_unsigned_ints(from);
    default:
        return is_signed ? add_longs(from) : add_unsigned_longs(from);
    }
}

typedef double two __attribute__((vector_size(16), aligned(8)));
typedef float four __attribute__((vector_size(16), aligned(4)));
typedef double four_doubles __attribute__((vector_size(32), aligned(8)));

/* Complex numbers in a row: the real parts or the imaginary ones of two at a time. How many were read. */
static Py_ssize_t read_pairs(const run *from, int part, double *into)
{
    Py_ssize_t i = 0;
    for (; from->stride == 2 * sizeof(double) && i + 2 <= from->count; i += 2) {
        two one, other, both;
        memcpy(&one, from->at + i * from->stride, sizeof one);
        memcpy(&other, from->at + (i + 1) * from->stride, sizeof other);
        both = part ? __builtin_shufflevector(one, other, 1, 3)
                    : __builtin_shufflevector(one, other, 0, 2);
        *(two *)(into + i) = both;
    }
    return i;
}

static void read_doubles(const run *from, int part, double *into)
{
    const char *at = from->at + part * (int)sizeof(double);
    for (Py_ssize_t i = read_pairs(from, part, into); i < from->count; i++) {
        memcpy(&into[i], at + i * from->stride, sizeof(double));
    }
}

/* Floats in a row, four at a time. How many were read. */
static Py_ssize_t read_fours(const run *from, double *into)
{
    Py_ssize_t i = 0;
    for (; from->stride == sizeof(float) && i + 4 <= from->count; i += 4) {
        four values;
        memcpy(&values, from->at + i * from->stride, sizeof values);
        *(four_doubles *)(into + i) = __builtin_convertvector(values, four_doubles);
    }
    return i;
}

static void read_floats(const run *from, int part, double *into)
{
    const char *at = from->at + part * (int)sizeof(float);
    for (Py_ssize_t i = read_fours(from, into); i < from->count; i++) {
        float value;
        memcpy(&value, at + i * from->stride, sizeof value);
        into[i] = (double)value;
    }
}

/* The real parts, or the imaginary ones behind them. */
static void read_parts(const run *from, pr_numbers numbers, int part, double *into)
{
    if (numbers == PR_DOUBLE || numbers == PR_COMPLEX_DOUBLE) {
        read_doubles(from, part, into);
    } else {
        read_floats(from, part, into);
    }
}

/* The blocks of doubles are left as they are: most calls need little of them. */
static void begin(basin *own, pr_exact *sums, Py_ssize_t itemsize, pr_numbers numbers)
{
    own->sums = sums;
    own->numbers = numbers;
    own->itemsize = itemsize;
    own->count = 0;
    own->whole = 0;
    own->any = false;
}

static void flush(basin *own)
{
    pr_extract_add(&own->sums[0], own->reals, (size_t)own->count);
    if (own->numbers >= PR_COMPLEX_FLOAT) {
        pr_extract_add(&own->sums[1], own->imaginaries, (size_t)own->count);
    }
    own->count = 0;
}

/* 2^63 integers of 64 bits fit into 128. */
static void flush_integers(basin *own)
{
    bool negative = own->whole < 0;
    unsigned __int128 size =
        negative ? -(unsigned __int128)own->whole : (unsigned __int128)own->whole;
    uint32_t words[4];
    for (int i = 0; i < 4; i++) {
        words[i] = (uint32_t)(size >> 32 * i);
    }
    if (own->any) {
        pr_exact_add_words(own->sums, words, 4, PR_EXACT_LOW / 32, negative);
    }
    own->whole = 0;
    own->any = false;
}

static void pour_integers(basin *own, run from)
{
    const Py_ssize_t most = (Py_ssize_t)1 << 30;
    while (from.count) {
        run some = {from.at, from.count < most ? from.count : most, from.stride};
        own->whole += add_up(&some, own->numbers == PR_SIGNED, own->itemsize);
        own->any = true;
        from.at += some.count * from.stride;
        from.count -= some.count;
    }
}

static void pour(basin *own, run from)
{
    if (own->numbers < PR_FLOAT) {
        pour_integers(own, from);
        return;
    }
    while (from.count) {
        Py_ssize_t room = PR_BLOCK - own->count;
        run some = {from.at, from.count < room ? from.count : room, from.stride};
        read_parts(&some, own->numbers, 0, own->reals + own->count);
        if (own->numbers >= PR_COMPLEX_FLOAT) {
            read_parts(&some, own->numbers, 1, own->imaginaries + own->count);
        }
        own->count += (int)some.count;
        from.at += some.count * from.stride;
        from.count -= some.count;
        if (own->count == PR_BLOCK) {
            flush(own);
        }
    }
}

static void finish(basin *own)
{
    flush(own);
    flush_integers(own);
}

/* The axes from `axis` on, at this place. */
static void pour_axes(basin *own, const Py_buffer *view, int axis, const char *at)
{
    if (axis >= view->ndim - 1) {
        bool scalar = view->ndim == 0;
        pour(own, (run){at, scalar ? 1 : view->shape[axis], scalar ? 0 : view->strides[axis]});
        return;
    }
    for (Py_ssize_t i = 0; i < view->shape[axis]; i++) {
        pour_axes(own, view, axis + 1, at + i * view->strides[axis]);
    }
}

/* Whether doubles from here on may be added where they are. */
static bool in_place(const void *at, Py_ssize_t stride)
{
    return stride == sizeof(double) && (uintptr_t)at % _Alignof(double) == 0;
}

void pr_feed_add(pr_exact *sums, const Py_buffer *view, pr_numbers numbers)
{
    basin own;
    if (numbers == PR_DOUBLE && PyBuffer_IsContiguous(view, 'A') &&
        in_place(view->buf, view->itemsize)) {
        pr_extract_add(sums, view->buf, (size_t)(view->len / view->itemsize));
        return;
    }
    begin(&own, sums, view->itemsize, numbers);
    if (PyBuffer_IsContiguous(view, 'A')) {
        pour(&own, (run){view->buf, view->len / view->itemsize, view->itemsize});
    } else {
        pour_axes(&own, view, 0, view->buf);
    }
    finish(&own);
}

void pr_feed_add_one(pr_exact *sums, const char *at, pr_numbers numbers, Py_ssize_t itemsize)
{
    run one = {at, 1, 0};
    double value;
    basin own;
    for (int part = 0; numbers >= PR_FLOAT && part < pr_feed_sums(numbers); part++) {
        read_parts(&one, numbers, part, &value);
        pr_exact_add(&sums[part], value);
    }
    if (numbers < PR_FLOAT) {
        begin(&own, sums, itemsize, numbers);
        pour_integers(&own, one);
        flush_integers(&own);
    }
}

/* Where the row of this number begins: its indices in C's order. */
static const char *row_at(const Py_buffer *view, Py_ssize_t row)
{
    const char *at = view->buf;
    for (int axis = view->ndim - 2; axis >= 0; axis--) {
        at += row % view->shape[axis] * view->strides[axis];
        row /= view->shape[axis];
    }
    return at;
}

static void add_row(pr_exact *sums, const Py_buffer *view, pr_numbers numbers, run from)
{
    if (numbers == PR_DOUBLE && in_place(from.at, from.stride)) {
        pr_extract_add(sums, (const double *)(const void *)from.at, (size_t)from.count);
        return;
    }
    basin own;
    begin(&own, sums, view->itemsize, numbers);
    pour(&own, from);
    finish(&own);
}

/* A few rows whose elements lie far apart, and side by side with the other rows': taken line by line. */
static void add_rows_abreast(pr_exact *sums, const char *const *rows, int count, run from)
{
    double blocks[ROWS_AT_ONCE][PR_BLOCK];
    for (Py_ssize_t i = 0; i < from.count; i++) {
        for (int row = 0; row < count; row++) {
            memcpy(&blocks[row][i], rows[row] + i * from.stride, sizeof(double));
        }
    }
    for (int row = 0; row < count; row++) {
        pr_extract_add(sums + row, blocks[row], (size_t)from.count);
    }
}

/* At most a block of each of a few rows. */
static void add_some(pr_exact *sums, const Py_buffer *view, pr_numbers numbers,
                     const char *const *rows, int count, run from)
{
    if (numbers == PR_DOUBLE && from.stride != view->itemsize) {
        add_rows_abreast(sums, rows, count, from);
        return;
    }
    for (int row = 0; row < count; row++) {
        from.at = rows[row];
        add_row(sums + pr_feed_sums(numbers) * row, view, numbers, from);
    }
}

void pr_feed_add_rows(pr_exact *sums, const Py_buffer *view, pr_numbers numbers)
{
    Py_ssize_t rows = 1, length = view->shape[view->ndim - 1];
    Py_ssize_t stride = view->strides[view->ndim - 1];
    for (int axis = 0; axis < view->ndim - 1; axis++) {
        rows *= view->shape[axis];
    }
    for (Py_ssize_t first = 0; first < rows; first += ROWS_AT_ONCE) {
        int few = rows - first < ROWS_AT_ONCE ? (int)(rows - first) : ROWS_AT_ONCE;
        for (Py_ssize_t at = 0; at < length; at += PR_BLOCK) {
            const char *starts[ROWS_AT_ONCE];
            for (int i = 0; i < few; i++) {
                starts[i] = row_at(view, first + i) + at * stride;
            }
            run some = {NULL, length - at < PR_BLOCK ? length - at : PR_BLOCK, stride};
            add_some(sums + pr_feed_sums(numbers) * first, view, numbers, starts, few, some);
        }
    }
}

/* (a + bi)(c + di) = ac - bd + (ad + bc)i, each product exact. */
static void add_complex_products(pr_exact *sums, const basin *x, const basin *y, size_t count)
{
    bool x_complex = x->numbers >= PR_COMPLEX_FLOAT, y_complex = y->numbers >= PR_COMPLEX_FLOAT;
    pr_extract_add_products(&sums[0], x->reals, y->reals, count);
    if (y_complex) {
        pr_extract_add_products(&sums[1], x->reals, y->imaginaries, count);
    }
    if (x_complex) {
        pr_extract_add_products(&sums[1], x->imaginaries, y->reals, count);
    }
    if (x_complex && y_complex) {
        double opposites[PR_BLOCK];
        for (size_t i = 0; i < count; i++) {
            opposites[i] = -x->imaginaries[i];
        }
        pr_extract_add_products(&sums[0], opposites, y->imaginaries, count);
    }
}

static void fill(basin *own, const Py_buffer *view, Py_ssize_t at, Py_ssize_t count)
{
    Py_ssize_t stride = view->strides[0];
    run from = {(const char *)view->buf + at * stride, count, stride};
    read_parts(&from, own->numbers, 0, own->reals);
    if (own->numbers >= PR_COMPLEX_FLOAT) {
        read_parts(&from, own->numbers, 1, own->imaginaries);
    }
}

void pr_feed_add_products(pr_exact *sums, const Py_buffer *x, pr_numbers x_numbers,
                          const Py_buffer *y, pr_numbers y_numbers)
{
    basin left, right;
    Py_ssize_t length = x->shape[0];
    if (x_numbers == PR_DOUBLE && y_numbers == PR_DOUBLE && in_place(x->buf, x->strides[0]) &&
        in_place(y->buf, y->strides[0])) {
        pr_extract_add_products(sums, x->buf, y->buf, (size_t)length);
        return;
    }
    begin(&left, sums, x->itemsize, x_numbers);
    begin(&right, sums, y->itemsize, y_numbers);
    for (Py_ssize_t at = 0; at < length; at += PR_BLOCK) {
        Py_ssize_t count = length - at < PR_BLOCK ? length - at : PR_BLOCK;
        fill(&left, x, at, count);
        fill(&right, y, at, count);
        add_complex_products(sums, &left, &right, (size_t)count);
    }
}
