/* Runs a command on a machine whose file system is slow: every call that names a file waits its turn at
 * one server. SPDX-License-Identifier: MIT
 *
 * slowfs MICROSECONDS COUNTS COMMAND...: writes into the file COUNTS how many calls waited. What the
 * kernel and the node's memory have (/proc, /dev, /sys, /etc) is not on that server. The kernel hands us
 * the calls of all processes of the command, by seccomp_unotify(2), and we let one go at a time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HAND_OVER(call)                                                                            \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),                                               \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)

/* Where the name is among a call's arguments. */
static int name_of(int call)
{
    switch (call) {
#ifdef SYS_open
    case SYS_open:
    case SYS_stat:
    case SYS_lstat:
    case SYS_access:
    case SYS_readlink:
        return 0;
#endif
    default:
        return 1;
    }
}

static int install(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_open
        HAND_OVER(SYS_open),
        HAND_OVER(SYS_stat),
        HAND_OVER(SYS_lstat),
        HAND_OVER(SYS_access),
        HAND_OVER(SYS_readlink),
#endif
        HAND_OVER(SYS_openat),
        HAND_OVER(SYS_newfstatat),
        HAND_OVER(SYS_statx),
        HAND_OVER(SYS_faccessat),
        HAND_OVER(SYS_faccessat2),
        HAND_OVER(SYS_readlinkat),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -1;
    }
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        &program);
}

/* The name, as far as it matters here; empty for a call on an open file. */
static void read_name(const struct seccomp_notif *call, char *name, size_t size)
{
    struct iovec here = {name, size - 1};
    struct iovec there = {(void *)(size_t)call->data.args[name_of(call->data.nr)], size - 1};
    ssize_t count = process_vm_readv((pid_t)call->pid, &here, 1, &there, 1, 0);
    if (count < 0) { /* it may end at the end of a page */
        there.iov_len = here.iov_len = 4096 - (size_t)there.iov_base % 4096;
        there.iov_len = here.iov_len = here.iov_len < size ? here.iov_len : size - 1;
        count = process_vm_readv((pid_t)call->pid, &here, 1, &there, 1, 0);
    }
    name[count < 0 ? 0 : count] = '\0';
}

static int is_slow(const struct seccomp_notif *call)
{
    static const char *const fast[] = {"/proc", "/dev", "/sys", "/etc", "/tmp/ompi", "pipe:"};
    char name[16];
    read_name(call, name, sizeof name);
    for (size_t i = 0; i < sizeof fast / sizeof *fast; i++) {
        if (strncmp(name, fast[i], strlen(fast[i])) == 0) {
            return 0;
        }
    }
    return name[0] != '\0';
}

static void serve(int listener, long microseconds, long *waited_p)
{
    struct seccomp_notif call;
    memset(&call, 0, sizeof call);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) {
        return;
    }
    if (is_slow(&call)) {
        struct timespec wait = {microseconds / 1000000, microseconds % 1000000 * 1000};
        nanosleep(&wait, NULL);
        ++*waited_p;
    }
    struct seccomp_notif_resp answer = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

static int send_file(int socket, int file)
{
    char control[CMSG_SPACE(sizeof file)] = {0}, byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof file);
    memcpy(CMSG_DATA(head), &file, sizeof file);
    return sendmsg(socket, &message, 0) == 1 ? 0 : -1;
}

static int receive_file(int socket)
{
    int file = -1;
    char control[CMSG_SPACE(sizeof file)], byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    if (recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message)) {
        memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof file);
    }
    return file;
}

static void run_command(int socket, char **command)
{
    int listener = install();
    if (listener < 0 || send_file(socket, listener) < 0) {
        perror("slowfs: the calls cannot be had");
        _exit(125);
    }
    close(listener);
    close(socket);
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

int main(int argc, char **argv)
{
    int pair[2], status;
    long waited = 0;
    if (argc < 4 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        fprintf(stderr, "usage: slowfs MICROSECONDS COUNTS COMMAND...\n");
        return 2;
    }
    pid_t child = fork();
    if (child == 0) {
        run_command(pair[1], argv + 3);
    }
    close(pair[1]);
    int listener = receive_file(pair[0]);
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (listener >= 0 && poll(&ready, 1, 20) > 0 && ready.revents & POLLIN) {
            serve(listener, atol(argv[1]), &waited);
        }
    }
    FILE *counts = fopen(argv[2], "w");
    if (!counts || fprintf(counts, "%ld\n", waited) < 0 || fclose(counts) != 0) {
        perror(argv[2]);
        return 1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
