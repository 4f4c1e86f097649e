/* What is wrong with a job is said before it starts: once, and not by every rank.
 * SPDX-License-Identifier: MIT */
#include "interp/checks.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interp/arguments.h"
#include "interp/launch.h"
#include "interp/relay.h"
#include "interp/say.h"
#include "interp/self.h"
#include "interp/venv.h"

#define RANK_BYTES (8LL << 20) /* the least that a rank of one node needs for itself */

/* A slip of the finger would keep the launcher busy for minutes before it failed. */
static int check_ranks(const pi_options *options)
{
    long long memory = (long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    if (!pi_launcher_stays_here(options) || options->ranks <= memory / RANK_BYTES) {
        return 0;
    }
    pi_say("-n %d: this node has memory for about %lld ranks", options->ranks, memory / RANK_BYTES);
    return 2;
}

/* The files of the ranks lie in a folder, unless that has the rank in its name too. */
static int check_output_folder(const char *pattern)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", pattern);
    char *slash = strrchr(folder, '/');
    if (!slash) {
        snprintf(folder, sizeof folder, ".");
    } else {
        slash[slash == folder] = '\0';
    }
    if (strstr(folder, "%r") || access(folder, W_OK | X_OK) == 0) {
        return 0;
    }
    pi_say("--output: cannot write into the folder %s: %s", folder, strerror(errno));
    return 2;
}

/* A file name needs %r where the rank goes, else the ranks would write over one another. */
static int check_output(const pi_options *options)
{
    pi_output_mode mode;
    if (pi_relay_mode(options->output, &mode)) {
        return 0;
    }
    if (strstr(options->output, "%r")) {
        return check_output_folder(options->output);
    }
    pi_say("--output takes raw, label, fold or a file name with %%r for the rank, not '%s'",
           options->output);
    return 2;
}

static bool has_main(const char *folder)
{
    static const char *const names[] = {"__main__.py", "__main__.pyc"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (access(path, R_OK) == 0) {
            return true;
        }
    }
    return false;
}

static int check_program(const pi_options *options)
{
    const char *name = options->program_name;
    struct stat file;
    if (options->program != PI_PROGRAM_FILE) {
        return 0;
    }
    if (access(name, R_OK) < 0) {
        pi_say("can't open file '%s': [Errno %d] %s", name, errno, strerror(errno));
        return 2;
    }
    if (stat(name, &file) == 0 && S_ISDIR(file.st_mode) && !has_main(name)) {
        pi_say("can't find '__main__' module in '%s'", name);
        return 1; /* Python's own status */
    }
    return 0;
}

static int check_hosts(const pi_options *options)
{
    if (options->session && !pi_launcher_stays_here(options)) {
        pi_say("the prompt takes ranks on this node only; name a program to run on several");
        return 2;
    }
    if (options->hosts && !*options->hosts) {
        pi_say("--hosts names no host");
        return 2;
    }
    if (options->hostfile && access(options->hostfile, R_OK) < 0) {
        pi_say("--hostfile: can't open '%s': %s", options->hostfile, strerror(errno));
        return 2;
    }
    return 0;
}

/* Python alone runs in a folder that was removed; launchers do not. */
static int check_current_folder(void)
{
    char folder[PATH_MAX];
    if (getcwd(folder, sizeof folder)) {
        return 0;
    }
    pi_say("the current folder cannot be told: %s", strerror(errno));
    return 2;
}

/* Rights do not tell it all: where the system shows itself nobody can make a folder. */
static int check_temporary_folder(void)
{
    char folder[PATH_MAX];
    const char *parent = getenv("TMPDIR");
    parent = parent && *parent ? parent : "/tmp";
    snprintf(folder, sizeof folder, "%s/pympi-XXXXXX", parent);
    if (mkdtemp(folder)) {
        rmdir(folder);
        return 0;
    }
    pi_say(
        "the launcher needs a place for temporary files, but in %s (TMPDIR) no folder can be made: "
        "%s",
        parent, strerror(errno));
    return 2;
}

static int check_library(void)
{
    if (pi_self_library()) {
        return 0;
    }
    pi_say(PI_SELF_NO_LIBRARY);
    return 2;
}

/* A VIRTUAL_ENV of another Python. */
static int check_environment(const pi_options *options, const char *self)
{
    char python[PATH_MAX];
    return options->isolated || pi_venv_named(self, python, sizeof python) >= 0 ? 0 : 2;
}

int pi_checks_run(const pi_options *options, const char *self)
{
    int status = check_ranks(options);
    status = status ? status : check_output(options);
    status = status ? status : check_hosts(options);
    status = status ? status : check_current_folder();
    status = status ? status : check_temporary_folder();
    status = status ? status : check_library();
    status = status ? status : check_environment(options, self);
    status = status ? status : pi_arguments_check(options);
    return status ? status : check_program(options);
}
