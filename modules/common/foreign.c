/* What other libraries leave behind a broken statement of the session.
 * SPDX-License-Identifier: MIT */
#include "modules/common/foreign.h"

#include <stdlib.h>

#include "modules/common/buffers.h"
#include "modules/common/runtime.h"
#include "modules/common/twins.h"
#include "modules/common/wait.h"

#define CALL  "recovery"
#define SMALL 4000 /* bytes that MPI would send at once, and that need not wait for a receiver */

/* A request that its owner has waited for may be another's by now, which does not matter: then the copy was
 * sent, and whatever the request says, it is freed at last. */
void pc_foreign_reap(void)
{
    pc_session *session = pc_runtime_session();
    pthread_mutex_lock(&session->lock);
    pc_foreign_copy **link = &session->copies;
    while (*link) {
        pc_foreign_copy *one = *link;
        int done = 0;
        if (one->own) {
            PMPI_Test(&one->request, &done, MPI_STATUS_IGNORE);
        } else {
            PMPI_Request_get_status(one->request, &done, MPI_STATUS_IGNORE);
        }
        if (done) {
            *link = one->next;
            free(one);
        } else {
            link = &one->next;
        }
    }
    pthread_mutex_unlock(&session->lock);
}

bool pc_foreign_pending(unsigned statement)
{
    pc_foreign_reap();
    const pc_foreign_copy *one = pc_runtime_session()->copies;
    while (one && one->statement != statement) {
        one = one->next;
    }
    return one;
}

static void keep(pc_foreign_copy *copy, MPI_Request request, bool own)
{
    pc_session *session = pc_runtime_session();
    pthread_mutex_lock(&session->lock);
    copy->request = request;
    copy->own = own;
    copy->statement = pc_runtime_get()->statement;
    copy->next = session->copies;
    session->copies = copy;
    pthread_mutex_unlock(&session->lock);
}

/* NULL: without memory, or MPI refuses, and has the words for it. */
static pc_foreign_copy *make_copy(const void *buffer, int count, MPI_Datatype type, MPI_Comm comm,
                                  int *size_p)
{
    int most = 0, at = 0;
    if (PMPI_Pack_size(count, type, comm, &most) != MPI_SUCCESS || most < 0) {
        return NULL;
    }
    pc_foreign_copy *copy = malloc(sizeof *copy + (size_t)most);
    if (copy && PMPI_Pack(buffer, count, type, copy->bytes, most, &at, comm) != MPI_SUCCESS) {
        free(copy);
        copy = NULL;
    }
    *size_p = at;
    return copy;
}

static int send_copy(pc_foreign_copy *copy, int size, int dest, int tag, MPI_Comm comm,
                     bool synchronous, bool own, MPI_Request *request)
{
    int code = synchronous ? PMPI_Issend(copy->bytes, size, MPI_PACKED, dest, tag, comm, request)
                           : PMPI_Isend(copy->bytes, size, MPI_PACKED, dest, tag, comm, request);
    if (code == MPI_SUCCESS) {
        keep(copy, *request, own);
    } else {
        free(copy);
    }
    return code;
}

int pc_foreign_isend(const void *buffer, int count, MPI_Datatype type, int dest, int tag,
                     MPI_Comm comm, bool synchronous, MPI_Request *request)
{
    if (pc_runtime_get()->statement && dest != MPI_PROC_NULL && count > 0) {
        int size;
        pc_twin_use(comm);
        pc_foreign_reap();
        pc_foreign_copy *copy = make_copy(buffer, count, type, comm, &size);
        if (copy) {
            return send_copy(copy, size, dest, tag, comm, synchronous, false, request);
        }
    }
    return synchronous ? PMPI_Issend(buffer, count, type, dest, tag, comm, request)
                       : PMPI_Isend(buffer, count, type, dest, tag, comm, request);
}

bool pc_foreign_send(const void *buffer, int count, MPI_Datatype type, int dest, int tag,
                     MPI_Comm comm, int *code_p)
{
    MPI_Request request;
    int size = 0;
    if (!pc_runtime_get()->statement || dest == MPI_PROC_NULL || count <= 0 ||
        PMPI_Type_size(type, &size) != MPI_SUCCESS || size > SMALL / count) {
        return false;
    }
    pc_twin_use(comm);
    pc_foreign_reap();
    pc_foreign_copy *copy = make_copy(buffer, count, type, comm, &size);
    if (copy) {
        *code_p = send_copy(copy, size, dest, tag, comm, true, true, &request);
    }
    return copy;
}

PC_EXPORT int MPI_Isend(const void *buffer, int count, MPI_Datatype type, int dest, int tag,
                        MPI_Comm comm, MPI_Request *request)
{
    return pc_foreign_isend(buffer, count, type, dest, tag, comm, false, request);
}

PC_EXPORT int MPI_Issend(const void *buffer, int count, MPI_Datatype type, int dest, int tag,
                         MPI_Comm comm, MPI_Request *request)
{
    return pc_foreign_isend(buffer, count, type, dest, tag, comm, true, request);
}

static int poll(void *what, int *done_p)
{
    return PMPI_Test(what, done_p, MPI_STATUS_IGNORE);
}

/* Receives one message for nobody; false: there is none. */
static bool drain_one(MPI_Comm comm)
{
    MPI_Status status;
    MPI_Message message;
    MPI_Request request;
    pc_board_wait wait = {.call = CALL, .peer = PC_BOARD_NOBODY, .firm = true};
    size_t size;
    int found = 0;
    if (PMPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &found, &message, &status) != MPI_SUCCESS ||
        !found || pc_buffer_size(&status, &size) != MPI_SUCCESS) {
        return false;
    }
    char *scratch = malloc(size + 1);
    if (scratch && pc_buffer_imrecv(scratch, size, &message, &request) == MPI_SUCCESS) {
        pc_wait_plain(poll, &request, &wait);
    }
    free(scratch);
    return scratch != NULL;
}

void pc_foreign_drain(bool world, bool others)
{
    for (const pc_twin *twin = pc_runtime_session()->twins; twin; twin = twin->next) {
        bool wanted = twin->users == MPI_COMM_WORLD ? world : others;
        while (wanted && drain_one(twin->users)) {
        }
    }
}

/* mpi4py keeps a structure on each communicator: a duplicate of it, which is its first member, and a number.
 * So an attribute is that structure when its value is where a duplicate is put. */
PC_EXPORT int MPI_Comm_set_attr(MPI_Comm comm, int key, void *value)
{
    int code = PMPI_Comm_set_attr(comm, key, value);
    pc_twin *twin = code == MPI_SUCCESS && pc_runtime_session()->on ? pc_twin_of(comm) : NULL;
    if (twin && !twin->numbered) {
        twin->key = key;
        twin->value = value;
    }
    return code;
}

static pc_twin *find_numbered(void)
{
    pc_twin *twin = pc_runtime_session()->twins;
    while (twin && !twin->numbered) {
        twin = twin->next;
    }
    return twin;
}

/* Without its structure mpi4py makes another, in a collective call that all ranks take part in. */
void pc_foreign_renew(void)
{
    for (pc_twin *twin = find_numbered(); twin; twin = find_numbered()) {
        twin->numbered = false;
        twin->value = NULL;
        PMPI_Comm_delete_attr(twin->users, twin->key);
    }
}
