/* Ctrl-C in a rank: the front's word for it.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_INTERRUPT_H
#define PYMPI_INTERP_INTERRUPT_H

/* Makes SIGURG, which launchers forward and children ignore, what SIGINT is. Before Python starts. */
void pi_interrupt_listen(void);

/* After it has started: what came meanwhile. */
void pi_interrupt_deliver(void);

#endif
