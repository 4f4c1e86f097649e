/* Counts the messages that a rank sends: a library to preload, for growth.py.
 * SPDX-License-Identifier: MIT
 *
 * Sends and native collectives are counted as they are called, by their profiling names and by their plain
 * ones. What MPI sends inside native collectives passes Open MPI's pml/monitoring only, which notes every
 * message of the process by a function that stands here in place of its own: its counters cannot be read
 * while the program runs (its variables of MPI_T are gone after MPI_Init, 4.1.4). */
#include <dlfcn.h>
#include <mpi.h>

#define PUBLIC __attribute__((visibility("default")))

#define RANKS_MOST 1024

/* Of this process, since it started; what was sent inside native collectives is in `messages` too. */
typedef struct {
    unsigned long long sends, natives;       /* calls */
    unsigned long long inside;               /* messages of native collectives */
    unsigned long long messages[RANKS_MOST]; /* all messages, by rank of the world */
    unsigned long long bytes[RANKS_MOST];
} counts;

static counts now;
static __thread int depth;

static void *real(const char *name)
{
    static void *mpi;
    mpi = mpi ? mpi : dlopen("libmpi.so.40", RTLD_NOW | RTLD_NOLOAD);
    void *function = mpi ? dlsym(mpi, name) : NULL;
    return function ? function : dlsym(RTLD_NEXT, name);
}

static void add(unsigned long long *counter, unsigned long long more)
{
    __atomic_add_fetch(counter, more, __ATOMIC_RELAXED);
}

/* pml/monitoring calls this for every message. MPI's own tags are negative. */
PUBLIC void mca_common_monitoring_record_pml(int rank, size_t size, int tag)
{
    if (rank >= 0 && rank < RANKS_MOST) {
        add(&now.messages[rank], 1);
        add(&now.bytes[rank], size);
        add(&now.inside, tag < 0);
    }
}

/* Defines a call under both of its names; a call that another one makes is not counted. */
#define CALL(name, counter, parameters, arguments)                                                 \
    PUBLIC int PMPI_##name parameters                                                              \
    {                                                                                              \
        static int(*function) parameters;                                                          \
        function = function ? function : (int(*) parameters)real("PMPI_" #name);                   \
        if (depth++ == 0) {                                                                        \
            add(&now.counter, 1);                                                                  \
        }                                                                                          \
        int code = function arguments;                                                             \
        depth--;                                                                                   \
        return code;                                                                               \
    }                                                                                              \
    PUBLIC int MPI_##name parameters                                                               \
    {                                                                                              \
        return PMPI_##name arguments;                                                              \
    }

/* The lists of a call, and of its nonblocking form. */
#define PLAIN(...)     (__VA_ARGS__)
#define WITH_ASK(...)  (__VA_ARGS__, MPI_Request * request)
#define WITH_NAME(...) (__VA_ARGS__, request)

#define SEND(name, iname)                                                                          \
    CALL(name, sends,                                                                              \
         (const void *buffer, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm),     \
         (buffer, count, type, dest, tag, comm))                                                   \
    CALL(iname, sends,                                                                             \
         (const void *buffer, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,      \
          MPI_Request *request),                                                                   \
         (buffer, count, type, dest, tag, comm, request))

#define NATIVE(name, iname, parameters, arguments)                                                 \
    CALL(name, natives, PLAIN parameters, PLAIN arguments)                                         \
    CALL(iname, natives, WITH_ASK parameters, WITH_NAME arguments)

SEND(Send, Isend)
SEND(Ssend, Issend)
SEND(Rsend, Irsend)
SEND(Bsend, Ibsend)
CALL(Sendrecv, sends,
     (const void *buffer, int count, MPI_Datatype type, int dest, int tag, void *in, int in_count,
      MPI_Datatype in_type, int source, int in_tag, MPI_Comm comm, MPI_Status *status),
     (buffer, count, type, dest, tag, in, in_count, in_type, source, in_tag, comm, status))

NATIVE(Barrier, Ibarrier, (MPI_Comm comm), (comm))
NATIVE(Bcast, Ibcast, (void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm),
       (buffer, count, type, root, comm))
NATIVE(Gather, Igather,
       (const void *out, int n, MPI_Datatype type, void *in, int m, MPI_Datatype in_type, int root,
        MPI_Comm comm),
       (out, n, type, in, m, in_type, root, comm))
NATIVE(Gatherv, Igatherv,
       (const void *out, int n, MPI_Datatype type, void *in, const int *counts, const int *at,
        MPI_Datatype in_type, int root, MPI_Comm comm),
       (out, n, type, in, counts, at, in_type, root, comm))
NATIVE(Scatter, Iscatter,
       (const void *out, int n, MPI_Datatype type, void *in, int m, MPI_Datatype in_type, int root,
        MPI_Comm comm),
       (out, n, type, in, m, in_type, root, comm))
NATIVE(Scatterv, Iscatterv,
       (const void *out, const int *counts, const int *at, MPI_Datatype type, void *in, int m,
        MPI_Datatype in_type, int root, MPI_Comm comm),
       (out, counts, at, type, in, m, in_type, root, comm))
NATIVE(Allgather, Iallgather,
       (const void *out, int n, MPI_Datatype type, void *in, int m, MPI_Datatype in_type,
        MPI_Comm comm),
       (out, n, type, in, m, in_type, comm))
NATIVE(Allgatherv, Iallgatherv,
       (const void *out, int n, MPI_Datatype type, void *in, const int *counts, const int *at,
        MPI_Datatype in_type, MPI_Comm comm),
       (out, n, type, in, counts, at, in_type, comm))
NATIVE(Alltoall, Ialltoall,
       (const void *out, int n, MPI_Datatype type, void *in, int m, MPI_Datatype in_type,
        MPI_Comm comm),
       (out, n, type, in, m, in_type, comm))
NATIVE(Alltoallv, Ialltoallv,
       (const void *out, const int *counts, const int *at, MPI_Datatype type, void *in,
        const int *in_counts, const int *in_at, MPI_Datatype in_type, MPI_Comm comm),
       (out, counts, at, type, in, in_counts, in_at, in_type, comm))
NATIVE(Reduce, Ireduce,
       (const void *out, void *in, int n, MPI_Datatype type, MPI_Op op, int root, MPI_Comm comm),
       (out, in, n, type, op, root, comm))
NATIVE(Allreduce, Iallreduce,
       (const void *out, void *in, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
       (out, in, n, type, op, comm))
NATIVE(Reduce_scatter, Ireduce_scatter,
       (const void *out, void *in, const int *counts, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
       (out, in, counts, type, op, comm))
NATIVE(Reduce_scatter_block, Ireduce_scatter_block,
       (const void *out, void *in, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
       (out, in, n, type, op, comm))
NATIVE(Scan, Iscan, (const void *out, void *in, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
       (out, in, n, type, op, comm))
NATIVE(Exscan, Iexscan,
       (const void *out, void *in, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
       (out, in, n, type, op, comm))

#undef NATIVE
#undef SEND
#undef WITH_NAME
#undef WITH_ASK
#undef PLAIN
#undef CALL

PUBLIC const counts *growth_counts(void)
{
    return &now;
}
