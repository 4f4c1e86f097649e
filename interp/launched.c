/* What the launcher's environment tells a process, and what a process tells its children by it.
 * SPDX-License-Identifier: MIT
 *
 * A child that believed the inherited variables would die, or hang the job, in MPI_Init. The marker
 * PYMPI_RANK holds job and rank of the process that set it: whoever finds the same there is its child,
 * or what it became by execv(), for which MPI does not start again; another job is a new job started
 * from inside a rank. */
#include "interp/launched.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARKER     "PYMPI_RANK"
#define STEP       "SLURM_STEP_ID"
#define STEP_TASKS "SLURM_STEP_NUM_TASKS" /* srun alone sets it; a batch script has SLURM_NTASKS */

extern char **environ;

/* The first of the variables that is set, as a number; otherwise, when none is. */
static int number(const char *const *names, int otherwise)
{
    for (; *names; names++) {
        const char *text = getenv(*names);
        char *end;
        long value = text && *text ? strtol(text, &end, 10) : -1;
        if (value >= 0 && value <= INT_MAX && !*end) {
            return (int)value;
        }
    }
    return otherwise;
}

static void job_name(char *name, size_t size)
{
    const char *job = getenv("PMIX_NAMESPACE");
    if (job) {
        snprintf(name, size, "%s", job);
    } else if (getenv("SLURM_JOB_ID")) {
        const char *step = getenv(STEP);
        snprintf(name, size, "%s.%s", getenv("SLURM_JOB_ID"), step ? step : "");
    } else {
        const char *id = getenv("PMI_ID");
        snprintf(name, size, "%s", id ? id : "");
    }
}

/* How many tasks srun started on this node: of "2(x3),1" nodes 0 to 2 have two each, node 3 has one. */
static int srun_local_size(void)
{
    static const char *const node_id[] = {"SLURM_NODEID", NULL};
    const char *text = getenv("SLURM_STEP_TASKS_PER_NODE");
    int node = number(node_id, -1), tasks, length;
    while (text && node >= 0 && sscanf(text, "%d%n", &tasks, &length) == 1) {
        int nodes = 1;
        text += length;
        if (sscanf(text, "(x%d)%n", &nodes, &length) == 1) {
            text += length;
        }
        if (node < nodes) {
            return tasks;
        }
        node -= nodes;
        text += *text == ',';
    }
    return -1;
}

static bool read_variables(pi_launched *launched)
{
    static const char *const rank[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", NULL};
    static const char *const size[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", STEP_TASKS,
                                       "SLURM_NTASKS", NULL};
    static const char *const local_rank[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID",
                                             "MPI_LOCALRANKID", NULL};
    static const char *const local_size[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", NULL};
    launched->rank = number(rank, -1);
    launched->size = number(size, 1);
    launched->local_rank = number(local_rank, -1);
    launched->local_size = number(local_size, srun_local_size());
    launched->unplaced =
        !getenv("OMPI_COMM_WORLD_RANK") && getenv(STEP) && !getenv("SLURM_CPU_BIND_TYPE");
    job_name(launched->job, sizeof launched->job);
    return launched->rank >= 0;
}

static void write_marker(char *marker, size_t size, const pi_launched *launched)
{
    snprintf(marker, size, "%s:%d", launched->job, launched->rank);
}

static bool is_child(const pi_launched *launched)
{
    const char *marker = getenv(MARKER);
    char own[192];
    write_marker(own, sizeof own, launched);
    return marker && (!getenv("PMIX_NAMESPACE") || strcmp(marker, own) == 0);
}

bool pi_launched_read(pi_launched *launched)
{
    bool launcher = read_variables(launched);
    if (is_child(launched)) {
        pi_launched_forget();
        return false;
    }
    return launcher;
}

bool pi_launched_apart(int *task_p, int *tasks_p)
{
    static const char *const task[] = {"SLURM_PROCID", NULL};
    static const char *const tasks[] = {STEP_TASKS, NULL};
    *task_p = number(task, -1);
    *tasks_p = number(tasks, 1);
    return getenv(STEP) && *task_p >= 0 && *tasks_p > 1;
}

void pi_launched_leave_step(void)
{
    unsetenv(STEP); /* SLURM_STEPID, of the same value, stays */
}

bool pi_launched_on_one_node(void)
{
    static const char *const nodes[] = {"SLURM_JOB_NUM_NODES", NULL};
    /* salloc's shell runs elsewhere: Slurm names the node only to what it starts there */
    return !getenv("SLURM_JOB_ID") || (getenv("SLURMD_NODENAME") && number(nodes, 0) == 1);
}

int pi_launched_mark(const pi_launched *launched)
{
    char marker[192];
    write_marker(marker, sizeof marker, launched);
    return setenv(MARKER, marker, 1);
}

/* What Open MPI's launcher sets under the prefix that users set parameters with. */
static bool set_by_launcher(const char *parameter)
{
    static const char *const names[] = {"orte_",
                                        "ess",
                                        "pmix",
                                        "mpi_oversubscribe",
                                        "shmem_RUNTIME",
                                        "initial_wdir",
                                        "cpu_type",
                                        "num_procs",
                                        "mca_base_component_path",
                                        "PREFIXES",
                                        NULL};
    for (const char *const *name = names; *name; name++) {
        if (strncmp(parameter, *name, strlen(*name)) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_launchers(const char *variable)
{
    if (strncmp(variable, "OMPI_MCA_", 9) == 0) {
        return set_by_launcher(variable + 9);
    }
    if (strncmp(variable, "OMPI_ALLOW_RUN_AS_ROOT", 22) == 0) {
        return false;
    }
    if (strcmp(variable, PI_LAUNCHED_COMPONENTS "=" PI_LAUNCHED_NO_DISPLAYS) == 0) {
        return true;
    }
    static const char *const prefixes[] = {"OMPI_",          "PMIX_",           "PMI_",
                                           "PRTE_LAUNCHED=", "PRTE_SHARED_FS=", MARKER "=",
                                           STEP "=",         STEP_TASKS "=",    NULL};
    for (const char *const *prefix = prefixes; *prefix; prefix++) {
        if (strncmp(variable, *prefix, strlen(*prefix)) == 0) {
            return true;
        }
    }
    return false;
}

/* What programs read to know where they are in a job. By OMPI_UNIVERSE_SIZE 4.1's mpirun would know that
 * it is called from a rank, and refuse. */
static bool is_fact(const char *variable)
{
    static const char *const prefixes[] = {"OMPI_COMM_WORLD_",
                                           "OMPI_NUM_APP_CTX=",
                                           "OMPI_APP_CTX_NUM_PROCS=",
                                           MARKER "=",
                                           STEP "=",
                                           STEP_TASKS "=",
                                           NULL};
    for (const char *const *prefix = prefixes; *prefix; prefix++) {
        if (strncmp(variable, *prefix, strlen(*prefix)) == 0) {
            return true;
        }
    }
    return false;
}

/* Clears what a launcher set, but for the facts when those are to be kept. */
static void forget(bool facts_too)
{
    char **variable = environ;
    while (variable && *variable) {
        size_t length = strcspn(*variable, "=");
        char name[256];
        bool dropped = is_launchers(*variable) && (facts_too || !is_fact(*variable));
        if (dropped && length < sizeof name) {
            memcpy(name, *variable, length);
            name[length] = '\0';
            unsetenv(name); /* moves the later ones down */
        } else {
            variable++;
        }
    }
}

void pi_launched_forget(void)
{
    forget(true);
}

void pi_launched_free_children(void)
{
    forget(false);
}
