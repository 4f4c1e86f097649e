/* Where this executable is, and what lies beside it.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/self.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interp/path.h"
#include "interp/say.h"
#include "interp/venv.h"

int pi_self_path(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length < 0) {
        pi_say("cannot tell where this program is: /proc/self/exe: %s", strerror(errno));
        return -1;
    }
    path[length] = '\0';
    return 0;
}

/* Tries ../lib/pympi beside the executable. */
static bool beside(const char *executable, char *folder, size_t size)
{
    char file[PATH_MAX];
    const char *slash = strrchr(executable, '/');
    int folder_end = slash ? (int)(slash - executable) : 0;
    const char *parent = memrchr(executable, '/', (size_t)folder_end);
    int parent_end = parent ? (int)(parent - executable) : 0;
    snprintf(folder, size, "%.*s/lib/pympi", parent_end, executable);
    snprintf(file, sizeof file, "%.*s/lib/pympi/libpympi.so", parent_end, executable);
    return access(file, R_OK) == 0;
}

/* A copied executable lies in an environment whose pyvenv.cfg names the folder of the original. */
static bool beside_original(const char *executable, char *folder, size_t size)
{
    char home[PATH_MAX], guess[PATH_MAX + 16], original[PATH_MAX];
    if (!pi_venv_setting(executable, "home", home, sizeof home)) {
        return false;
    }
    snprintf(guess, sizeof guess, "%s/pympi", home);
    return realpath(guess, original) && beside(original, folder, size);
}

const char *pi_self_library(void)
{
    static char folder[PATH_MAX];
    char executable[PATH_MAX];
    if (folder[0]) {
        return folder;
    }
    if (pi_self_path(executable, sizeof executable) == 0 &&
        (beside(executable, folder, sizeof folder) ||
         beside_original(executable, folder, sizeof folder))) {
        return folder;
    }
    folder[0] = '\0';
    return NULL;
}

void pi_self_name(const char *word, char *path, size_t size)
{
    char cwd[PATH_MAX];
    if (word[0] == '/') {
        snprintf(path, size, "%s", word);
        return;
    }
    if (strchr(word, '/') && getcwd(cwd, sizeof cwd)) {
        snprintf(path, size, "%s/%s", cwd, strncmp(word, "./", 2) == 0 ? word + 2 : word);
        return;
    }
    if (pi_path_find(word, path, size)) {
        return;
    }
    if (pi_self_path(path, size) < 0) {
        snprintf(path, size, "%s", word);
    }
}
