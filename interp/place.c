/* Where a rank runs: its share of the node's cores, and how many threads libraries may start there.
 * SPDX-License-Identifier: MIT
 *
 * Launchers bind in as many ways as there are versions of them, and none by default gives each rank an
 * equal share. Ranks do it themselves: each sorts the allowed cores in the same way and takes its part. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    int package;
    int core;
    int cpu;
} position;

static int read_topology(int cpu, const char *name)
{
    char path[96];
    int value = 0;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, name);
    FILE *file = fopen(path, "re");
    if (!file) {
        return strcmp(name, "core_id") == 0 ? cpu : 0; /* no sysfs: every processor is a core */
    }
    if (fscanf(file, "%d", &value) != 1) {
        value = 0;
    }
    fclose(file);
    return value;
}

static int compare(const void *left, const void *right)
{
    const position *a = left, *b = right;
    if (a->package != b->package) {
        return a->package < b->package ? -1 : 1;
    }
    if (a->core != b->core) {
        return a->core < b->core ? -1 : 1;
    }
    return (a->cpu > b->cpu) - (a->cpu < b->cpu);
}

static int list_positions(const cpu_set_t *allowed, position *list)
{
    int count = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, allowed)) {
            list[count++] = (position){read_topology(cpu, "physical_package_id"),
                                       read_topology(cpu, "core_id"), cpu};
        }
    }
    qsort(list, (size_t)count, sizeof *list, compare);
    return count;
}

static bool same_core(const position *a, const position *b)
{
    return a->package == b->package && a->core == b->core;
}

static int count_cores(const position *list, int count)
{
    int cores = 0;
    for (int i = 0; i < count; i++) {
        cores += i == 0 || !same_core(&list[i - 1], &list[i]);
    }
    return cores;
}

/* How many of so many processors are the job's. Slurm may give it a few and confine it to none: then
 * nobody knows which. */
static long granted(long cpus)
{
    const char *text = getenv("SLURM_CPUS_ON_NODE");
    long given = text ? strtol(text, NULL, 10) : 0;
    return given > 0 && given < cpus ? given : cpus;
}

int pi_place_read(pi_place *place)
{
    position list[CPU_SETSIZE];
    if (sched_getaffinity(0, sizeof place->set, &place->set) < 0) {
        return -1;
    }
    place->cpus = list_positions(&place->set, list);
    place->cores = (int)granted(count_cores(list, place->cpus));
    return 0;
}

/* The processors of the cores from first up to, not including, end. */
static void pick(const position *list, int count, int first, int end, cpu_set_t *picked)
{
    int core = -1;
    CPU_ZERO(picked);
    for (int i = 0; i < count; i++) {
        core += i == 0 || !same_core(&list[i - 1], &list[i]);
        if (core >= first && core < end) {
            CPU_SET(list[i].cpu, picked);
        }
    }
}

int pi_place_take(int share, int shares)
{
    position list[CPU_SETSIZE];
    cpu_set_t allowed, picked;
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0) {
        return 1;
    }
    int count = list_positions(&allowed, list);
    int cores = count_cores(list, count);
    if (granted(count) < count) {
        return granted(cores) < shares ? 1 : (int)(granted(cores) / shares);
    }
    if (cores < shares) {
        return 1;
    }
    int first = (int)((long)cores * share / shares);
    int end = (int)((long)cores * (share + 1) / shares);
    pick(list, count, first, end, &picked);
    return sched_setaffinity(0, sizeof picked, &picked) < 0 ? 1 : end - first;
}

int pi_place_estimate(int shares)
{
    pi_place place;
    long node = granted(sysconf(_SC_NPROCESSORS_ONLN));
    if (pi_place_read(&place) < 0 || shares < 1) {
        return 1;
    }
    long share = node / shares;
    long cores = place.cores < share ? place.cores : share;
    return cores < 1 ? 1 : (int)cores;
}

void pi_place_threads(int threads, bool forced)
{
    static const char *const variables[] = {"OMP_NUM_THREADS",     "OPENBLAS_NUM_THREADS",
                                            "MKL_NUM_THREADS",     "BLIS_NUM_THREADS",
                                            "NUMEXPR_NUM_THREADS", NULL};
    char text[16];
    if (getenv(variables[0]) && !forced) {
        return; /* the others follow this one by themselves */
    }
    snprintf(text, sizeof text, "%d", threads);
    for (const char *const *name = variables; *name; name++) {
        setenv(*name, text, forced);
    }
}
