/* What the launcher's environment tells a process, and what a process tells its children by it.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_LAUNCHED_H
#define PYMPI_INTERP_LAUNCHED_H

#include <stdbool.h>

/* What hwloc leaves out, for the launcher and the start of its ranks; the comma tells it from a user's own. */
#define PI_LAUNCHED_COMPONENTS  "HWLOC_COMPONENTS"
#define PI_LAUNCHED_NO_DISPLAYS "-gl,"

typedef struct {
    int rank;
    int size;
    int local_rank; /* on this node; -1: the launcher does not say */
    int local_size;
    bool unplaced; /* its srun bound no task, and nobody told it whether to */
    char job[128]; /* the launcher's name for the job */
} pi_launched;

/* True when this process was started as a rank of a job; fills *launched. A child of a rank inherits
 * the rank's variables: it is told by the marker, has the variables cleared, and is no rank. */
bool pi_launched_read(pi_launched *launched);

/* True when srun started this process as one of several tasks that have no way to each other: every one
 * would be a job of one rank. task_p and tasks_p: its number among how many. */
bool pi_launched_apart(int *task_p, int *tasks_p);

/* Lets MPI start in a process that srun started alone: without the plugin, Open MPI 4.1 takes it for a
 * rank that it cannot reach, and ends it. */
void pi_launched_leave_step(void);

/* True unless Slurm gave this process's job other nodes than this one. */
bool pi_launched_on_one_node(void);

/* Leaves the marker for children of this rank. */
int pi_launched_mark(const pi_launched *launched);

/* Clears the way to the launcher, which MPI has taken by now: a child that found it would die, or take
 * itself for this rank, be it mpirun or a python3 with mpi4py. Rank and size stay to be read. */
void pi_launched_free_children(void);

/* Clears what launchers and pympi put into the environment; what users put there stays. */
void pi_launched_forget(void);

#endif
