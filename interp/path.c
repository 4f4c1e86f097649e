/* Programs along PATH.
 * SPDX-License-Identifier: MIT */
#include "interp/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_program(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 && S_ISREG(file.st_mode) && access(path, X_OK) == 0;
}

bool pi_path_find(const char *name, char *found, size_t size)
{
    if (strchr(name, '/')) {
        snprintf(found, size, "%s", name);
        return is_program(found);
    }
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t length = strcspn(path, ":");
        snprintf(found, size, "%.*s/%s", length ? (int)length : 1, length ? path : ".", name);
        if (is_program(found)) {
            return true;
        }
        path += length + (path[length] == ':');
    }
    return false;
}
