/* Local sockets with a name that no file has, for processes of one user on one node.
 * SPDX-License-Identifier: MIT
 *
 * Abstract names (unix(7)) leave nothing behind, but have no permissions: both sides look at who the
 * other is. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/local.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int close_keeping_errno(int fd)
{
    int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

static socklen_t address_of(struct sockaddr_un *address, const char *name)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strnlen(name, sizeof address->sun_path - 1);
    memcpy(address->sun_path + 1, name, length);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

static int same_user(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
        return -1;
    }
    if (peer.uid != geteuid()) {
        errno = EACCES;
        return -1;
    }
    return 0;
}

int pi_local_listen(const char *name)
{
    struct sockaddr_un address;
    socklen_t length = address_of(&address, name);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    if (bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, SOMAXCONN) < 0) {
        return close_keeping_errno(fd);
    }
    return fd;
}

int pi_local_connect(const char *name)
{
    struct sockaddr_un address;
    socklen_t length = address_of(&address, name);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (connect(fd, (struct sockaddr *)&address, length) < 0 || same_user(fd) < 0) {
        return close_keeping_errno(fd);
    }
    return fd;
}

int pi_local_accept(int listening)
{
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return -1;
    }
    return same_user(fd) < 0 ? close_keeping_errno(fd) : fd;
}

/* Room for the descriptors of one message. */
typedef union {
    char bytes[CMSG_SPACE(sizeof(int) * PI_LOCAL_FDS)];
    struct cmsghdr align;
} control;

int pi_local_send(int socket, const void *bytes, size_t size, const int *fds, int count)
{
    control room = {0};
    size_t length = sizeof(int) * (size_t)count;
    struct iovec part = {(void *)bytes, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE(length);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(length);
        memcpy(CMSG_DATA(rights), fds, length);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

ssize_t pi_local_receive(int socket, void *bytes, size_t size, int *fds, int count)
{
    control room = {0};
    struct iovec part = {bytes, size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = sizeof room.bytes};
    for (int i = 0; i < count; i++) {
        fds[i] = -1;
    }
    ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct cmsghdr *rights = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (rights && rights->cmsg_type == SCM_RIGHTS) {
        int came = (int)((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(rights), sizeof(int) * (size_t)(came < count ? came : count));
    }
    return got;
}
