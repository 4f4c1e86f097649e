/* Put in front of libc: kills one rank at its Nth change of a file in a folder, and writes down all changes.
 * SPDX-License-Identifier: MIT
 *
 * PYMPI_MOMENT is FOLDER:LOG:RANK:N:HALF. A write that is killed has done half of its work where HALF is 1, and
 * nothing else has begun. The log has a line a change, "RANK CALL SIZE PATH": of what is begun, but of what waits
 * for the disk when it is done. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static struct {
    char folder[1024], log[1024];
    int rank, victim, half, number, count, ready;
} at;

static int start(void)
{
    const char *moment = getenv("PYMPI_MOMENT"), *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (!at.ready) {
        at.ready = moment && rank &&
                           sscanf(moment, "%1023[^:]:%1023[^:]:%d:%d:%d", at.folder, at.log,
                                  &at.victim, &at.number, &at.half) == 5
                       ? 1
                       : -1;
        at.rank = rank ? atoi(rank) : 0;
    }
    return at.ready > 0;
}

static int is_ours(const char *path)
{
    return start() && strncmp(path, at.folder, strlen(at.folder)) == 0;
}

static void path_of(int fd, char *path, size_t size)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, size - 1);
    path[length > 0 ? length : 0] = 0;
}

static void note(const char *call, size_t size, const char *path)
{
    char line[1200];
    int length = snprintf(line, sizeof line, "%d %s %zu %s\n", at.rank, call, size, path);
    int log = open(at.log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (log >= 0 && write(log, line, (size_t)length) != length) {
        abort();
    }
    close(log);
}

/* True when this change is the one. */
static int is_moment(void)
{
    return ++at.count == at.number && at.rank == at.victim;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    pause();
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static ssize_t put(ssize_t (*real)(int, const void *, size_t, off_t), int fd, const void *bytes,
                   size_t size, off_t offset)
{
    char path[1024];
    path_of(fd, path, sizeof path);
    if (is_ours(path)) {
        note("write", size, path);
        if (is_moment()) {
            if (at.half) {
                real(fd, bytes, size / 2, offset);
            }
            die();
        }
    }
    return real(fd, bytes, size, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    REAL(pwrite);
    return put(real, fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    REAL(pwrite64);
    return put(real, fd, bytes, size, offset);
}

static int change_fd(int (*real)(int), int fd, const char *call)
{
    char path[1024];
    path_of(fd, path, sizeof path);
    int ours = is_ours(path);
    if (ours && is_moment()) {
        die();
    }
    int code = real(fd);
    if (ours) {
        note(call, 0, path);
    }
    return code;
}

int fsync(int fd)
{
    REAL(fsync);
    return change_fd(real, fd, "sync");
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    return change_fd(real, fd, "sync");
}

static void change_path(const char *call, const char *path)
{
    if (is_ours(path)) {
        note(call, 0, path);
        if (is_moment()) {
            die();
        }
    }
}

int ftruncate(int fd, off_t size)
{
    REAL(ftruncate);
    char path[1024];
    path_of(fd, path, sizeof path);
    change_path("truncate", path);
    return real(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    REAL(ftruncate64);
    char path[1024];
    path_of(fd, path, sizeof path);
    change_path("truncate", path);
    return real(fd, size);
}

int rename(const char *from, const char *to)
{
    REAL(rename);
    change_path("rename", from);
    return real(from, to);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    REAL(renameat);
    change_path("rename", from);
    return real(from_at, from, to_at, to);
}

int unlink(const char *path)
{
    REAL(unlink);
    change_path("unlink", path);
    return real(path);
}

static int open_mode(int (*real)(const char *, int, ...), const char *path, int flags, va_list more)
{
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    if (flags & O_CREAT) {
        change_path("make", path);
    }
    return real(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    REAL(open);
    va_list more;
    va_start(more, flags);
    int fd =
        strcmp(path, at.log) == 0 ? real(path, flags, 0666) : open_mode(real, path, flags, more);
    va_end(more);
    return fd;
}

int open64(const char *path, int flags, ...)
{
    REAL(open64);
    va_list more;
    va_start(more, flags);
    int fd = open_mode(real, path, flags, more);
    va_end(more);
    return fd;
}
