/* MPI's state in this process.
 * SPDX-License-Identifier: MIT */
#include "modules/common/runtime.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAG_HALF_MOST (1 << 29)
#define SIGNALS       "OMPI_MCA_opal_signal"
#define COMPONENTS    "HWLOC_COMPONENTS"

static struct {
    pc_runtime state;
    pc_start how;
    bool owned;        /* we started MPI, and end it */
    bool used;         /* this process uses it */
    bool left;         /* it is a fork of one that does */
    bool over;         /* MPI has been finalised */
    atomic_uint parts; /* of messages, numbered */
    struct pc_abandoned *abandoned;
    atomic_int failing;
    atomic_bool ending;
    pc_shown shown;
    pc_breakout breakout;
    void (*told)(int status);
    int twins;
    pc_progress progress;
    pc_ledger ledger;
    pc_parcels parcels;
    pc_deadlock deadlock;
    pc_judge judge;
    pc_session session;
    pc_ending end;
} runtime;

pc_session *pc_runtime_session(void)
{
    return &runtime.session;
}

void pc_runtime_note_statement(unsigned statement, unsigned epoch)
{
    runtime.state.statement = statement;
    runtime.state.epoch = epoch;
}

pc_ending *pc_runtime_ending_state(void)
{
    return &runtime.end;
}

pc_ledger *pc_runtime_ledger(void)
{
    return &runtime.ledger;
}

pc_parcels *pc_runtime_parcels(void)
{
    return &runtime.parcels;
}

pc_deadlock *pc_runtime_deadlock(void)
{
    return &runtime.deadlock;
}

pc_judge *pc_runtime_judge(void)
{
    return &runtime.judge;
}

pc_progress *pc_runtime_progress(void)
{
    return &runtime.progress;
}

int *pc_runtime_twins(void)
{
    return &runtime.twins;
}

void (**pc_runtime_ending(void))(int status)
{
    return &runtime.told;
}

pc_breakout *pc_runtime_breakout(void)
{
    return &runtime.breakout;
}

pc_shown *pc_runtime_shown(void)
{
    return &runtime.shown;
}

const pc_runtime *pc_runtime_get(void)
{
    return &runtime.state;
}

const pc_start *pc_runtime_how(void)
{
    return &runtime.how;
}

bool pc_runtime_is_own(void)
{
    return runtime.used;
}

bool pc_runtime_usable(void)
{
    return runtime.used && !runtime.over;
}

/* MPI deletes the attributes of MPI_COMM_SELF first of all when it is finalised, by whomever. */
static int note_end(MPI_Comm Py_UNUSED(comm), int Py_UNUSED(key), void *Py_UNUSED(value),
                    void *Py_UNUSED(extra))
{
    runtime.over = true;
    return MPI_SUCCESS;
}

static int copy_nothing(MPI_Comm Py_UNUSED(comm), int Py_UNUSED(key), void *Py_UNUSED(extra),
                        void *Py_UNUSED(value), void *Py_UNUSED(copy), int *copied_p)
{
    *copied_p = 0;
    return MPI_SUCCESS;
}

static void watch_end(void)
{
    int key;
    if (MPI_Comm_create_keyval(copy_nothing, note_end, &key, NULL) == MPI_SUCCESS) {
        MPI_Comm_set_attr(MPI_COMM_SELF, key, NULL);
        MPI_Comm_free_keyval(&key); /* it lives as long as its attribute */
    }
}

struct pc_abandoned **pc_runtime_abandoned(void)
{
    return &runtime.abandoned;
}

unsigned pc_runtime_next_parts(int count)
{
    return atomic_fetch_add(&runtime.parts, (unsigned)count);
}

int pc_runtime_part_tag(unsigned number)
{
    return (int)(number & (unsigned)(runtime.state.tag_half - 1));
}

int pc_runtime_collective_tag(unsigned number)
{
    return runtime.state.tag_half + pc_runtime_part_tag(number);
}

/* Without a launcher nobody removes the shared memory that Open MPI 5.0 made for a rank alone. */
static void remove_segment(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    while (maps && fgets(line, sizeof line, maps)) {
        char *path = strchr(line, '/');
        if (path && strstr(path, "/sm_segment.")) {
            path[strcspn(path, " \n")] = '\0';
            unlink(path);
        }
    }
    if (maps) {
        fclose(maps);
    }
}

int pc_runtime_failing(int status)
{
    if (status) {
        atomic_store(&runtime.failing, status);
    }
    return atomic_load(&runtime.failing);
}

bool pc_runtime_may_end(void)
{
    return !atomic_exchange(&runtime.ending, true);
}

void pc_runtime_finish(void)
{
    if (!runtime.owned) {
        return;
    }
    if (pc_runtime_usable()) {
        if (!runtime.how.launched) {
            remove_segment();
        }
        MPI_Finalize();
    }
    runtime.how.finalized();
}

/* True: the environment has it from us, and for the time of MPI's start only. */
static bool lend(const char *name, const char *value)
{
    return !getenv(name) && setenv(name, value, 1) == 0;
}

static void take_back(const char *name, bool lent)
{
    if (lent) {
        unsetenv(name);
    }
}

static int init(char *why, size_t size)
{
    static const int levels[] = {MPI_THREAD_SINGLE, MPI_THREAD_FUNNELED, MPI_THREAD_SERIALIZED,
                                 MPI_THREAD_MULTIPLE};
    int given;
    /* Open MPI would print a stack of its own at a crash, and a Python program that asks for the handler
     * of such a signal would get None. */
    bool signals = lend(SIGNALS, "");
    /* hwloc would ask every X server that there may be for its graphics cards, sixty calls, and have a line
     * on stderr for each that lets nobody in. */
    bool components = lend(COMPONENTS, "-gl");
    int code = MPI_Init_thread(NULL, NULL, levels[runtime.how.threads], &given);
    take_back(SIGNALS, signals);
    take_back(COMPONENTS, components);
    if (code != MPI_SUCCESS) {
        snprintf(why, size, "MPI_Init_thread failed");
        return -1;
    }
    runtime.owned = true;
    return 0;
}

/* The launcher's list of how many ranks each application has; without it this rank is alone. */
static void read_own_part(pc_runtime *state)
{
    const char *sizes = state->apps > 1 ? getenv("OMPI_APP_CTX_NUM_PROCS") : NULL;
    state->app_first = state->apps > 1 ? state->rank : 0;
    state->app_size = state->apps > 1 ? 1 : state->size;
    int first = 0;
    char *end = NULL;
    for (int app = 0; sizes && app <= state->app; app++) {
        int size = (int)strtol(sizes, &end, 10);
        if (end == sizes) {
            return;
        }
        if (app == state->app) {
            state->app_first = first;
            state->app_size = size;
        }
        first += size;
        sizes = end;
    }
}

/* Open MPI tells how many applications there are by its launcher's environment only. */
static void read_applications(pc_runtime *state)
{
    int *number, found = 0;
    const char *count = runtime.how.launched ? getenv("OMPI_NUM_APP_CTX") : NULL;
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &number, &found);
    state->app = found ? *number : 0;
    state->apps = count ? atoi(count) : 1;
    if (state->apps <= state->app) {
        state->apps = state->app + 1;
    }
    read_own_part(state);
}

static void read_state(pc_runtime *state)
{
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &state->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &state->size);
    MPI_Query_thread(&state->threads);
    int *most, found = 0;
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &most, &found);
    state->tag_most = found ? *most : 32767;
    state->tag_half = TAG_HALF_MOST;
    while (state->tag_half > state->tag_most / 2) {
        state->tag_half /= 2;
    }
    state->crowded = runtime.how.crowded;
    read_applications(state);
}

/* Collective over the world, so only where every rank is known to come here: at the start of a job of
 * one application, or alone. */
static int duplicate_world(pc_runtime *state, char *why, size_t size)
{
    state->world = MPI_COMM_WORLD;
    state->inner = state->node = state->node_inner = state->control = MPI_COMM_NULL;
    if (state->apps > 1 || (!runtime.how.launched && state->size > 1)) {
        return 0;
    }
    if (MPI_Comm_dup(MPI_COMM_WORLD, &state->world) != MPI_SUCCESS ||
        MPI_Comm_dup(MPI_COMM_WORLD, &state->inner) != MPI_SUCCESS) {
        snprintf(why, size, "MPI_Comm_dup of the world failed");
        return -1;
    }
    if (MPI_Comm_split_type(state->inner, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &state->node) !=
            MPI_SUCCESS ||
        MPI_Comm_dup(state->node, &state->node_inner) != MPI_SUCCESS) {
        snprintf(why, size, "MPI_Comm_split_type of the world failed");
        return -1;
    }
    return 0;
}

/* In a fork. Asking for the process's number instead would be a system call a message. */
static void leave(void)
{
    runtime.left = true;
    runtime.owned = runtime.used = false;
}

/* A launcher may have given the words to some ranks only. */
static int agree_on_words(pc_runtime *state, char *why, size_t size)
{
    int here = state->size;
    if (state->node != MPI_COMM_NULL) {
        MPI_Comm_size(state->node, &here);
    }
    int words[] = {runtime.how.check, runtime.how.bundle || here < state->size,
                   runtime.how.no_bundle};
    if (state->inner != MPI_COMM_NULL &&
        PMPI_Allreduce(MPI_IN_PLACE, words, 3, MPI_INT, MPI_MAX, state->inner) != MPI_SUCCESS) {
        snprintf(why, size, "MPI_Allreduce of the world failed");
        return -1;
    }
    state->check = words[0];
    state->bundle = words[1] && !words[2] && state->inner != MPI_COMM_NULL && state->size > 1;
    if (state->check && state->inner != MPI_COMM_NULL && state->size > 1 &&
        PMPI_Comm_dup(state->inner, &state->control) != MPI_SUCCESS) {
        snprintf(why, size, "MPI_Comm_dup of the world failed");
        return -1;
    }
    return 0;
}

int pc_runtime_start(const pc_start *how, char *why, size_t size)
{
    int running, over;
    if (runtime.used || runtime.left) {
        return 0;
    }
    runtime.how = *how;
    MPI_Initialized(&running);
    MPI_Finalized(&over);
    if (over) {
        snprintf(why, size, "MPI has been finalised, and cannot start again in this process");
        return -1;
    }
    if (!running && init(why, size) < 0) {
        return -1;
    }
    read_state(&runtime.state);
    if (duplicate_world(&runtime.state, why, size) < 0 ||
        agree_on_words(&runtime.state, why, size) < 0) {
        return -1;
    }
    runtime.used = true;
    watch_end();
    pthread_atfork(NULL, NULL, leave);
    return 0;
}

void pc_runtime_abort(int status)
{
    if (pc_runtime_usable()) {
        MPI_Abort(MPI_COMM_WORLD, status);
    }
    _exit(status); /* the launcher has been told; a fork ends alone */
}
