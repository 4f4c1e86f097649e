/* Rank 0's bytes in the memory of every node, one copy a node.
 * SPDX-License-Identifier: MIT
 *
 * The first rank of a node keeps them in a file that has no name; the others open it by that rank's
 * descriptor. So nothing is left behind, however a rank ends. */
#include "modules/common/runtime.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modules/common/spread.h"

#define PIECE_MOST (1 << 30) /* bytes that MPI is given at once: a count is an int */

/* Where a node's copy is to be found. */
typedef struct {
    long process; /* -1: there is none */
    int file;
    unsigned long long size,
        number; /* of the file: by it others know that they have the same one */
} place;

static void *map_file(int file, size_t size, int rights)
{
    void *bytes = mmap(NULL, size, rights, MAP_SHARED, file, 0);
    return bytes == MAP_FAILED ? NULL : bytes;
}

/* Room for the node's copy. posix_fallocate: a node that has too little memory says so here, and not by a
 * signal later. */
static void *make_room(size_t size, int *file_p)
{
    int file = memfd_create("pympi-bundle", MFD_CLOEXEC);
    if (file < 0) {
        return NULL;
    }
    void *bytes = posix_fallocate(file, 0, (off_t)size) == 0
                      ? map_file(file, size, PROT_READ | PROT_WRITE)
                      : NULL;
    if (!bytes) {
        close(file);
        return NULL;
    }
    *file_p = file;
    return bytes;
}

static unsigned long long number_of(int file)
{
    struct stat about;
    return file >= 0 && fstat(file, &about) == 0 ? about.st_ino : 0;
}

static int broadcast(char *bytes, size_t size, MPI_Comm comm)
{
    for (size_t at = 0; at < size; at += PIECE_MOST) {
        int count = (int)(size - at < PIECE_MOST ? size - at : PIECE_MOST);
        if (PMPI_Bcast(bytes + at, count, MPI_BYTE, 0, comm) != MPI_SUCCESS) {
            return -1;
        }
    }
    return 0;
}

/* True when it went well on all ranks. */
static bool agree(bool well)
{
    int all = well;
    return PMPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, pc_runtime_get()->inner) ==
               MPI_SUCCESS &&
           all;
}

/* The first ranks of the nodes, rank 0 first; MPI_COMM_NULL on the others. */
static MPI_Comm join_leaders(bool first)
{
    MPI_Comm leaders;
    const pc_runtime *state = pc_runtime_get();
    int code = PMPI_Comm_split(state->inner, first ? 0 : MPI_UNDEFINED, state->rank, &leaders);
    return code == MPI_SUCCESS ? leaders : MPI_COMM_NULL;
}

/* On the first rank of a node: takes the bytes from rank 0, which may have nobody to keep them for. */
static int fill(const void *bytes, char *room, size_t size, MPI_Comm leaders)
{
    if (bytes && room) {
        memcpy(room, bytes, size);
    }
    return leaders == MPI_COMM_NULL ? -1 : broadcast(room ? room : (char *)bytes, size, leaders);
}

static void *open_place(const place *where)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", where->process, where->file);
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool same = file >= 0 && fstat(file, &about) == 0 && about.st_ino == where->number &&
                (unsigned long long)about.st_size == where->size;
    void *bytes = same ? map_file(file, where->size, PROT_READ) : NULL;
    if (file >= 0) {
        close(file);
    }
    return bytes;
}

static int share_place(place *where, bool first, pc_spread *spread_p)
{
    if (PMPI_Bcast(where, sizeof *where, MPI_BYTE, 0, pc_runtime_get()->node_inner) !=
        MPI_SUCCESS) {
        return -1;
    }
    if (!first) {
        spread_p->bytes = open_place(where);
    }
    PMPI_Barrier(pc_runtime_get()->node_inner); /* until here the first rank keeps the file */
    return 0;
}

/* With room on every node: the bytes to the nodes, and to those on each. */
static int run_between(const void *bytes, char *room, place *where, MPI_Comm leaders,
                       pc_spread *spread_p)
{
    bool first = spread_p->first;
    bool filled = !first || fill(bytes, room, spread_p->size, leaders) == 0;
    if (!agree(filled)) {
        return -1;
    }
    if (first) {
        spread_p->bytes = room ? room : bytes;
    }
    return share_place(where, first, spread_p);
}

int pc_spread_run(const void *bytes, size_t size, pc_spread *spread_p)
{
    const pc_runtime *state = pc_runtime_get();
    unsigned long long count = size;
    int number = 0, file = -1;
    *spread_p = (pc_spread){0};
    if (state->node_inner == MPI_COMM_NULL ||
        PMPI_Bcast(&count, 1, MPI_UNSIGNED_LONG_LONG, 0, state->inner) != MPI_SUCCESS || !count) {
        return -1;
    }
    MPI_Comm_rank(state->node_inner, &number);
    MPI_Comm_size(state->node_inner, &spread_p->ranks);
    spread_p->size = count;
    spread_p->first = number == 0;
    MPI_Comm leaders = join_leaders(spread_p->first);
    bool alone = bytes && spread_p->ranks == 1;
    char *room = spread_p->first && !alone ? make_room(count, &file) : NULL;
    place where = {getpid(), file, count, number_of(file)};
    int result = agree(!spread_p->first || alone || room)
                     ? run_between(bytes, room, &where, leaders, spread_p)
                     : -1;
    if (leaders != MPI_COMM_NULL) {
        PMPI_Comm_free(&leaders);
    }
    if (file >= 0) {
        close(file);
    }
    return result;
}

int pc_spread_tell(void *bytes, int size)
{
    int code = PMPI_Bcast(bytes, size, MPI_BYTE, 0, pc_runtime_get()->node_inner);
    return code == MPI_SUCCESS ? 0 : -1;
}
