/* Virtual environments: the one an executable lies in, and the one VIRTUAL_ENV names.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/venv.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "interp/python.h"
#include "interp/say.h"

/* What every standard library has. */
#define LIBRARY_MODULE "lib/python" PYMPI_PYTHON_VERSION "/os.py"

static FILE *open_settings(const char *executable)
{
    char path[PATH_MAX + 16];
    const char *slash = strrchr(executable, '/');
    if (!slash) {
        return NULL;
    }
    int length = (int)(slash - executable);
    snprintf(path, sizeof path, "%.*s/pyvenv.cfg", length, executable);
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(path, sizeof path, "%.*s/../pyvenv.cfg", length, executable);
        file = fopen(path, "re");
    }
    return file;
}

/* Splits "key = value" in place; NULL when the line is none. */
static char *value_of(char *line, const char *key)
{
    char *equals = strchr(line, '=');
    if (!equals) {
        return NULL;
    }
    char *end = equals;
    while (end > line && isspace((unsigned char)end[-1])) {
        end--;
    }
    *end = '\0';
    char *value = equals + 1;
    value += strspn(value, " \t");
    value[strcspn(value, "\r\n")] = '\0';
    return strcasecmp(line, key) == 0 ? value : NULL;
}

bool pi_venv_setting(const char *executable, const char *key, char *value, size_t size)
{
    FILE *file = open_settings(executable);
    char line[PATH_MAX + 64];
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        const char *text = value_of(line, key);
        if (text) {
            snprintf(value, size, "%s", text);
            found = true;
        }
    }
    if (file) {
        fclose(file);
    }
    return found;
}

static bool same_python(const char *version)
{
    int major = 0, minor = 0;
    sscanf(version, "%d.%d", &major, &minor);
    return major == PY_MAJOR_VERSION && minor == PY_MINOR_VERSION;
}

bool pi_venv_is_foreign(const char *python)
{
    char home[PATH_MAX], path[PATH_MAX + sizeof LIBRARY_MODULE + 8];
    struct stat theirs, ours;
    if (!pi_venv_setting(python, "home", home, sizeof home)) {
        return false;
    }
    snprintf(path, sizeof path, "%s/../" LIBRARY_MODULE, home);
    return stat(path, &theirs) == 0 && stat(PYMPI_PYTHON_HOME "/" LIBRARY_MODULE, &ours) == 0 &&
           (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev);
}

int pi_venv_named(const char *executable, char *python, size_t size)
{
    const char *folder = getenv("VIRTUAL_ENV");
    char value[PATH_MAX];
    if (!folder || !*folder || pi_venv_setting(executable, "home", value, sizeof value)) {
        return 0;
    }
    snprintf(python, size, "%s/bin/python", folder);
    if (!pi_venv_setting(python, "version", value, sizeof value) &&
        !pi_venv_setting(python, "version_info", value, sizeof value)) {
        return 0;
    }
    if (!same_python(value)) {
        pi_say("VIRTUAL_ENV %s is of Python %s, but this pympi is Python %d.%d", folder, value,
               PY_MAJOR_VERSION, PY_MINOR_VERSION);
        return -1;
    }
    return access(python, X_OK) == 0;
}
