/* In front of MPI: messages, probes and requests.
 * SPDX-License-Identifier: MIT
 *
 * A wait that a signal's handler breaks ends with an error, in place of which mpi4py's caller gets what the
 * handler raised (breakout.c). A receive is cancelled then; a send, which cannot be, is left to MPI
 * with its memory. */
#include "modules/common/intercept.h"

#include "modules/common/foreign.h"
#include "modules/common/gate.h"
#include "modules/common/runtime.h"
#include "modules/common/twins.h"
#include "modules/common/wait.h"

bool pc_intercept_waits(void)
{
    return pc_runtime_how()->intercept && pc_runtime_is_own();
}

bool pc_intercept_waits_together(void)
{
    return pc_intercept_waits() && pc_runtime_get()->apps == 1;
}

int pc_intercept_gate(MPI_Comm comm, const char *call, bool *gated_p)
{
    bool in_statement = pc_runtime_get()->statement && pc_intercept_waits_together();
    pc_twin *twin = in_statement ? pc_twin_of(comm) : NULL;
    bool *late = &pc_runtime_session()->late;
    *gated_p = *late = false;
    if (!twin || (!twin->party.members && pc_party_init(&twin->party, comm, NULL, 0) < 0)) {
        return MPI_SUCCESS;
    }
    *gated_p = true;
    return pc_gate_pass_plain(&twin->party, call, late);
}

int pc_intercept_behind(int code)
{
    bool *late = &pc_runtime_session()->late;
    if (*late) {
        *late = false;
        code = PC_WAIT_BROKEN;
    }
    return code;
}

/* Also the end that a program makes by itself: others may still wait for this rank. */
PC_EXPORT int MPI_Finalize(void)
{
    if (pc_runtime_usable()) {
        pc_ending_meet();
        pc_deadlock_finish(NULL);
    }
    return PMPI_Finalize();
}

typedef struct {
    MPI_Request *request;
    MPI_Status *status;
} one_request;

static int poll_one(void *what, int *done_p)
{
    one_request *one = what;
    return PMPI_Test(one->request, done_p, one->status);
}

int pc_intercept_finish(MPI_Request *request, MPI_Status *status, const pc_board_wait *wait)
{
    one_request one = {request, status};
    return pc_wait_plain(poll_one, &one, wait);
}

static int finish_receive(MPI_Request *request, MPI_Status *status, const pc_board_wait *wait)
{
    one_request one = {request, status};
    int code = pc_wait_plain(poll_one, &one, wait);
    if (code == PC_WAIT_BROKEN) {
        PMPI_Cancel(request);
        PMPI_Wait(request, MPI_STATUS_IGNORE);
    }
    return code;
}

PC_EXPORT int MPI_Send(const void *buffer, int count, MPI_Datatype type, int dest, int tag,
                       MPI_Comm comm)
{
    MPI_Request request;
    int code;
    if (!pc_intercept_waits()) {
        return PMPI_Send(buffer, count, type, dest, tag, comm);
    }
    if (pc_foreign_send(buffer, count, type, dest, tag, comm, &code)) {
        return code;
    }
    code = pc_foreign_isend(buffer, count, type, dest, tag, comm, false, &request);
    pc_board_wait wait = {.call = "MPI_Send", .peer = dest, .tag = tag};
    return code != MPI_SUCCESS ? code : pc_intercept_finish(&request, MPI_STATUS_IGNORE, &wait);
}

PC_EXPORT int MPI_Ssend(const void *buffer, int count, MPI_Datatype type, int dest, int tag,
                        MPI_Comm comm)
{
    MPI_Request request;
    if (!pc_intercept_waits()) {
        return PMPI_Ssend(buffer, count, type, dest, tag, comm);
    }
    int code = pc_foreign_isend(buffer, count, type, dest, tag, comm, true, &request);
    pc_board_wait wait = {.call = "MPI_Ssend", .peer = dest, .tag = tag};
    return code != MPI_SUCCESS ? code : pc_intercept_finish(&request, MPI_STATUS_IGNORE, &wait);
}

PC_EXPORT int MPI_Recv(void *buffer, int count, MPI_Datatype type, int source, int tag,
                       MPI_Comm comm, MPI_Status *status)
{
    MPI_Request request;
    if (!pc_intercept_waits()) {
        return PMPI_Recv(buffer, count, type, source, tag, comm, status);
    }
    pc_twin_use(comm);
    int code = PMPI_Irecv(buffer, count, type, source, tag, comm, &request);
    pc_board_wait wait = {.call = "MPI_Recv", .peer = source, .tag = tag};
    return code != MPI_SUCCESS ? code : finish_receive(&request, status, &wait);
}

PC_EXPORT int MPI_Mrecv(void *buffer, int count, MPI_Datatype type, MPI_Message *message,
                        MPI_Status *status)
{
    MPI_Request request;
    if (!pc_intercept_waits()) {
        return PMPI_Mrecv(buffer, count, type, message, status);
    }
    int code = PMPI_Imrecv(buffer, count, type, message, &request);
    pc_board_wait wait = {.call = "MPI_Mrecv", .peer = PC_BOARD_NOBODY};
    return code != MPI_SUCCESS ? code : finish_receive(&request, status, &wait);
}

/* Both at once; each ends when both have, or when the wait is broken. */
PC_EXPORT int MPI_Sendrecv(const void *out, int out_count, MPI_Datatype out_type, int dest,
                           int out_tag, void *in, int in_count, MPI_Datatype in_type, int source,
                           int in_tag, MPI_Comm comm, MPI_Status *status)
{
    MPI_Request sending, receiving;
    if (!pc_intercept_waits()) {
        return PMPI_Sendrecv(out, out_count, out_type, dest, out_tag, in, in_count, in_type, source,
                             in_tag, comm, status);
    }
    pc_twin_use(comm);
    int code = PMPI_Irecv(in, in_count, in_type, source, in_tag, comm, &receiving);
    if (code != MPI_SUCCESS) {
        return code;
    }
    code = pc_foreign_isend(out, out_count, out_type, dest, out_tag, comm, false, &sending);
    pc_board_wait to = {.call = "MPI_Sendrecv", .peer = dest, .tag = out_tag},
                  from = {.call = "MPI_Sendrecv", .peer = source, .tag = in_tag};
    int received = finish_receive(&receiving, status, &from);
    int sent = code != MPI_SUCCESS          ? code
               : received == PC_WAIT_BROKEN ? received
                                            : pc_intercept_finish(&sending, MPI_STATUS_IGNORE, &to);
    return received != MPI_SUCCESS ? received : sent;
}

typedef struct {
    int source, tag;
    MPI_Comm comm;
    MPI_Message *message; /* NULL: it is only probed for */
    MPI_Status *status;
} wanted;

static int poll_wanted(void *what, int *done_p)
{
    wanted *one = what;
    return one->message
               ? PMPI_Improbe(one->source, one->tag, one->comm, done_p, one->message, one->status)
               : PMPI_Iprobe(one->source, one->tag, one->comm, done_p, one->status);
}

PC_EXPORT int MPI_Probe(int source, int tag, MPI_Comm comm, MPI_Status *status)
{
    wanted one = {source, tag, comm, NULL, status};
    pc_board_wait wait = {.call = "MPI_Probe", .peer = source, .tag = tag};
    pc_twin_use(comm);
    return pc_intercept_waits() ? pc_wait_plain(poll_wanted, &one, &wait)
                                : PMPI_Probe(source, tag, comm, status);
}

PC_EXPORT int MPI_Mprobe(int source, int tag, MPI_Comm comm, MPI_Message *message,
                         MPI_Status *status)
{
    wanted one = {source, tag, comm, message, status};
    pc_board_wait wait = {.call = "MPI_Mprobe", .peer = source, .tag = tag};
    pc_twin_use(comm);
    return pc_intercept_waits() ? pc_wait_plain(poll_wanted, &one, &wait)
                                : PMPI_Mprobe(source, tag, comm, message, status);
}

/* The user's own requests stay the user's when the wait for them is broken. */
PC_EXPORT int MPI_Wait(MPI_Request *request, MPI_Status *status)
{
    one_request one = {request, status};
    pc_board_wait wait = {.call = "MPI_Wait", .peer = PC_BOARD_NOBODY};
    return pc_intercept_waits() ? pc_wait_plain(poll_one, &one, &wait) : PMPI_Wait(request, status);
}

typedef struct {
    int count;
    MPI_Request *requests;
    int *indices; /* of those that are done; MPI_Waitany has one */
    int *done_count;
    MPI_Status *statuses;
} many_requests;

static int poll_all(void *what, int *done_p)
{
    many_requests *all = what;
    return PMPI_Testall(all->count, all->requests, done_p, all->statuses);
}

static int poll_any(void *what, int *done_p)
{
    many_requests *any = what;
    return PMPI_Testany(any->count, any->requests, any->indices, done_p, any->statuses);
}

/* MPI_UNDEFINED, when there is no request to wait for, is an end too. */
static int poll_some(void *what, int *done_p)
{
    many_requests *some = what;
    int code =
        PMPI_Testsome(some->count, some->requests, some->done_count, some->indices, some->statuses);
    *done_p = *some->done_count != 0;
    return code;
}

PC_EXPORT int MPI_Waitall(int count, MPI_Request requests[], MPI_Status statuses[])
{
    many_requests all = {count, requests, NULL, NULL, statuses};
    pc_board_wait wait = {.call = "MPI_Waitall", .peer = PC_BOARD_NOBODY};
    return pc_intercept_waits() ? pc_wait_plain(poll_all, &all, &wait)
                                : PMPI_Waitall(count, requests, statuses);
}

PC_EXPORT int MPI_Waitany(int count, MPI_Request requests[], int *index, MPI_Status *status)
{
    many_requests any = {count, requests, index, NULL, status};
    pc_board_wait wait = {.call = "MPI_Waitany", .peer = PC_BOARD_NOBODY};
    return pc_intercept_waits() ? pc_wait_plain(poll_any, &any, &wait)
                                : PMPI_Waitany(count, requests, index, status);
}

PC_EXPORT int MPI_Waitsome(int count, MPI_Request requests[], int *done_count, int indices[],
                           MPI_Status statuses[])
{
    many_requests some = {count, requests, indices, done_count, statuses};
    pc_board_wait wait = {.call = "MPI_Waitsome", .peer = PC_BOARD_NOBODY};
    return pc_intercept_waits() ? pc_wait_plain(poll_some, &some, &wait)
                                : PMPI_Waitsome(count, requests, done_count, indices, statuses);
}
