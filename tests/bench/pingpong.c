/* Messages to and fro and reductions in C, by blocking calls: what messages.py measures against.
 * SPDX-License-Identifier: MIT
 *
 * As a shared library, C's loops for Python's ranks, in the processes where Python's own run. As a
 * program, pingpong LEVEL BLOCKS on two ranks: C alone, with MPI started at LEVEL (0: single … 3:
 * multiple); prints the loop, its bytes and the seconds of every block. The calls are named PMPI_…, for in
 * pympi MPI_… are those that it leads to its own waiting. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC __attribute__((visibility("default")))

typedef struct {
    void *out, *in;
    int size, rank;
} memories;

/* Memory of this size, touched; the same one until another size is asked for. */
static const memories *memories_of(int size)
{
    static memories m;
    if (m.size != size) {
        free(m.out);
        free(m.in);
        m = (memories){malloc((size_t)size), malloc((size_t)size), size, 0};
        PMPI_Comm_rank(MPI_COMM_WORLD, &m.rank);
        if (!m.out || !m.in) {
            PMPI_Abort(MPI_COMM_WORLD, 1);
        }
        memset(m.out, 0, (size_t)size);
        memset(m.in, 0, (size_t)size);
    }
    return &m;
}

static void send_out(const memories *m)
{
    PMPI_Send(m->out, m->size, MPI_BYTE, 1 - m->rank, 0, MPI_COMM_WORLD);
}

static void receive(const memories *m)
{
    PMPI_Recv(m->in, m->size, MPI_BYTE, 1 - m->rank, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

PUBLIC void bench_barrier(void)
{
    PMPI_Barrier(MPI_COMM_WORLD);
}

/* The seconds of so many round trips, or of so many reductions of doubles. */
PUBLIC double bench_message(int size, int times)
{
    const memories *m = memories_of(size);
    PMPI_Barrier(MPI_COMM_WORLD);
    double begin = PMPI_Wtime();
    for (int i = 0; i < times && m->rank == 0; i++) {
        send_out(m);
        receive(m);
    }
    for (int i = 0; i < times && m->rank == 1; i++) {
        receive(m);
        send_out(m);
    }
    return PMPI_Wtime() - begin;
}

PUBLIC double bench_allreduce(int size, int times)
{
    const memories *m = memories_of(size);
    PMPI_Barrier(MPI_COMM_WORLD);
    double begin = PMPI_Wtime();
    for (int i = 0; i < times; i++) {
        PMPI_Allreduce(m->out, m->in, size / (int)sizeof(double), MPI_DOUBLE, MPI_SUM,
                       MPI_COMM_WORLD);
    }
    return PMPI_Wtime() - begin;
}

/* As many in a block as cases.py has. */
static int times_of(int size)
{
    return size < 1 << 16 ? 1000 : size < 1 << 22 ? 20 : 4;
}

static void measure(int size, int blocks, int rank)
{
    int times = times_of(size);
    for (int block = -1; block < blocks; block++) { /* the first one warms up */
        double there = bench_message(size, times) / times / 2;
        double reduced = bench_allreduce(size, times) / times;
        if (rank == 0 && block >= 0) {
            printf("message\t%d\t%.9f\nallreduce\t%d\t%.9f\n", size, there, size, reduced);
        }
    }
}

int main(int argc, char **argv)
{
    static const int sizes[] = {8, 1 << 20, 8 << 20};
    int rank, level;
    if (argc != 3) {
        fprintf(stderr, "usage: pingpong LEVEL BLOCKS\n");
        return 2;
    }
    PMPI_Init_thread(&argc, &argv, atoi(argv[1]), &level);
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        measure(sizes[i], atoi(argv[2]), rank);
    }
    PMPI_Finalize();
    return 0;
}
