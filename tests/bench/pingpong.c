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

static void send_out(const memories *m)
{
    PMPI_Send(m->out, m->size, MPI_BYTE, 1 - m->rank, 0, MPI_COMM_WORLD);
}

static void receive(const memories *m)
{
    PMPI_Recv(m->in, m->size, MPI_BYTE, 1 - m->rank, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

/* Round trips of a message from out into in. */
PUBLIC void bench_message(void *out, void *in, int size, int times)
{
    memories m = {out, in, size, 0};
    PMPI_Comm_rank(MPI_COMM_WORLD, &m.rank);
    for (int i = 0; i < times && m.rank == 0; i++) {
        send_out(&m);
        receive(&m);
    }
    for (int i = 0; i < times && m.rank == 1; i++) {
        receive(&m);
        send_out(&m);
    }
}

/* Sums of doubles over both ranks. */
PUBLIC void bench_allreduce(void *out, void *in, int size, int times)
{
    for (int i = 0; i < times; i++) {
        PMPI_Allreduce(out, in, size / (int)sizeof(double), MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    }
}

PUBLIC void bench_barrier(void)
{
    PMPI_Barrier(MPI_COMM_WORLD);
}

/* As many in a block as cases.py has. */
static int times_of(int size)
{
    return size < 1 << 16 ? 1000 : size < 1 << 22 ? 20 : 4;
}

typedef void bench_loop(void *out, void *in, int size, int times);

/* The seconds of one. The first tenth of a block is not counted, as in messages_rank.py. */
static double timed(bench_loop *loop, void *out, void *in, int size)
{
    int times = times_of(size);
    PMPI_Barrier(MPI_COMM_WORLD);
    loop(out, in, size, 1 + times / 10);
    double begin = PMPI_Wtime();
    loop(out, in, size, times);
    return (PMPI_Wtime() - begin) / times;
}

static void *memory(int size)
{
    void *bytes = malloc((size_t)size);
    if (!bytes) {
        PMPI_Abort(MPI_COMM_WORLD, 1);
        exit(1);
    }
    return memset(bytes, 0, (size_t)size);
}

static void measure(int size, int blocks, int rank)
{
    void *out = memory(size), *in = memory(size);
    for (int block = -1; block < blocks; block++) { /* the first one warms up */
        double there = timed(bench_message, out, in, size) / 2;
        double reduced = timed(bench_allreduce, out, in, size);
        if (rank == 0 && block >= 0) {
            printf("message\t%d\t%.9f\nallreduce\t%d\t%.9f\n", size, there, size, reduced);
        }
    }
    free(out);
    free(in);
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
