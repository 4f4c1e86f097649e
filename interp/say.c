/* One line on stderr in pympi's name.
 * SPDX-License-Identifier: MIT */
#include "interp/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void pi_say(const char *format, ...)
{
    char line[1024] = "pympi: ";
    size_t start = strlen(line);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line + start, sizeof line - start - 1, format, args);
    va_end(args);
    size_t end = start + (length < 0 ? 0 : (size_t)length);
    if (end > sizeof line - 2) {
        end = sizeof line - 2;
    }
    line[end++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, end);
    (void)written; /* stderr is gone: there is nobody left to tell */
}
