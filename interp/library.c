/* libpympi.so, which brings MPI: opened when it is needed and not before.
 * SPDX-License-Identifier: MIT
 *
 * It is opened globally and before any other user of MPI, so that what it defines in front of MPI is
 * found first. */
#include "interp/library.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "interp/relay.h"
#include "interp/say.h"
#include "interp/self.h"
#include "interp/tee.h"

static struct {
    void *handle;
    const pc_entry_table *entry;
    bool started;
    pc_start how;
    char why[512];
} library;

static void tell_failing(void)
{
    pi_relay_tell(PI_RELAY_FAILING, 0);
    pi_tee_begin();
}

/* All is said then. What Open MPI 4.1 has to say on the abort would go into the report, for under srun
 * it is not the launcher that writes it. */
static void tell_failed(int status)
{
    pi_relay_tell(PI_RELAY_FAILED, status);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) {
        dup2(nowhere, STDERR_FILENO);
        close(nowhere);
    }
}

static void tell_finalized(void)
{
    pi_relay_tell(PI_RELAY_BYE, 0);
}

static bool tell_place(const char *text)
{
    if (pi_relay_attached()) {
        return pi_relay_tell_place(text);
    }
    pi_say("rank %d was in %s", library.entry->rank(), text);
    return false;
}

void pi_library_prepare(const pi_options *options, bool launched, bool crowded)
{
    library.how =
        (pc_start){.threads = options->thread_level,
                   .launched = launched,
                   .crowded = crowded,
                   .relayed = pi_relay_attached(),
                   .failing = tell_failing,
                   .explained = pi_tee_end,
                   .failed = tell_failed,
                   .finalized = tell_finalized,
                   .last_word = tell_place,
                   .here = options->session && pi_relay_attached() ? pi_relay_tell_here : NULL,
                   .intercept = !options->no_intercept,
                   .check = options->check || options->session,
                   .bundle = options->bundle,
                   .no_bundle = options->no_bundle};
}

const char *pi_library_why(void)
{
    return library.why;
}

static bool note_why(const char *why)
{
    snprintf(library.why, sizeof library.why, "%s", why ? why : "unknown reason");
    return false;
}

static bool open_file(void)
{
    char path[PATH_MAX + 16];
    const char *folder = pi_self_library();
    if (!folder) {
        return note_why(PI_SELF_NO_LIBRARY);
    }
    snprintf(path, sizeof path, "%s/libpympi.so", folder);
    struct sigaction hangup;
    sigaction(SIGHUP, NULL, &hangup);
    library.handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    sigaction(SIGHUP, &hangup, NULL); /* UCX, below MPI, takes it for a wish to trace itself */
    return library.handle || note_why(dlerror());
}

const pc_entry_table *pi_library_open(void)
{
    if (library.entry) {
        return library.entry;
    }
    if (!library.handle && !open_file()) {
        return NULL;
    }
    const pc_entry_table *entry = dlsym(library.handle, PC_ENTRY_SYMBOL);
    if (!entry || entry->version != PC_ENTRY_VERSION) {
        note_why("libpympi.so is of another version of pympi");
        return NULL;
    }
    library.entry = entry;
    return entry;
}

const pc_entry_table *pi_library_start(void)
{
    const pc_entry_table *entry = pi_library_open();
    if (entry && !library.started) {
        if (entry->start(&library.how, library.why, sizeof library.why) < 0) {
            return NULL;
        }
        library.started = true;
    }
    return entry;
}

void *pi_library_symbol(const char *name)
{
    void *symbol = pi_library_open() ? dlsym(library.handle, name) : NULL;
    if (!symbol && library.handle) {
        note_why(dlerror());
    }
    return symbol;
}
