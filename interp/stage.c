/* Files of the bundle in a folder of the node's memory, for what can only be loaded from a file.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "interp/relay.h"
#include "interp/scratch.h"

#define SPARE (32ULL << 20) /* of the node's memory is left to others */

static struct {
    int lock;
    pid_t process;
    char folder[PI_STAGE_NAME];
} held = {.lock = -1};

/* NULL, or why so many bytes cannot lie there and be run. */
static const char *find_hindrance(size_t size)
{
    struct statvfs memory;
    return statvfs(PI_SCRATCH_SHARED, &memory) < 0 ? "there is no " PI_SCRATCH_SHARED
           : memory.f_flag & ST_NOEXEC             ? PI_SCRATCH_SHARED " is mounted noexec"
           : (unsigned long long)memory.f_bavail * memory.f_frsize < size + SPARE
               ? PI_SCRATCH_SHARED " is too small for them"
               : NULL;
}

/* The last rank of the node removes what all have used. */
static void leave(void)
{
    if (held.lock < 0 || held.process != getpid()) {
        return;
    }
    flock(held.lock, LOCK_UN);
    close(held.lock);
    held.lock = -1;
    pi_scratch_remove(held.folder);
}

int pi_stage_hold(const char *folder)
{
    struct stat file, there;
    int lock = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool ours = lock >= 0 && fstat(lock, &file) == 0 && file.st_uid == geteuid() &&
                (file.st_mode & 07777) == 0700 && flock(lock, LOCK_SH | LOCK_NB) == 0 &&
                stat(folder, &there) == 0 && there.st_ino == file.st_ino;
    if (!ours) {
        if (lock >= 0) {
            close(lock);
        }
        return -1;
    }
    held.lock = lock;
    held.process = getpid();
    snprintf(held.folder, sizeof held.folder, "%s", folder);
    atexit(leave);
    return 0;
}

/* Makes the folders that a path goes through, below the first length bytes of it. */
static void make_folders(char *path, size_t length)
{
    for (char *slash = path + length + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

static int write_file(const char *folder, const char *path, const char *bytes, size_t size)
{
    char name[PATH_MAX];
    int length = snprintf(name, sizeof name, "%s%s", folder, path);
    if (length < 0 || (size_t)length >= sizeof name) {
        return -1;
    }
    make_folders(name, strlen(folder));
    int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (file < 0) {
        return -1;
    }
    int result = pi_write_all(file, bytes, size);
    return close(file) < 0 ? -1 : result;
}

/* What lies beside a staged file is found there too: where it is. A file that is staged itself stays. */
static int write_link(const char *folder, const char *path)
{
    char name[PATH_MAX];
    int length = snprintf(name, sizeof name, "%s%s", folder, path);
    if (length < 0 || (size_t)length >= sizeof name) {
        return -1;
    }
    int result = symlink(path, name);
    if (result < 0 && errno == ENOENT) {
        make_folders(name, strlen(folder));
        result = symlink(path, name);
    }
    return result < 0 && errno != EEXIST ? -1 : 0;
}

/* An entry of the table says where in the bytes its file is, or that it is a link. */
static int write_entry(const pi_stage_files *files, const char *folder, const char *entry)
{
    char *rest;
    if (entry[0] == '/') {
        return write_link(folder, entry);
    }
    unsigned long long offset = strtoull(entry, &rest, 10);
    unsigned long long size = strtoull(rest, &rest, 10);
    if (rest[0] != ' ' || rest[1] != '/' || offset > files->size || size > files->size - offset) {
        return -1;
    }
    return write_file(folder, rest + 1, files->bytes + offset, size);
}

/* 0, or -1: then nothing is left of the folder. */
static int write_all(const pi_stage_files *files, const char *folder)
{
    int result = pi_stage_hold(folder);
    const char *entry = files->table, *end = files->table + files->table_size;
    for (; result == 0 && entry < end; entry += strlen(entry) + 1) {
        result = write_entry(files, folder, entry);
    }
    if (result < 0) {
        leave();
        pi_scratch_remove(folder);
    }
    return result;
}

const char *pi_stage_write(const pi_stage_files *files, char folder[PI_STAGE_NAME])
{
    folder[0] = '\0';
    if (!files->table_size) {
        return NULL;
    }
    pi_scratch_remove_left();
    const char *hindrance = find_hindrance(files->size);
    if (hindrance) {
        return hindrance;
    }
    snprintf(folder, PI_STAGE_NAME, PI_SCRATCH_SHARED "/" PI_SCRATCH_PREFIX "XXXXXX",
             (long)geteuid());
    if (!mkdtemp(folder) || write_all(files, folder) < 0) {
        folder[0] = '\0';
        return PI_SCRATCH_SHARED " cannot be written to";
    }
    return NULL;
}
