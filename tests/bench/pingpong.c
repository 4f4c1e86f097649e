/* Messages to and fro in C: the measure of messages.py.
 * SPDX-License-Identifier: MIT
 *
 * pingpong LEVEL NAME BLOCKS; LEVEL is what MPI is started with (0: single … 3: multiple). Prints
 * NAME, size and seconds for every block of round trips: half of the block's mean round trip. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void round_trip(char *buffer, int size, int rank)
{
    if (rank == 0) {
        MPI_Send(buffer, size, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
        MPI_Recv(buffer, size, MPI_BYTE, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else {
        MPI_Recv(buffer, size, MPI_BYTE, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Send(buffer, size, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
    }
}

/* As many round trips in a block as messages.py has. */
static int trips_of(int size)
{
    return size < 1 << 16 ? 2000 : size < 1 << 22 ? 50 : 8;
}

static void measure(const char *name, int size, int blocks, int rank)
{
    char *buffer = malloc((size_t)size);
    int trips = trips_of(size);
    if (!buffer) {
        MPI_Abort(MPI_COMM_WORLD, 1);
        return;
    }
    memset(buffer, 1, (size_t)size);
    for (int block = -1; block < blocks; block++) { /* the first one warms up */
        MPI_Barrier(MPI_COMM_WORLD);
        double begin = MPI_Wtime();
        for (int i = 0; i < trips; i++) {
            round_trip(buffer, size, rank);
        }
        if (rank == 0 && block >= 0) {
            printf("%s\t%d\t%.9f\n", name, size, (MPI_Wtime() - begin) / trips / 2);
        }
    }
    free(buffer);
}

int main(int argc, char **argv)
{
    static const int sizes[] = {8, 64, 1 << 20, 8 << 20};
    int rank, level;
    if (argc != 4) {
        fprintf(stderr, "usage: pingpong LEVEL NAME BLOCKS\n");
        return 2;
    }
    MPI_Init_thread(&argc, &argv, atoi(argv[1]), &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        measure(argv[2], sizes[i], atoi(argv[3]), rank);
    }
    MPI_Finalize();
    return 0;
}
