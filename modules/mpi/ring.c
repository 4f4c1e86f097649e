/* Large reductions to all ranks, round a ring.
 * SPDX-License-Identifier: MIT
 *
 * The elements are cut into a block for each rank. First blocks go round and gather what each rank has;
 * then each rank holds one whole block, and these go round once more. A block goes in pieces that a
 * processor's cache holds. */
#include "modules/mpi/ring.h"

#include "modules/common/errors.h"
#include "modules/common/wait.h"

#define BLOCK_LEAST 32768 /* bytes; below, MPI's own algorithms have fewer steps */
#define PIECE       (512 * 1024)

bool pm_ring_suits(const pm_comm *comm, Py_ssize_t bytes)
{
    return comm->size > 1 && bytes / comm->size >= BLOCK_LEAST;
}

/* The first element of a block; blocks are counted round, also below zero. */
static Py_ssize_t begin_of(const pm_ring *ring, const pm_comm *comm, int block, int behind)
{
    int size = comm->size, number = ((block % size) + size) % size + behind;
    return ring->count / size * number +
           (ring->count % size < number ? ring->count % size : number);
}

/* Sends one piece to the next rank while another comes from the one before. Blocks differ by an element,
 * so that either may have a piece more: what is empty is neither sent nor awaited. */
static int exchange(pm_comm *comm, const pm_ring *ring, const char *out, Py_ssize_t out_count,
                    char *in, Py_ssize_t in_count)
{
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    int code = MPI_SUCCESS;
    int next = (comm->rank + 1) % comm->size, before = (comm->rank - 1 + comm->size) % comm->size;
    if (in_count) {
        code = MPI_Irecv(in, (int)in_count, ring->type, before, ring->tag, comm->inner, requests);
    }
    if (code == MPI_SUCCESS && out_count) {
        code =
            PMPI_Isend(out, (int)out_count, ring->type, next, ring->tag, comm->inner, &requests[1]);
    }
    return code != MPI_SUCCESS ? pc_error_set(ring->call, code)
                               : pc_wait_all(requests, 2, ring->owner, ring->call);
}

/* One step: block `sent` of source goes on, block `got` comes into to, and where gathers is true takes in
 * what this rank has. */
static int step(pm_comm *comm, const pm_ring *ring, const char *source, int sent, int got,
                bool gathers)
{
    Py_ssize_t piece = PIECE / ring->size, result = 0;
    Py_ssize_t out = begin_of(ring, comm, sent, 0), out_end = begin_of(ring, comm, sent, 1);
    Py_ssize_t in = begin_of(ring, comm, got, 0), in_end = begin_of(ring, comm, got, 1);
    while ((out < out_end || in < in_end) && result == 0) {
        Py_ssize_t out_count = out_end - out < piece ? out_end - out : piece;
        Py_ssize_t in_count = in_end - in < piece ? in_end - in : piece;
        char *to = ring->to + in * ring->size;
        result = exchange(comm, ring, source + out * ring->size, out_count, to, in_count);
        if (result == 0 && gathers) {
            result =
                pc_error_check(ring->call, PMPI_Reduce_local(ring->from + in * ring->size, to,
                                                             (int)in_count, ring->type, ring->op));
        }
        out += out_count;
        in += in_count;
    }
    return (int)result;
}

int pm_ring_allreduce(pm_comm *comm, const pm_ring *ring)
{
    int rank = comm->rank, size = comm->size, result = 0;
    for (int i = 0; i < size - 1 && result == 0; i++) {
        result = step(comm, ring, i ? ring->to : ring->from, rank - i, rank - i - 1, true);
    }
    for (int i = 0; i < size - 1 && result == 0; i++) {
        result = step(comm, ring, ring->to, rank + 1 - i, rank - i, false);
    }
    return result;
}
