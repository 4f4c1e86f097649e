/* The session: statements that all ranks run together, and what breaks them.
 * SPDX-License-Identifier: MIT
 *
 * A failure is told to all where they are few. Else each who hears of it passes it on to log2(size) others,
 * once; a rank that has heard before it fails itself says nothing. */
#include "modules/common/session.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "modules/common/errors.h"
#include "modules/common/gate.h"
#include "modules/common/runtime.h"

#define TAG      1
#define FEW      32         /* ranks */
#define GRACE_NS 100000000L /* for a wait to end by itself */

static long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

int pc_session_start(void)
{
    pc_session *session = pc_runtime_session();
    size_t size = (size_t)pc_runtime_get()->size;
    int code = PMPI_Comm_dup(MPI_COMM_WORLD, &session->words);
    if (code == MPI_SUCCESS) {
        code = PMPI_Comm_dup(MPI_COMM_WORLD, &session->meeting);
    }
    session->sent = calloc(size, sizeof(int));
    session->seen = calloc(size, sizeof(int));
    if (code != MPI_SUCCESS || !session->sent || !session->seen || pc_gates_start() < 0) {
        return code != MPI_SUCCESS ? code : MPI_ERR_NO_MEM;
    }
    PMPI_Comm_set_errhandler(session->words, MPI_ERRORS_RETURN);
    PMPI_Comm_set_errhandler(session->meeting, MPI_ERRORS_RETURN);
    pthread_mutex_init(&session->lock, NULL);
    session->on = true;
    return MPI_SUCCESS;
}

static void reap(pc_session *session)
{
    pc_going_word **link = &session->going;
    while (*link) {
        pc_going_word *one = *link;
        int done = 0;
        PMPI_Test(&one->request, &done, MPI_STATUS_IGNORE);
        if (done) {
            *link = one->next;
            free(one);
        } else {
            link = &one->next;
        }
    }
}

void pc_session_say(const pc_word *word, int peer)
{
    pc_session *session = pc_runtime_session();
    pc_going_word *one = malloc(sizeof *one);
    if (!one) {
        return;
    }
    one->word = *word;
    if (PMPI_Isend(&one->word, sizeof one->word, MPI_BYTE, peer, TAG, session->words,
                   &one->request) == MPI_SUCCESS) {
        one->next = session->going;
        session->going = one;
    } else {
        free(one);
    }
}

static void pass_on(unsigned number, int failed)
{
    const pc_runtime *runtime = pc_runtime_get();
    pc_word word = {.kind = PC_WORD_FAILED, .statement = number, .rank = failed};
    bool few = runtime->size <= FEW;
    for (int by = 1; by < runtime->size; by = few ? by + 1 : by * 2) {
        pc_session_say(&word, (runtime->rank + by) % runtime->size);
    }
}

static void name(pc_session *session, int rank)
{
    int at = session->failed_count;
    for (int i = 0; i < session->failed_count; i++) {
        if (session->failed[i] == rank) {
            return;
        }
        at = session->failed[i] > rank && i < at ? i : at;
    }
    if (session->failed_count < PC_SESSION_NAMED) {
        size_t behind = (size_t)(session->failed_count - at);
        memmove(&session->failed[at + 1], &session->failed[at], behind * sizeof(int));
        session->failed[at] = rank;
        session->failed_count++;
    }
}

/* True when it is news. What is said of a statement that this rank has not begun is kept for it. */
static bool note_failure(pc_session *session, unsigned number, int rank)
{
    bool news = session->heard != number;
    if (number < session->latest || pc_session_is_broken(number)) {
        news = false;
    } else if (news) {
        session->failed_count = 0;
        session->heard = number;
        session->since = now_ns();
    }
    if (session->heard == number) {
        name(session, rank);
    }
    return news;
}

static void hear(pc_session *session, const pc_word *word)
{
    if (word->kind != PC_WORD_FAILED) {
        pc_gates_hear(word);
    } else if (note_failure(session, word->statement, word->rank) && pc_runtime_get()->size > FEW) {
        pass_on(word->statement, word->rank);
    }
}

static void listen(pc_session *session)
{
    int found = 1;
    reap(session);
    while (found) {
        MPI_Status status;
        pc_word word;
        if (PMPI_Iprobe(MPI_ANY_SOURCE, TAG, session->words, &found, &status) != MPI_SUCCESS) {
            return;
        }
        if (found && PMPI_Recv(&word, sizeof word, MPI_BYTE, status.MPI_SOURCE, TAG, session->words,
                               MPI_STATUS_IGNORE) == MPI_SUCCESS) {
            hear(session, &word);
        }
    }
}

void pc_session_listen(void)
{
    pc_session *session = pc_runtime_session();
    if (pthread_mutex_trylock(&session->lock) == 0) {
        listen(session);
        pthread_mutex_unlock(&session->lock);
    }
}

void pc_session_begin(unsigned number)
{
    pc_session *session = pc_runtime_session();
    if (number) {
        session->latest = number;
        if (session->heard != number) {
            session->heard = 0;
        }
        pc_gates_begin(number);
    }
    pc_runtime_note_statement(number, pc_runtime_get()->epoch);
}

void pc_session_fail(unsigned number)
{
    pc_session *session = pc_runtime_session();
    int rank = pc_runtime_get()->rank;
    pthread_mutex_lock(&session->lock);
    listen(session);
    if (note_failure(session, number, rank)) {
        pass_on(number, rank);
    }
    pthread_mutex_unlock(&session->lock);
}

void pc_session_note_broken(unsigned number)
{
    pc_session *session = pc_runtime_session();
    unsigned epoch = pc_runtime_get()->epoch;
    session->latest = number;
    session->broken[epoch % PC_SESSION_BROKEN] = number;
    pc_runtime_note_statement(0, epoch + 1);
}

/* The ring is looked at for letters and threads of older statements alone. */
static bool was_broken(const pc_session *session, unsigned number)
{
    bool found = false;
    for (int i = 0; i < PC_SESSION_BROKEN && !found; i++) {
        found = session->broken[i] == number;
    }
    return found;
}

bool pc_session_is_broken(unsigned number)
{
    const pc_session *session = pc_runtime_session();
    return number && (session->heard == number || was_broken(session, number));
}

bool pc_session_is_due(unsigned number)
{
    const pc_session *session = pc_runtime_session();
    if (!number || (session->heard == number && now_ns() - session->since < GRACE_NS)) {
        return false;
    }
    return pc_session_is_broken(number);
}

/* "rank 2", "ranks 0, 2 and 5", "ranks 0, ... and others" */
static PyObject *name_failed(const pc_session *session)
{
    int count = session->failed_count;
    PyObject *text = PyUnicode_FromString(count > 1 ? "ranks" : count ? "rank" : "another rank");
    for (int i = 0; i < count && text; i++) {
        const char *before = i == 0                                       ? ""
                             : i == count - 1 && count < PC_SESSION_NAMED ? " and"
                                                                          : ",";
        Py_SETREF(text, PyUnicode_FromFormat("%U%s %d", text, before, session->failed[i]));
    }
    if (text && count == PC_SESSION_NAMED) {
        Py_SETREF(text, PyUnicode_FromFormat("%U and others", text));
    }
    return text;
}

int pc_session_raise(const char *call)
{
    PyObject *ranks = name_failed(pc_runtime_session());
    PyObject *why = ranks ? PyUnicode_FromFormat("%U failed in this statement", ranks) : NULL;
    PyObject *text = why ? PyUnicode_FromFormat("%s: %U", call, why) : NULL;
    Py_XDECREF(ranks);
    Py_XDECREF(why);
    return pc_error_raise("PeerError", call, text);
}

/* The counts are of one statement: the first letter of another begins them anew. */
static bool counts(pc_session *session, int peer, unsigned number)
{
    size_t size = (size_t)pc_runtime_get()->size;
    if (!session->on || !number || number < session->counted || peer < 0) {
        return false;
    }
    if (number > session->counted) {
        session->counted = number;
        memset(session->sent, 0, size * sizeof(int));
        memset(session->seen, 0, size * sizeof(int));
    }
    return true;
}

void pc_session_count_sent(int peer, unsigned number)
{
    pc_session *session = pc_runtime_session();
    if (counts(session, peer, number)) {
        session->sent[peer]++;
    }
}

void pc_session_count_seen(int peer, unsigned number)
{
    pc_session *session = pc_runtime_session();
    if (peer < pc_runtime_get()->size && counts(session, peer, number)) {
        session->seen[peer]++;
    }
}
