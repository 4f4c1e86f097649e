/* Waiting: the one place where anything blocks.
 * SPDX-License-Identifier: MIT
 *
 * Only nonblocking calls of MPI are made; in between, signals run their handlers and other Python
 * threads run. The GIL is held by the caller. In a session, a wait that belongs to a statement in which
 * another rank has failed is broken with mpi.PeerError, when it has had 0.1 s to end by itself. */
#ifndef PYMPI_COMMON_WAIT_H
#define PYMPI_COMMON_WAIT_H

#include "modules/common/board.h"
#include "modules/common/compat.h"

/* Looks once; sets *done_p, returns MPI's code. */
typedef int (*pc_poll)(void *what, int *done_p);

/* Polls until it is done. 0, or -1 with an exception set: MPI's, or one that a signal handler raised. */
int pc_wait_until(pc_poll poll, void *what, const pc_board_wait *wait);

#define PC_WAIT_BROKEN                                                                             \
    MPI_ERR_PENDING /* what MPI gives for a request that is neither done nor wrong */

/* Polls until it is done, for a caller that may or may not have the GIL, or no Python. Returns MPI's
 * code, or PC_WAIT_BROKEN with an exception set: a signal handler raised it. */
int pc_wait_plain(pc_poll poll, void *what, const pc_board_wait *wait);

/* Raises mpi.PeerError for such a caller. Returns PC_WAIT_BROKEN. */
int pc_wait_break_plain(const char *call);

/* Waits for all requests. When a signal breaks the wait the requests are still MPI's: they are kept,
 * with owner (what their memory belongs to; may be NULL), until they are done. The array itself may go. */
int pc_wait_all(MPI_Request *requests, int count, PyObject *owner, const char *call);

/* The same for a caller that can say more of what it waits for. */
int pc_wait_all_noted(MPI_Request *requests, int count, PyObject *owner, const pc_board_wait *wait);

/* The same for a caller that goes by codes: MPI's, or PC_WAIT_BROKEN with an exception set, and then the
 * requests are still under way. */
int pc_wait_code(MPI_Request *requests, int count, const pc_board_wait *wait);

/* The same for a caller that may or may not have the GIL, or no Python. */
int pc_wait_code_plain(MPI_Request *requests, int count, const pc_board_wait *wait);

/* Leaves the requests to MPI; they are kept with their owner until they are done. */
void pc_wait_leave(const MPI_Request *requests, int count, PyObject *owner);

/* Frees what broken waits left and MPI has finished with. */
void pc_wait_reap(void);

#endif
