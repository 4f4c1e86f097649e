/* Local sockets with a name that no file has, for processes of one user on one node.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_LOCAL_H
#define PYMPI_INTERP_LOCAL_H

#include <stddef.h>
#include <sys/types.h>

#define PI_LOCAL_FDS 4 /* the most descriptors in one message */

/* Both return a close-on-exec descriptor, or -1 with errno set. */
int pi_local_listen(const char *name);
int pi_local_connect(const char *name);

/* Accepts one connection of this user's; -1 with errno set, EACCES when it was another user's. */
int pi_local_accept(int listening);

/* Sends one message with descriptors; 0, or -1 with errno set. */
int pi_local_send(int socket, const void *bytes, size_t size, const int *fds, int count);

/* Receives one without waiting; fills at most count close-on-exec descriptors and sets the others to
 * -1. The bytes received, 0 at the end, or -1 with errno set. */
ssize_t pi_local_receive(int socket, void *bytes, size_t size, int *fds, int count);

#endif
