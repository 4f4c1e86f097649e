/* The folder of one job for the memory that its ranks share.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *file, int type, struct FTW *at)
{
    (void)file, (void)type, (void)at;
    remove(path);
    return 0;
}

/* Nobody else could have put a link into a folder of the user's. */
static void remove_folder(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Opens a folder of ours that no living job holds; -1 when there is none. */
static int lock_folder(const char *folder)
{
    struct stat file;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &file) == 0 && file.st_uid == geteuid() &&
        flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

void pi_scratch_remove(const char *folder)
{
    int lock = lock_folder(folder);
    if (lock >= 0) {
        remove_folder(folder);
        close(lock);
    }
}

void pi_scratch_remove_left(void)
{
    char prefix[32], folder[sizeof PI_SCRATCH_SHARED + NAME_MAX + 2];
    DIR *list = opendir(PI_SCRATCH_SHARED);
    struct dirent *entry;
    snprintf(prefix, sizeof prefix, PI_SCRATCH_PREFIX, (long)geteuid());
    while (list && (entry = readdir(list))) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
            snprintf(folder, sizeof folder, PI_SCRATCH_SHARED "/%s", entry->d_name);
            pi_scratch_remove(folder);
        }
    }
    if (list) {
        closedir(list);
    }
}

/* Between the two steps another front could take a new folder for one left behind: then it is gone, and
 * the lock is on nothing. */
static int make_folder(char *folder)
{
    struct stat file;
    if (!mkdtemp(folder)) {
        return -1;
    }
    int lock = lock_folder(folder);
    if (lock >= 0 && stat(folder, &file) == 0) {
        return lock;
    }
    if (lock >= 0) {
        close(lock);
    }
    return -1;
}

void pi_scratch_open(pi_scratch *scratch)
{
    static const char *const names[] = {"OMPI_MCA_btl_vader_backing_directory",
                                        "OMPI_MCA_osc_sm_backing_directory",
                                        "OMPI_MCA_osc_rdma_backing_directory"};
    *scratch = (pi_scratch){.lock = -1};
    if (getenv(names[0]) || getenv("OMPI_MCA_btl_sm_backing_directory")) {
        return;
    }
    pi_scratch_remove_left();
    snprintf(scratch->folder, sizeof scratch->folder,
             PI_SCRATCH_SHARED "/" PI_SCRATCH_PREFIX "XXXXXX", (long)geteuid());
    scratch->lock = make_folder(scratch->folder);
    for (size_t i = 0; scratch->lock >= 0 && i < sizeof names / sizeof *names; i++) {
        setenv(names[i], scratch->folder, 0);
    }
}

/* Removes the folders that a pattern with a process and a user in it matches. */
static void sweep(const char *pattern)
{
    glob_t found;
    if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            remove_folder(found.gl_pathv[i]);
        }
    }
    globfree(&found);
}

void pi_scratch_sweep(pid_t launcher)
{
    char pattern[PATH_MAX];
    const char *folder = getenv("TMPDIR");
    folder = folder && *folder ? folder : "/tmp";
    long user = (long)geteuid(), process = (long)launcher;
    snprintf(pattern, sizeof pattern, "%s/ompi.*.%ld/pid.%ld", folder, user, process); /* 4.1 */
    sweep(pattern);
    snprintf(pattern, sizeof pattern, "%s/prterun.*.%ld.%ld", folder, process, user); /* 5.0 */
    sweep(pattern);
}

void pi_scratch_close(pi_scratch *scratch)
{
    if (scratch->lock >= 0) {
        remove_folder(scratch->folder);
        close(scratch->lock);
        scratch->lock = -1;
    }
}
