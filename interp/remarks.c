/* What the launcher itself says on stderr.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/remarks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RULE_LENGTH 70 /* a rule is a line of at least so many dashes */

static bool only_has(const char *line, size_t length, const char *characters)
{
    for (size_t i = 0; i < length; i++) {
        if (!strchr(characters, line[i])) {
            return false;
        }
    }
    return true;
}

static bool is_rule(const char *line, size_t length)
{
    return length > RULE_LENGTH && only_has(line, length, "-\n");
}

/* "[host:1234] ..." with the launcher's own number; its note that it forwards a signal; what its event
 * library says of a descriptor that closed. */
static bool is_signed(const char *line, size_t length, pid_t launcher)
{
    static const char *const heads[] = {"mpirun: Forwarding signal", "[warn] Epoll "};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        if (length > strlen(heads[i]) && memcmp(line, heads[i], strlen(heads[i])) == 0) {
            return true;
        }
    }
    const char *colon = length && line[0] == '[' ? memchr(line, ':', length) : NULL;
    char number[32];
    int digits = snprintf(number, sizeof number, ":%05ld]", (long)launcher);
    return colon && (size_t)(line + length - colon) >= (size_t)digits &&
           memcmp(colon, number, (size_t)digits) == 0;
}

/* srun's words on a step that ends or binds; that it waits for its turn is worth knowing at once. */
static bool is_sruns(const char *line, size_t length)
{
    static const char *const names[] = {"srun: ", "slurmstepd", NULL};
    for (const char *const *name = names; *name; name++) {
        size_t size = strlen(*name);
        if (length > size && memcmp(line, *name, size) == 0) {
            return !memmem(line, length, "retrying", 8) && !memmem(line, length, "waiting for", 11);
        }
    }
    return false;
}

static void take_line(pi_remarks *remarks, const char *line, size_t length)
{
    bool rule = is_rule(line, length);
    bool empty = only_has(line, length, " \n"); /* what stands around boxes */
    if (rule || empty || remarks->boxed || is_signed(line, length, remarks->launcher) ||
        is_sruns(line, length)) {
        pi_text_add(&remarks->held, line, length);
    } else {
        pi_write_all(STDERR_FILENO, line, length);
    }
    remarks->boxed = remarks->boxed != rule;
}

static void take_lines(pi_remarks *remarks, size_t count)
{
    const char *at = remarks->line.bytes;
    const char *end = at + count;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = newline ? (size_t)(newline - at) + 1 : (size_t)(end - at);
        take_line(remarks, at, length);
        at += length;
    }
    pi_text_drop(&remarks->line, count);
}

int pi_remarks_read(pi_remarks *remarks, int fd)
{
    ssize_t got;
    while ((got = pi_text_read(&remarks->line, fd)) > 0) {
        take_lines(remarks, pi_text_lines(&remarks->line));
    }
    if (got < 0 && errno == EAGAIN) {
        return 1;
    }
    take_lines(remarks, remarks->line.used);
    return 0;
}

void pi_remarks_show(const pi_remarks *remarks)
{
    pi_write_all(STDERR_FILENO, remarks->held.bytes, remarks->held.used);
}

void pi_remarks_fini(pi_remarks *remarks)
{
    pi_text_fini(&remarks->line);
    pi_text_fini(&remarks->held);
}
