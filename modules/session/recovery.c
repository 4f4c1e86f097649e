/* Recovery: behind a broken statement, nothing of it reaches the next.
 * SPDX-License-Identifier: MIT
 *
 * Each rank drops what it had begun; then all agree on a number for collectives that none has used, and tell
 * each other how many letters they sent. When those have been seen, and what followed them, all go on. */
#include "modules/session/recovery.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "modules/common/errors.h"
#include "modules/common/foreign.h"
#include "modules/common/progress.h"
#include "modules/common/runtime.h"
#include "modules/common/twins.h"
#include "modules/common/wait.h"
#include "modules/session/meeting.h"

#define CALL "recovery"
#define PATIENCE_NS                                                                                \
    200000000L /* for letters that nobody can take: of communicators that are gone */

/* What all have to know: the largest of each. */
typedef struct {
    uint64_t statement;
    uint64_t number;  /* of the next collective */
    uint64_t foreign; /* messages of others' went by MPI_COMM_WORLD: 1; by other communicators: 2 */
} agreement;

static long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

static uint64_t find_foreign(unsigned statement, bool world)
{
    for (const pc_twin *twin = pc_runtime_session()->twins; twin; twin = twin->next) {
        if (twin->used == statement && (twin->users == MPI_COMM_WORLD) == world) {
            return 1;
        }
    }
    return 0;
}

static int agree(agreement *all)
{
    MPI_Request request;
    const pc_recovery *recovery = &pc_runtime_session()->recovery;
    uint64_t numbers[4] = {pc_runtime_session()->latest,
                           recovery->what ? recovery->highest(recovery->what) : 0};
    numbers[2] = find_foreign((unsigned)numbers[0], true);
    numbers[3] = find_foreign((unsigned)numbers[0], false);
    int code = PMPI_Iallreduce(MPI_IN_PLACE, numbers, 4, MPI_UINT64_T, MPI_MAX,
                               pc_runtime_session()->meeting, &request);
    code = code == MPI_SUCCESS ? ps_meeting_wait(&request, CALL) : code;
    *all = (agreement){numbers[0], numbers[1], numbers[2] | numbers[3] << 1};
    return pc_error_check(CALL, code);
}

/* How many letters each rank says it sent this one in the statement. */
static int ask_counts(unsigned statement, int *told)
{
    MPI_Request request;
    pc_session *session = pc_runtime_session();
    if (session->counted < statement) {
        pc_session_count_sent(0, statement); /* begins them anew */
        session->sent[0] = 0;
    }
    int code =
        PMPI_Ialltoall(session->sent, 1, MPI_INT, told, 1, MPI_INT, session->meeting, &request);
    return pc_error_check(CALL, code == MPI_SUCCESS ? ps_meeting_wait(&request, CALL) : code);
}

static int count_missing(const int *told)
{
    const int *seen = pc_runtime_session()->seen;
    int missing = 0;
    for (int rank = 0; rank < pc_runtime_get()->size; rank++) {
        missing += told[rank] > seen[rank] ? told[rank] - seen[rank] : 0;
    }
    return missing;
}

/* Takes what comes. True: there is nothing more to come. */
static bool sift(const int *told, unsigned number, int *missing_p)
{
    const pc_recovery *recovery = &pc_runtime_session()->recovery;
    pc_progress_run();
    bool more = recovery->what && recovery->sift(recovery->what, number);
    PyErr_Clear();
    pc_wait_reap();
    *missing_p = recovery->what ? count_missing(told) : 0;
    return !more && !*missing_p;
}

/* Until all that was sent has come, or nothing has for a while. */
static void sift_all(const int *told, unsigned number)
{
    int missing, before = -1;
    long since = now_ns();
    while (!sift(told, number, &missing)) {
        since = missing == before ? since : now_ns();
        before = missing;
        if (now_ns() - since > PATIENCE_NS) {
            return;
        }
    }
}

/* The same while the others are not ready. */
static int sift_together(const int *told, unsigned number)
{
    MPI_Request request;
    int done = 0, missing;
    int code = PMPI_Ibarrier(pc_runtime_session()->meeting, &request);
    while (code == MPI_SUCCESS && !done) {
        sift(told, number, &missing);
        pc_session_listen();
        code = PMPI_Test(&request, &done, MPI_STATUS_IGNORE);
    }
    return pc_error_check(CALL, code);
}

static int recover(int *told)
{
    agreement all;
    const pc_recovery *recovery = &pc_runtime_session()->recovery;
    if (recovery->what) {
        recovery->drop(recovery->what);
    }
    if (agree(&all) < 0 || ask_counts((unsigned)all.statement, told) < 0) {
        return -1;
    }
    sift_all(told, (unsigned)all.number);
    pc_foreign_drain(all.foreign & 1, all.foreign & 2);
    if (sift_together(told, (unsigned)all.number) < 0) {
        return -1;
    }
    pc_foreign_renew();
    pc_foreign_reap();
    if (recovery->what) {
        recovery->restart(recovery->what, (unsigned)all.number);
    }
    return 0;
}

int ps_recovery_run(void)
{
    int *told = calloc((size_t)pc_runtime_get()->size, sizeof *told);
    if (!told) {
        PyErr_NoMemory();
        return -1;
    }
    pc_session_note_broken(pc_runtime_session()->latest);
    int result = recover(told);
    free(told);
    return result;
}
