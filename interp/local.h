/* Local sockets with a name that no file has, for processes of one user on one node.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_LOCAL_H
#define PYMPI_INTERP_LOCAL_H

/* Both return a close-on-exec descriptor, or -1 with errno set. */
int pi_local_listen(const char *name);
int pi_local_connect(const char *name);

/* Accepts one connection of this user's; -1 with errno set, EACCES when it was another user's. */
int pi_local_accept(int listening);

#endif
