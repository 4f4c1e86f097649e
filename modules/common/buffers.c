/* Memory of any size as messages: MPI counts in int, memory does not.
 * SPDX-License-Identifier: MIT */
#include "modules/common/buffers.h"

#include <limits.h>

#define BLOCK ((size_t)1 << 30)

/* A type that covers size bytes once: blocks of a gibibyte and the rest. */
static int make_large_type(size_t size, MPI_Datatype *type_p)
{
    MPI_Datatype block, types[2];
    int lengths[2] = {(int)(size / BLOCK), (int)(size % BLOCK)};
    MPI_Aint places[2] = {0, (MPI_Aint)(size - size % BLOCK)};
    int code = MPI_Type_contiguous((int)BLOCK, MPI_BYTE, &block);
    if (code != MPI_SUCCESS) {
        return code;
    }
    types[0] = block;
    types[1] = MPI_BYTE;
    code = MPI_Type_create_struct(2, lengths, places, types, type_p);
    MPI_Type_free(&block);
    return code == MPI_SUCCESS ? MPI_Type_commit(type_p) : code;
}

/* What to count and how often. The type is the caller's to release. */
static int take_type(size_t size, MPI_Datatype *type_p, int *count_p)
{
    *type_p = MPI_BYTE;
    *count_p = (int)size;
    if (size <= INT_MAX) {
        return MPI_SUCCESS;
    }
    *count_p = 1;
    return make_large_type(size, type_p);
}

static void release_type(MPI_Datatype *type)
{
    if (*type != MPI_BYTE) {
        MPI_Type_free(type); /* MPI keeps it as long as a request uses it */
    }
}

int pc_buffer_isend(const void *bytes, size_t size, int dest, int tag, MPI_Comm comm,
                    MPI_Request *request)
{
    MPI_Datatype type;
    int count, code = take_type(size, &type, &count);
    if (code == MPI_SUCCESS) {
        code = PMPI_Isend(bytes, count, type, dest, tag, comm, request);
        release_type(&type);
    }
    return code;
}

int pc_buffer_irecv(void *bytes, size_t size, int source, int tag, MPI_Comm comm,
                    MPI_Request *request)
{
    MPI_Datatype type;
    int count, code = take_type(size, &type, &count);
    if (code == MPI_SUCCESS) {
        code = MPI_Irecv(bytes, count, type, source, tag, comm, request);
        release_type(&type);
    }
    return code;
}

int pc_buffer_imrecv(void *bytes, size_t size, MPI_Message *message, MPI_Request *request)
{
    MPI_Datatype type;
    int count, code = take_type(size, &type, &count);
    if (code == MPI_SUCCESS) {
        code = MPI_Imrecv(bytes, count, type, message, request);
        release_type(&type);
    }
    return code;
}

int pc_buffer_size(const MPI_Status *status, size_t *size_p)
{
    MPI_Count count;
    int code = MPI_Get_elements_x(status, MPI_BYTE, &count);
    *size_p = code == MPI_SUCCESS ? (size_t)count : 0;
    return code;
}
