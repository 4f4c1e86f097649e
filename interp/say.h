/* One line on stderr in pympi's name.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_SAY_H
#define PYMPI_INTERP_SAY_H

/* Writes "pympi: ..." and a newline with one write(2), so that ranks do not mix inside it. */
void pi_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
