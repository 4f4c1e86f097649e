/* A growing piece of text.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_TEXT_H
#define PYMPI_INTERP_TEXT_H

#include <stddef.h>
#include <sys/types.h>

/* All zero is empty. Bytes are not terminated. */
typedef struct {
    char *bytes;
    size_t used;
    size_t room;
} pi_text;

/* Out of memory ends the process: there is no way to keep the promise that nothing is lost. */
void pi_text_add(pi_text *text, const char *bytes, size_t count);
void pi_text_add_string(pi_text *text, const char *string);

/* Drops the first count bytes. */
void pi_text_drop(pi_text *text, size_t count);

/* The length of the leading part that ends in a newline; 0 when there is none. */
size_t pi_text_lines(const pi_text *text);

void pi_text_fini(pi_text *text);

/* Reads what is there from a descriptor that does not block. The number of bytes, 0 at the end of the
 * stream, or -1 with errno set. */
ssize_t pi_text_read(pi_text *text, int fd);

/* Writes everything, waiting where it must; -1 with errno set when the other side is gone. */
int pi_write_all(int fd, const char *bytes, size_t count);

/* Where text goes, until it cannot. */
typedef struct {
    int fd;
    int error; /* of the first write that failed; 0: all is well */
} pi_sink;

/* Writes everything while that is possible; why it is not any more is said, unless the reader is gone. */
void pi_sink_write(pi_sink *sink, const char *bytes, size_t count);

/* Milliseconds of a clock that only goes forward. */
long pi_now_ms(void);

#endif
