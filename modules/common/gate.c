/* Gates: ranks pass all together or not at all.
 * SPDX-License-Identifier: MIT
 *
 * Members tell their parents in a binomial tree that they and those below are there; when the first member
 * knows it of all it says GO, which comes down the same way. That is the one moment at which it is decided.
 * Who wants to leave (its wait is broken) and has told its parent asks the first member, and waits for the
 * answer: GO when it was decided before; else ABORT, and the first member lets nobody pass any gate in this
 * statement any more. It answers wherever it listens: in waits, and while all meet. */
#include "modules/common/gate.h"

#include <stdlib.h>
#include <string.h>

#include "modules/common/runtime.h"
#include "modules/common/wait.h"

/* How many gates of some members this rank has come to, and let them pass. */
typedef struct {
    uint64_t base;
    int entered, went;
} gate_count;

typedef struct pc_gates {
    unsigned statement;
    unsigned closed; /* the statement in which this rank lets nobody pass any more */
    gate_count *counts;
    int count, room;
    pc_word *mail; /* what nobody has taken yet */
    int mail_count, mail_room;
} pc_gates;

typedef struct {
    const pc_party *party;
    int number;   /* among those of the same members */
    int children; /* that have not come yet */
    bool told;
    int verdict; /* 0, PC_WORD_GO, PC_WORD_ABORT */
} gate;

int pc_gates_start(void)
{
    pc_session *session = pc_runtime_session();
    session->gates = calloc(1, sizeof *session->gates);
    return session->gates ? 0 : -1;
}

void pc_gates_begin(unsigned number)
{
    pc_session *session = pc_runtime_session();
    pc_gates *all = session->gates;
    int kept = 0;
    pthread_mutex_lock(&session->lock);
    for (int i = 0; i < all->mail_count; i++) {
        if (all->mail[i].statement >= number) {
            all->mail[kept++] = all->mail[i];
        }
    }
    all->mail_count = kept;
    all->count = 0;
    all->statement = number;
    pthread_mutex_unlock(&session->lock);
}

/* A place at the end of a growing array; NULL without memory. */
static void *add_place(void *array_p, int *count, int *room, size_t size)
{
    void *array;
    memcpy(&array, array_p, sizeof array);
    if (*count == *room) {
        int more = *room ? 2 * *room : 8;
        array = realloc(array, (size_t)more * size);
        if (!array) {
            return NULL;
        }
        memcpy(array_p, &array, sizeof array);
        *room = more;
    }
    return (char *)array + (size_t)(*count)++ * size;
}

static gate_count *find_count(pc_gates *all, uint64_t base)
{
    for (int i = 0; i < all->count; i++) {
        if (all->counts[i].base == base) {
            return &all->counts[i];
        }
    }
    gate_count *one = add_place(&all->counts, &all->count, &all->room, sizeof *one);
    if (one) {
        *one = (gate_count){.base = base};
    }
    return one;
}

static void say(int kind, uint64_t base, int number, unsigned statement, int peer)
{
    const pc_word word = {.kind = kind,
                          .statement = statement,
                          .rank = pc_runtime_get()->rank,
                          .count = number,
                          .key = base};
    pc_session_say(&word, peer);
}

static void answer(pc_gates *all, const pc_word *word)
{
    const gate_count *count = word->statement == all->statement ? find_count(all, word->key) : NULL;
    bool went = count && count->went >= word->count;
    if (!went) {
        all->closed = word->statement;
    }
    say(went ? PC_WORD_GO : PC_WORD_ABORT, word->key, word->count, word->statement, word->rank);
}

void pc_gates_hear(const pc_word *word)
{
    pc_gates *all = pc_runtime_session()->gates;
    if (word->kind == PC_WORD_ASK) {
        answer(all, word);
        return;
    }
    pc_word *place = word->statement < all->statement
                         ? NULL
                         : add_place(&all->mail, &all->mail_count, &all->mail_room, sizeof *place);
    if (place) {
        *place = *word;
    }
}

static bool take(pc_gates *all, const gate *one, int kind)
{
    for (int i = 0; i < all->mail_count; i++) {
        const pc_word *word = &all->mail[i];
        if (word->kind == kind && word->key == one->party->base && word->count == one->number &&
            word->statement == all->statement) {
            all->mail[i] = all->mail[--all->mail_count];
            return true;
        }
    }
    return false;
}

/* The distance to the parent: the lowest bit; the first member's is beyond the last. */
static int reach_of(const pc_party *party)
{
    int reach = 1;
    while (reach < party->count && !(party->own & reach)) {
        reach <<= 1;
    }
    return reach;
}

static int count_children(const pc_party *party)
{
    int count = 0;
    for (int by = reach_of(party) >> 1; by > 0; by >>= 1) {
        count += party->own + by < party->count;
    }
    return count;
}

static void tell_children(const gate *one, unsigned statement)
{
    const pc_party *party = one->party;
    for (int by = reach_of(party) >> 1; by > 0; by >>= 1) {
        if (party->own + by < party->count) {
            say(PC_WORD_GO, party->base, one->number, statement, party->members[party->own + by]);
        }
    }
}

/* All below have come. */
static void tell_parent(pc_gates *all, gate *one)
{
    const pc_party *party = one->party;
    one->told = true;
    if (party->own) {
        say(PC_WORD_ENTER, party->base, one->number, all->statement,
            party->members[party->own - reach_of(party)]);
        return;
    }
    gate_count *count = find_count(all, party->base);
    one->verdict = count && all->closed != all->statement ? PC_WORD_GO : PC_WORD_ABORT;
    if (one->verdict == PC_WORD_GO) {
        count->went = one->number;
    }
}

static void step(pc_gates *all, gate *one)
{
    while (one->children && take(all, one, PC_WORD_ENTER)) {
        one->children--;
    }
    if (!one->children && !one->told) {
        tell_parent(all, one);
    }
    if (!one->verdict && one->told) {
        one->verdict = take(all, one, PC_WORD_GO)      ? PC_WORD_GO
                       : take(all, one, PC_WORD_ABORT) ? PC_WORD_ABORT
                                                       : 0;
    }
    if (one->verdict == PC_WORD_GO) {
        tell_children(one, all->statement);
    }
}

static int poll(void *what, int *done_p)
{
    pc_session *session = pc_runtime_session();
    gate *one = what;
    pc_session_listen();
    pthread_mutex_lock(&session->lock);
    if (!one->verdict) {
        step(session->gates, one);
    }
    pthread_mutex_unlock(&session->lock);
    *done_p = one->verdict != 0;
    return MPI_SUCCESS;
}

static int open_gate(gate *one, const pc_party *party)
{
    pc_session *session = pc_runtime_session();
    *one = (gate){.party = party, .children = count_children(party)};
    pthread_mutex_lock(&session->lock);
    gate_count *count = find_count(session->gates, party->base);
    one->number = count ? ++count->entered : 0;
    pthread_mutex_unlock(&session->lock);
    return count ? 0 : -1;
}

/* The wait is broken. Without a verdict then, the answer is to be waited for. */
static void leave(gate *one)
{
    pc_session *session = pc_runtime_session();
    pc_gates *all = session->gates;
    const pc_party *party = one->party;
    pthread_mutex_lock(&session->lock);
    if (!one->verdict && one->told) {
        say(PC_WORD_ASK, party->base, one->number, all->statement, party->members[0]);
    } else if (!one->verdict) {
        one->verdict = PC_WORD_ABORT;
        all->closed = party->own ? all->closed : all->statement;
    }
    pthread_mutex_unlock(&session->lock);
}

static bool is_free(const pc_party *party)
{
    return !pc_runtime_get()->statement || party->count < 2;
}

int pc_gate_pass(const pc_party *party, const char *call)
{
    gate one;
    pc_board_wait wait = {.call = call, .peer = PC_BOARD_NOBODY};
    if (is_free(party)) {
        return 0;
    }
    if (open_gate(&one, party) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    if (pc_wait_until(poll, &one, &wait) < 0) {
        leave(&one);
    }
    wait.firm = true;
    if (!one.verdict && pc_wait_until(poll, &one, &wait) < 0) {
        return -1;
    }
    return one.verdict == PC_WORD_GO ? 0 : PyErr_Occurred() ? -1 : pc_session_raise(call);
}

int pc_gate_pass_plain(const pc_party *party, const char *call, bool *late_p)
{
    gate one;
    pc_board_wait wait = {.call = call, .peer = PC_BOARD_NOBODY};
    *late_p = false;
    if (is_free(party)) {
        return MPI_SUCCESS;
    }
    if (open_gate(&one, party) < 0) {
        return MPI_ERR_NO_MEM;
    }
    bool broken = pc_wait_plain(poll, &one, &wait) != MPI_SUCCESS;
    if (broken) {
        leave(&one);
    }
    wait.firm = true;
    if (!one.verdict) {
        pc_wait_plain(poll, &one, &wait);
    }
    *late_p = broken && one.verdict == PC_WORD_GO;
    if (one.verdict == PC_WORD_GO) {
        return MPI_SUCCESS;
    }
    return broken ? PC_WAIT_BROKEN : pc_wait_break_plain(call);
}

/* FNV-1a (Fowler, Noll, Vo) of the members in their order. */
static uint64_t hash_members(const pc_party *party)
{
    uint64_t hash = 14695981039346656037U;
    for (int i = 0; i < party->count; i++) {
        hash = (hash ^ (uint64_t)(unsigned)party->members[i]) * 1099511628211U;
    }
    return hash;
}

static int translate(pc_party *party, MPI_Group group, const int *ranks)
{
    MPI_Group world;
    int code = PMPI_Comm_group(MPI_COMM_WORLD, &world);
    for (int i = 0; i < party->count && code == MPI_SUCCESS; i++) {
        int rank = ranks ? ranks[i] : i;
        code = PMPI_Group_translate_ranks(group, 1, &rank, world, &party->members[i]);
        party->own = party->members[i] == pc_runtime_get()->rank ? i : party->own;
    }
    if (code == MPI_SUCCESS) {
        PMPI_Group_free(&world);
    }
    return code == MPI_SUCCESS ? 0 : -1;
}

int pc_party_init(pc_party *party, MPI_Comm comm, const int *ranks, int count)
{
    MPI_Group group;
    *party = (pc_party){.count = count};
    if (PMPI_Comm_group(comm, &group) != MPI_SUCCESS) {
        return -1;
    }
    if (!ranks) {
        PMPI_Group_size(group, &party->count);
    }
    party->members = calloc((size_t)party->count + 1, sizeof(int));
    int result = party->members ? translate(party, group, ranks) : -1;
    PMPI_Group_free(&group);
    if (result < 0) {
        pc_party_fini(party);
        return -1;
    }
    party->base = hash_members(party);
    return 0;
}

void pc_party_fini(pc_party *party)
{
    free(party->members);
    party->members = NULL;
}
