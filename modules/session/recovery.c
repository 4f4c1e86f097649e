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
#include "modules/session/wait.h"

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

/* Makes each number the largest that a rank gives. */
static int agree_on(uint64_t *numbers, int count)
{
    MPI_Request request;
    int code = PMPI_Iallreduce(MPI_IN_PLACE, numbers, count, MPI_UINT64_T, MPI_MAX,
                               pc_runtime_session()->meeting, &request);
    return pc_error_check(CALL, code == MPI_SUCCESS ? ps_wait(&request, CALL) : code);
}

/* A rank may not have begun the statement. */
static int agree_on_statement(agreement *all)
{
    all->statement = pc_runtime_session()->latest;
    if (agree_on(&all->statement, 1) < 0) {
        return -1;
    }
    pc_session_note_broken((unsigned)all->statement);
    return 0;
}

static int agree(agreement *all)
{
    const pc_recovery *recovery = &pc_runtime_session()->recovery;
    unsigned statement = (unsigned)all->statement;
    uint64_t numbers[3] = {recovery->what ? recovery->highest(recovery->what) : 0,
                           find_foreign(statement, true), find_foreign(statement, false)};
    int result = agree_on(numbers, 3);
    all->number = numbers[0];
    all->foreign = numbers[1] | numbers[2] << 1;
    return result;
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
    return pc_error_check(CALL, code == MPI_SUCCESS ? ps_wait(&request, CALL) : code);
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

/* Until the others have received what this rank's libraries sent. */
static void drain_all(const agreement *all)
{
    long since = now_ns();
    do {
        pc_foreign_drain(all->foreign & 1, all->foreign & 2);
    } while (pc_foreign_pending((unsigned)all->statement) && now_ns() - since < PATIENCE_NS);
}

/* The same while the others are not ready. */
static int sift_together(const int *told, const agreement *all)
{
    MPI_Request request;
    int done = 0, missing;
    int code = PMPI_Ibarrier(pc_runtime_session()->meeting, &request);
    while (code == MPI_SUCCESS && !done) {
        sift(told, (unsigned)all->number, &missing);
        pc_foreign_drain(all->foreign & 1, all->foreign & 2);
        pc_session_listen();
        code = PMPI_Test(&request, &done, MPI_STATUS_IGNORE);
    }
    return pc_error_check(CALL, code);
}

/* Returns when nobody sifts any more, who might take what the next statement sends. */
static int part(void)
{
    MPI_Request request;
    int code = PMPI_Ibarrier(pc_runtime_session()->meeting, &request);
    return pc_error_check(CALL, code == MPI_SUCCESS ? ps_wait(&request, CALL) : code);
}

static int recover(int *told)
{
    agreement all;
    const pc_recovery *recovery = &pc_runtime_session()->recovery;
    if (agree_on_statement(&all) < 0) {
        return -1;
    }
    if (recovery->what) {
        recovery->drop(recovery->what);
    }
    if (agree(&all) < 0 || ask_counts((unsigned)all.statement, told) < 0) {
        return -1;
    }
    sift_all(told, (unsigned)all.number);
    drain_all(&all);
    if (sift_together(told, &all) < 0 || part() < 0) {
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
    int result = recover(told);
    free(told);
    return result;
}
