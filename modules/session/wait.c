/* Waiting for a request of the session's own, which nothing may break.
 * SPDX-License-Identifier: MIT */
#include "modules/session/wait.h"

#include "modules/common/wait.h"

typedef struct {
    MPI_Request *request;
    int code;
} one_request;

/* The code is kept: the wait goes on behind an exception only. */
static int poll(void *what, int *done_p)
{
    one_request *one = what;
    one->code = PMPI_Test(one->request, done_p, MPI_STATUS_IGNORE);
    *done_p = *done_p || one->code != MPI_SUCCESS;
    return MPI_SUCCESS;
}

int ps_wait(MPI_Request *request, const char *call)
{
    one_request one = {request, MPI_SUCCESS};
    pc_board_wait wait = {.call = call, .peer = PC_BOARD_NOBODY};
    while (pc_wait_until(poll, &one, &wait) < 0) {
        PyErr_Clear();
    }
    return one.code;
}
