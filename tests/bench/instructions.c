/* Marks for callgrind, and MPI_Send and MPI_Recv between them: a library for instructions_rank.py.
 * SPDX-License-Identifier: MIT
 *
 * What the calling thread does between begin and end is counted, and written to a file of callgrind's
 * under a name. Without callgrind the marks do nothing. The calls are named PMPI_… as in pingpong.c. */
#include <mpi.h>
#include <valgrind/callgrind.h>

#define PUBLIC __attribute__((visibility("default")))

PUBLIC void count_start(void)
{
    CALLGRIND_START_INSTRUMENTATION;
}

PUBLIC void count_begin(void)
{
    CALLGRIND_ZERO_STATS;
    CALLGRIND_TOGGLE_COLLECT;
}

PUBLIC void count_end(const char *name)
{
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT(name);
}

PUBLIC void count_c_send(void *out, int size, int dest, const char *name)
{
    count_begin();
    PMPI_Send(out, size, MPI_BYTE, dest, 0, MPI_COMM_WORLD);
    count_end(name);
}

PUBLIC void count_c_recv(void *in, int size, int source, const char *name)
{
    count_begin();
    PMPI_Recv(in, size, MPI_BYTE, source, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    count_end(name);
}
