/* In front of MPI: collectives.
 * SPDX-License-Identifier: MIT
 *
 * A blocking collective on one rank and the nonblocking one on another do not meet: every rank of a job
 * is led here, or none. */
#include "modules/common/intercept.h"
#include "modules/common/intercept_small.h"
#include "modules/common/runtime.h"
#include "modules/common/twins.h"

/* Behind a gate all ranks are in the collective: it ends by itself, and is not to be left. */
static int finish(int code, MPI_Request *request, const char *call, bool gated)
{
    pc_board_wait wait = {.call = call, .peer = PC_BOARD_NOBODY, .firm = gated};
    code = code != MPI_SUCCESS ? code : pc_intercept_finish(request, MPI_STATUS_IGNORE, &wait);
    return pc_intercept_behind(code);
}

/* Where there is no nonblocking form, or none that is as good: what takes long is waiting for all, and that
 * is done here. Open MPI 4.1's MPI_Ialltoallw crashes on the datatypes of mpi4py-fft, and its other forms
 * with counts a rank, and the scans, have one plain algorithm each. */
static int gather_all(MPI_Comm comm, const char *call)
{
    MPI_Request request;
    bool gated;
    if (comm == MPI_COMM_NULL || !pc_intercept_waits_together()) {
        return MPI_SUCCESS;
    }
    int code = pc_intercept_gate(comm, call, &gated);
    return code != MPI_SUCCESS || gated
               ? code
               : finish(PMPI_Ibarrier(comm, &request), &request, call, false);
}

PC_EXPORT int MPI_Comm_dup(MPI_Comm comm, MPI_Comm *copy)
{
    pc_twin *twin = pc_runtime_session()->on ? pc_twin_of(comm) : NULL;
    if (twin && twin->value == (void *)copy) {
        twin->numbered = true; /* see foreign.c */
    }
    int code = gather_all(comm, "MPI_Comm_dup");
    return code != MPI_SUCCESS ? code : pc_intercept_behind(PMPI_Comm_dup(comm, copy));
}

PC_EXPORT int MPI_Comm_split(MPI_Comm comm, int color, int key, MPI_Comm *part)
{
    int code = gather_all(comm, "MPI_Comm_split");
    return code != MPI_SUCCESS ? code
                               : pc_intercept_behind(PMPI_Comm_split(comm, color, key, part));
}

PC_EXPORT int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *part)
{
    int code = gather_all(comm, "MPI_Comm_split_type");
    return code != MPI_SUCCESS
               ? code
               : pc_intercept_behind(PMPI_Comm_split_type(comm, type, key, info, part));
}

PC_EXPORT int MPI_Comm_create(MPI_Comm comm, MPI_Group group, MPI_Comm *part)
{
    int code = gather_all(comm, "MPI_Comm_create");
    return code != MPI_SUCCESS ? code : pc_intercept_behind(PMPI_Comm_create(comm, group, part));
}

PC_EXPORT int MPI_Barrier(MPI_Comm comm)
{
    MPI_Request request;
    bool gated;
    int code = pc_intercept_gate(comm, "MPI_Barrier", &gated);
    if (code != MPI_SUCCESS || (!gated && pc_small_barrier(comm, &code))) {
        return code;
    }
    return pc_intercept_waits_together()
               ? finish(PMPI_Ibarrier(comm, &request), &request, "MPI_Barrier", gated)
               : PMPI_Barrier(comm);
}

PC_EXPORT int MPI_Bcast(void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm)
{
    MPI_Request request;
    bool gated;
    int code = pc_intercept_gate(comm, "MPI_Bcast", &gated);
    if (code != MPI_SUCCESS || (!gated && pc_small_bcast(buffer, count, type, root, comm, &code))) {
        return code;
    }
    return pc_intercept_waits_together()
               ? finish(PMPI_Ibcast(buffer, count, type, root, comm, &request), &request,
                        "MPI_Bcast", gated)
               : PMPI_Bcast(buffer, count, type, root, comm);
}

PC_EXPORT int MPI_Gather(const void *out, int out_count, MPI_Datatype out_type, void *in,
                         int in_count, MPI_Datatype in_type, int root, MPI_Comm comm)
{
    MPI_Request request;
    bool gated;
    int code = pc_intercept_gate(comm, "MPI_Gather", &gated);
    if (code != MPI_SUCCESS) {
        return code;
    }
    return pc_intercept_waits_together()
               ? finish(PMPI_Igather(out, out_count, out_type, in, in_count, in_type, root, comm,
                                     &request),
                        &request, "MPI_Gather", gated)
               : PMPI_Gather(out, out_count, out_type, in, in_count, in_type, root, comm);
}

PC_EXPORT int MPI_Gatherv(const void *out, int out_count, MPI_Datatype out_type, void *in,
                          const int in_counts[], const int places[], MPI_Datatype in_type, int root,
                          MPI_Comm comm)
{
    int code = gather_all(comm, "MPI_Gatherv");
    return code != MPI_SUCCESS
               ? code
               : pc_intercept_behind(PMPI_Gatherv(out, out_count, out_type, in, in_counts, places,
                                                  in_type, root, comm));
}

PC_EXPORT int MPI_Scatter(const void *out, int out_count, MPI_Datatype out_type, void *in,
                          int in_count, MPI_Datatype in_type, int root, MPI_Comm comm)
{
    MPI_Request request;
    bool gated;
    int code = pc_intercept_gate(comm, "MPI_Scatter", &gated);
    if (code != MPI_SUCCESS) {
        return code;
    }
    return pc_intercept_waits_together()
               ? finish(PMPI_Iscatter(out, out_count, out_type, in, in_count, in_type, root, comm,
                                      &request),
                        &request, "MPI_Scatter", gated)
               : PMPI_Scatter(out, out_count, out_type, in, in_count, in_type, root, comm);
}

PC_EXPORT int MPI_Scatterv(const void *out, const int out_counts[], const int places[],
                           MPI_Datatype out_type, void *in, int in_count, MPI_Datatype in_type,
                           int root, MPI_Comm comm)
{
    int code = gather_all(comm, "MPI_Scatterv");
    return code != MPI_SUCCESS
               ? code
               : pc_intercept_behind(PMPI_Scatterv(out, out_counts, places, out_type, in, in_count,
                                                   in_type, root, comm));
}

PC_EXPORT int MPI_Allgather(const void *out, int out_count, MPI_Datatype out_type, void *in,
                            int in_count, MPI_Datatype in_type, MPI_Comm comm)
{
    MPI_Request request;
    bool gated;
    int code = pc_intercept_gate(comm, "MPI_Allgather", &gated);
    if (code != MPI_SUCCESS) {
        return code;
    }
    return pc_intercept_waits_together()
               ? finish(PMPI_Iallgather(out, out_count, out_type, in, in_count, in_type, comm,
                                        &request),
                        &request, "MPI_Allgather", gated)
               : PMPI_Allgather(out, out_count, out_type, in, in_count, in_type, comm);
}

PC_EXPORT int MPI_Allgatherv(const void *out, int out_count, MPI_Datatype out_type, void *in,
                             const int in_counts[], const int places[], MPI_Datatype in_type,
                             MPI_Comm comm)
{
    int code = gather_all(comm, "MPI_Allgatherv");
    return code != MPI_SUCCESS
               ? code
               : pc_intercept_behind(PMPI_Allgatherv(out, out_count, out_type, in, in_counts,
                                                     places, in_type, comm));
}

PC_EXPORT int MPI_Alltoall(const void *out, int out_count, MPI_Datatype out_type, void *in,
                           int in_count, MPI_Datatype in_type, MPI_Comm comm)
{
    int code = gather_all(comm, "MPI_Alltoall");
    return code != MPI_SUCCESS ? code
                               : pc_intercept_behind(PMPI_Alltoall(out, out_count, out_type, in,
                                                                   in_count, in_type, comm));
}

PC_EXPORT int MPI_Alltoallv(const void *out, const int out_counts[], const int out_places[],
                            MPI_Datatype out_type, void *in, const int in_counts[],
                            const int in_places[], MPI_Datatype in_type, MPI_Comm comm)
{
    int code = gather_all(comm, "MPI_Alltoallv");
    return code != MPI_SUCCESS
               ? code
               : pc_intercept_behind(PMPI_Alltoallv(out, out_counts, out_places, out_type, in,
                                                    in_counts, in_places, in_type, comm));
}

PC_EXPORT int MPI_Alltoallw(const void *out, const int out_counts[], const int out_places[],
                            const MPI_Datatype out_types[], void *in, const int in_counts[],
                            const int in_places[], const MPI_Datatype in_types[], MPI_Comm comm)
{
    int code = gather_all(comm, "MPI_Alltoallw");
    return code != MPI_SUCCESS
               ? code
               : pc_intercept_behind(PMPI_Alltoallw(out, out_counts, out_places, out_types, in,
                                                    in_counts, in_places, in_types, comm));
}

PC_EXPORT int MPI_Reduce(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op,
                         int root, MPI_Comm comm)
{
    MPI_Request request;
    bool gated;
    int code = pc_intercept_gate(comm, "MPI_Reduce", &gated);
    if (code != MPI_SUCCESS ||
        (!gated && pc_small_reduce(out, in, count, type, op, root, comm, &code))) {
        return code;
    }
    return pc_intercept_waits_together()
               ? finish(PMPI_Ireduce(out, in, count, type, op, root, comm, &request), &request,
                        "MPI_Reduce", gated)
               : PMPI_Reduce(out, in, count, type, op, root, comm);
}

PC_EXPORT int MPI_Allreduce(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op,
                            MPI_Comm comm)
{
    MPI_Request request;
    bool gated;
    int code = pc_intercept_gate(comm, "MPI_Allreduce", &gated);
    if (code != MPI_SUCCESS ||
        (!gated && pc_small_allreduce(out, in, count, type, op, comm, &code))) {
        return code;
    }
    return pc_intercept_waits_together()
               ? finish(PMPI_Iallreduce(out, in, count, type, op, comm, &request), &request,
                        "MPI_Allreduce", gated)
               : PMPI_Allreduce(out, in, count, type, op, comm);
}

PC_EXPORT int MPI_Reduce_scatter(const void *out, void *in, const int counts[], MPI_Datatype type,
                                 MPI_Op op, MPI_Comm comm)
{
    int code = gather_all(comm, "MPI_Reduce_scatter");
    return code != MPI_SUCCESS
               ? code
               : pc_intercept_behind(PMPI_Reduce_scatter(out, in, counts, type, op, comm));
}

PC_EXPORT int MPI_Reduce_scatter_block(const void *out, void *in, int count, MPI_Datatype type,
                                       MPI_Op op, MPI_Comm comm)
{
    int code = gather_all(comm, "MPI_Reduce_scatter_block");
    return code != MPI_SUCCESS
               ? code
               : pc_intercept_behind(PMPI_Reduce_scatter_block(out, in, count, type, op, comm));
}

PC_EXPORT int MPI_Scan(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op,
                       MPI_Comm comm)
{
    int code = gather_all(comm, "MPI_Scan");
    return code != MPI_SUCCESS ? code
                               : pc_intercept_behind(PMPI_Scan(out, in, count, type, op, comm));
}

PC_EXPORT int MPI_Exscan(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op,
                         MPI_Comm comm)
{
    int code = gather_all(comm, "MPI_Exscan");
    return code != MPI_SUCCESS ? code
                               : pc_intercept_behind(PMPI_Exscan(out, in, count, type, op, comm));
}
