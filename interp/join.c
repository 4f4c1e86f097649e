/* What a process does to become a rank, before Python starts.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/join.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interp/interrupt.h"
#include "interp/job.h"
#include "interp/library.h"
#include "interp/place.h"
#include "interp/relay.h"
#include "interp/say.h"
#include "interp/tee.h"
#include "interp/text.h"

#define RELAY_PATIENCE_MS 5000  /* for the relay that the first rank of the node starts */
#define RELAY_LINGER_MS   10000 /* how long a relay waits for the ranks that have not come yet */

/* Every rank finds the same mistake; the first one says it. */
static int refuse(const pi_launched *launched, const char *what, const char *value)
{
    if (launched->rank == 0) {
        pi_say("%s, not '%s'", what, value);
    }
    return 2;
}

/* "out.%r" for rank 3 is "out.3". */
static void name_file(pi_text *name, const char *pattern, int rank)
{
    char number[16];
    const char *place;
    snprintf(number, sizeof number, "%d", rank);
    while ((place = strstr(pattern, "%r"))) {
        pi_text_add(name, pattern, (size_t)(place - pattern));
        pi_text_add_string(name, number);
        pattern = place + 2;
    }
    pi_text_add(name, pattern, strlen(pattern) + 1);
}

static int lead_to_file(const char *pattern, int rank)
{
    pi_text name = {0};
    name_file(&name, pattern, rank);
    pi_tee_open();
    int fd = open(name.bytes, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    bool led = fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0;
    if (!led) {
        pi_say("--output: cannot write %s: %s", name.bytes, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    pi_text_fini(&name);
    return led ? 0 : 2;
}

static void serve_as_relay(pi_relay *relay, int expected)
{
    const int wakes[PI_RELAY_WAKES] = {-1, -1, -1, -1, -1};
    long since = pi_now_ms();
    for (;;) {
        int connected = pi_relay_turn(relay, wakes, 1000);
        bool all_came = pi_relay_judge(relay).joined >= expected;
        if (connected < 0 || (connected == 0 && all_came) ||
            (connected == 0 && pi_now_ms() - since > RELAY_LINGER_MS)) {
            break;
        }
    }
    pi_relay_drain(relay);
}

/* Starts a process that is nobody's child to wait for and in no group that a launcher kills: it ends
 * when its ranks have ended. */
static void start_relay(const char *name, pi_output_mode mode, const pi_launched *launched)
{
    pi_relay *relay = pi_relay_new(name, mode, launched->size);
    pid_t child = relay ? fork() : -1;
    if (child == 0) {
        setsid();
        if (fork() == 0) {
            signal(SIGINT, SIG_IGN);
            signal(SIGTERM, SIG_IGN);
            signal(SIGPIPE, SIG_IGN);
            serve_as_relay(relay, launched->local_size);
        }
        _exit(0);
    }
    if (child > 0) {
        waitpid(child, NULL, 0);
    }
    if (relay) {
        pi_relay_free(relay);
    }
}

/* Under a launcher of the user's own, label and fold need a relay of the node's own. */
static int lead_to_node_relay(pi_output_mode mode, const pi_launched *launched)
{
    char name[64 + sizeof launched->job];
    if (launched->local_rank < 0 || launched->local_size < 1) {
        return refuse(launched,
                      "--output: this launcher does not number the ranks of a node; use raw",
                      mode == PI_OUTPUT_LABEL ? "label" : "fold");
    }
    snprintf(name, sizeof name, "pympi-%ld-%.80s", (long)getuid(), launched->job);
    if (launched->local_rank == 0) {
        start_relay(name, mode, launched);
    }
    if (pi_relay_attach(name, launched->rank, RELAY_PATIENCE_MS, false) < 0) {
        pi_say("rank %d: its output cannot be led to the node's relay: %s", launched->rank,
               strerror(errno));
    }
    return 0;
}

/* A front on another node cannot be reached: then output goes the launcher's way. */
static int lead_output(const pi_options *options, const pi_launched *launched, const pi_job *job)
{
    const char *output = options->output;
    bool label = strcmp(output, "label") == 0, fold = strcmp(output, "fold") == 0;
    bool with_input = job->input && launched->rank == 0;
    bool attached = *job->relay && pi_relay_attach(job->relay, launched->rank, 0, with_input) == 0;
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    if (label || fold) {
        return attached ? 0
                        : lead_to_node_relay(label ? PI_OUTPUT_LABEL : PI_OUTPUT_FOLD, launched);
    }
    if (strcmp(output, "raw") == 0) {
        return 0;
    }
    return strstr(output, "%r")
               ? lead_to_file(output, launched->rank)
               : refuse(launched,
                        "--output takes raw, label, fold or a file name with %r for the rank",
                        output);
}

/* Before ranks bind themselves all see the node's cores, or those of the container; where the launcher
 * has bound them, each may see its own only. */
static bool is_crowded(const pi_launched *launched, bool bind)
{
    pi_place place;
    if (bind && pi_place_read(&place) == 0) {
        return launched->local_size > place.cores;
    }
    return launched->local_size > sysconf(_SC_NPROCESSORS_ONLN);
}

static void take_place(const pi_options *options, const pi_launched *launched, bool bind)
{
    bool numbered = launched->local_rank >= 0 && launched->local_size > 0;
    int cores = bind && numbered ? pi_place_take(launched->local_rank, launched->local_size)
                                 : pi_place_estimate(launched->local_size);
    pi_place_threads(options->threads ? options->threads : cores, options->threads > 0);
}

static int read_all_input(pi_text *text)
{
    ssize_t got;
    while ((got = pi_text_read(text, STDIN_FILENO)) > 0) {
    }
    return got < 0 ? -1 : 0;
}

/* Puts bytes where standard input is. */
static int replace_input(const void *bytes, size_t count)
{
    int fd = memfd_create("stdin", MFD_CLOEXEC);
    if (fd < 0 || pi_write_all(fd, bytes, count) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
        dup2(fd, STDIN_FILENO) < 0) {
        return -1;
    }
    close(fd);
    return 0;
}

/* Launchers give standard input to rank 0 alone; a program read from there is every rank's. */
static int share_program(const pi_options *options, const pc_entry_table *entry)
{
    bool from_input = options->program == PI_PROGRAM_STDIN || options->program == PI_PROGRAM_NONE;
    pi_text text = {0};
    if (!from_input || options->session || entry->size() == 1 || !entry->alone()) {
        return 0;
    }
    if (entry->rank() == 0 && read_all_input(&text) < 0) {
        pi_say("rank 0: cannot read the program from standard input: %s", strerror(errno));
    }
    void *bytes = text.bytes;
    size_t count = text.used;
    int result = entry->share(&bytes, &count) < 0 ? -1 : replace_input(bytes, count);
    if (result < 0) {
        pi_say("rank %d: cannot share the program of standard input", entry->rank());
    }
    free(bytes);
    return result < 0 ? 1 : 0;
}

/* Each would be a job of one rank, do all the work, and write over the others' files. */
static int refuse_apart(int task, int tasks)
{
    if (task == 0) {
        pi_say("srun started %d processes that are no ranks of one job: use srun --mpi=pmix",
               tasks);
    }
    return 2;
}

int pi_join_none(void)
{
    int task, tasks;
    if (pi_launched_apart(&task, &tasks)) {
        return refuse_apart(task, tasks);
    }
    pi_launched_leave_step();
    return 0;
}

int pi_join_job(const pi_options *options, const pi_launched *launched)
{
    pi_job job = {.relay = ""};
    if (options->job && !pi_job_read(&job, options->job)) {
        return refuse(launched, "--job is pympi's own word to its ranks", options->job);
    }
    int status = lead_output(options, launched, &job);
    if (status) {
        return status;
    }
    pi_interrupt_listen();
    bool bind = job.bind || launched->unplaced;
    bool crowded = is_crowded(launched, bind);
    take_place(options, launched, bind);
    if (pi_launched_mark(launched) < 0) {
        pi_say("rank %d: no room in the environment", launched->rank);
        return 1;
    }
    setenv("PETSC_OPTIONS", "-no_signal_handler",
           0); /* PETSc would end a rank at the signal of ^C */
    pi_library_prepare(options, true, crowded);
    const pc_entry_table *entry = pi_library_start();
    if (!entry) {
        pi_say("rank %d: MPI does not start: %s", launched->rank, pi_library_why());
        return 1;
    }
    pi_launched_free_children();
    if (entry->size() == 1 && launched->size > 1) {
        return refuse_apart(launched->rank, launched->size);
    }
    return share_program(options, entry);
}
