/* The ledger of letters under --check.
 * SPDX-License-Identifier: MIT */
#include "modules/common/ledger.h"

#include <stdlib.h>

#include "modules/common/runtime.h"

bool pc_ledger_kept(void)
{
    const pc_runtime *runtime = pc_runtime_get();
    return runtime->check && runtime->inner != MPI_COMM_NULL;
}

static unsigned bucket_of(uint32_t number, int peer, int tag)
{
    unsigned hash = number * 2654435761U ^ (unsigned)peer * 40503U ^ (unsigned)tag * 2246822519U;
    return (hash ^ hash >> 15) % PC_LEDGER_BUCKETS;
}

static int to_world(MPI_Comm comm, int peer)
{
    MPI_Group group, world;
    int rank = MPI_UNDEFINED;
    if (PMPI_Comm_group(comm, &group) != MPI_SUCCESS) {
        return rank;
    }
    if (PMPI_Comm_group(MPI_COMM_WORLD, &world) == MPI_SUCCESS) {
        PMPI_Group_translate_ranks(group, 1, &peer, world, &rank);
        PMPI_Group_free(&world);
    }
    PMPI_Group_free(&group);
    return rank;
}

static pc_ledger_line *add_line(pc_ledger *ledger, uint32_t number, MPI_Comm comm, int peer,
                                int tag)
{
    pc_ledger_line **bucket = &ledger->buckets[bucket_of(number, peer, tag)];
    pc_ledger_line *line = ledger->count < PC_LEDGER_MOST ? calloc(1, sizeof *line) : NULL;
    if (!line) {
        pc_ledger_spoil();
        return NULL;
    }
    *line = (pc_ledger_line){.next = *bucket, .comm = number, .peer = peer, .tag = tag};
    line->world = peer == MPI_ANY_SOURCE ? peer : number ? to_world(comm, peer) : MPI_UNDEFINED;
    *bucket = line;
    ledger->count++;
    return line;
}

pc_ledger_line *pc_ledger_find(uint32_t number, MPI_Comm comm, int peer, int tag)
{
    pc_ledger *ledger = pc_runtime_ledger();
    pc_ledger_line *line = ledger->buckets[bucket_of(number, peer, tag)];
    while (line && (line->comm != number || line->peer != peer || line->tag != tag)) {
        line = line->next;
    }
    return line ? line : add_line(ledger, number, comm, peer, tag);
}

void pc_ledger_send(pc_ledger_line *line)
{
    pc_runtime_ledger()->epoch++;
    line->sent++;
}

void pc_ledger_take(pc_ledger_line *line)
{
    pc_runtime_ledger()->epoch++;
    line->taken++;
}

void pc_ledger_await(pc_ledger_line *line, int change)
{
    pc_runtime_ledger()->epoch++;
    line->awaited += change;
}

void pc_ledger_pend(pc_ledger_line *line, int change)
{
    pc_runtime_ledger()->epoch++;
    line->pending += change;
}

void pc_ledger_under_way(int change)
{
    pc_runtime_ledger()->epoch++;
    pc_runtime_ledger()->under_way += change;
}

void pc_ledger_spoil(void)
{
    pc_runtime_ledger()->spoilt = true;
}

/* The sum over the lines of a communicator with a rank of the world; ANY_TAG is every tag of messages. */
static uint64_t add_up(const pc_want *want, int world, bool taken)
{
    const pc_ledger *ledger = pc_runtime_ledger();
    uint64_t sum = 0;
    for (int i = 0; i < PC_LEDGER_BUCKETS; i++) {
        for (const pc_ledger_line *line = ledger->buckets[i]; line; line = line->next) {
            bool fits = want->tag == MPI_ANY_TAG ? line->tag >= 0 : line->tag == want->tag;
            if (fits && line->comm == want->comm && line->world == world) {
                sum += taken ? line->taken : line->sent;
            }
        }
    }
    return sum;
}

bool pc_ledger_moves(const pc_want *want)
{
    return add_up(want, want->asker, want->sends) > want->count;
}

/* The wants so far. */
typedef struct {
    pc_want *list;
    int count, room;
} wants;

static int add_want(wants *all, const pc_ledger_line *line, int peer, bool sends)
{
    if (all->count == all->room) {
        int room = all->room ? all->room * 2 : 16;
        pc_want *list = realloc(all->list, (size_t)room * sizeof *list);
        if (!list || room > PC_LEDGER_MOST) {
            all->list = list ? list : all->list;
            return -1;
        }
        all->list = list;
        all->room = room;
    }
    pc_want *want = &all->list[all->count++];
    *want = (pc_want){line->comm, pc_runtime_get()->rank, peer, line->tag, sends, 0};
    want->count = sends ? line->sent - (uint64_t)line->pending : add_up(want, peer, true);
    return 0;
}

/* What a line that is awaited asks: of any source, everybody. */
static int add_awaited(wants *all, const pc_ledger_line *line)
{
    bool any = line->world == MPI_ANY_SOURCE;
    int from = any ? 0 : line->world, to = any ? pc_runtime_get()->size : line->world + 1;
    int result = 0;
    for (int peer = from; peer < to && result == 0; peer++) {
        result = add_want(all, line, peer, false);
    }
    return result;
}

/* Those of unknown communicators may have others than the ranks of this world. A large part of a collective
 * on its way ends of itself. */
static int add_line_wants(wants *all, const pc_ledger_line *line)
{
    if (!line->awaited && !line->pending) {
        return 0;
    }
    if (!line->comm || line->world == MPI_UNDEFINED ||
        (line->pending && line->tag == PC_LEDGER_COLLECTIVES)) {
        return -1;
    }
    return (line->awaited && add_awaited(all, line) < 0) ||
                   (line->pending && add_want(all, line, line->world, true) < 0)
               ? -1
               : 0;
}

int pc_ledger_wants(pc_want **wants_p)
{
    const pc_ledger *ledger = pc_runtime_ledger();
    wants all = {NULL, 0, 0};
    int result = ledger->spoilt || ledger->under_way ? -1 : 0;
    for (int i = 0; i < PC_LEDGER_BUCKETS && result == 0; i++) {
        for (const pc_ledger_line *line = ledger->buckets[i]; line && result == 0;
             line = line->next) {
            result = add_line_wants(&all, line);
        }
    }
    if (result < 0 || !all.count) {
        free(all.list);
        return -1;
    }
    *wants_p = all.list;
    return all.count;
}
