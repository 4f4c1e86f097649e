/* Tally: what the ledger is told of letters.
 * SPDX-License-Identifier: MIT
 *
 * A letter counts as sent when its envelope is, and as taken when that has come: what follows comes then
 * without anybody's help. */
#include "modules/mpi/tally.h"

#include "modules/common/runtime.h"

/* Children of one parent that are made between two of its collectives share a number: what is counted
 * together is judged together. The first numbers are the world's and its node's. */
uint32_t pm_tally_child(const pm_comm *parent)
{
    uint32_t number = (parent->number ^ parent->sequence * 2654435761U) * 2246822519U;
    return !parent->number ? 0 : number < 16 ? number + 16 : number;
}

static pc_ledger_line *find(const pm_comm *comm, pm_channel channel, int peer, int tag)
{
    return pc_ledger_find(comm->number, comm->users, peer,
                          channel == PM_POST_USERS ? tag : PC_LEDGER_COLLECTIVES);
}

void pm_tally_sent(pm_sending *sending, const pm_comm *comm, pm_channel channel, int dest, int tag,
                   bool waits)
{
    pc_ledger_line *line = pc_ledger_kept() ? find(comm, channel, dest, tag) : NULL;
    if (line) {
        pc_ledger_send(line);
    }
    if (line && channel == PM_POST_USERS) {
        pc_session_count_sent(line->world, pm_letter_header(sending->letter)->statement);
    }
    if (line && waits) {
        pc_ledger_pend(line, 1);
        sending->line = line;
    }
}

void pm_tally_ended(pm_sending *sending)
{
    if (sending->line) {
        pc_ledger_pend(sending->line, -1);
        sending->line = NULL;
    }
}

void pm_tally_awaits(pm_receiving *receiving, pm_channel channel)
{
    receiving->line =
        pc_ledger_kept() ? find(receiving->comm, channel, receiving->source, receiving->tag) : NULL;
    if (receiving->line) {
        pc_ledger_await(receiving->line, 1);
    }
}

void pm_tally_under_way(pm_receiving *receiving)
{
    if (pc_ledger_kept()) {
        pc_ledger_under_way(1);
        receiving->under_way = true;
    }
}

void pm_tally_takes(pm_receiving *receiving)
{
    if (!receiving->line) {
        return;
    }
    bool own = receiving->line->tag == PC_LEDGER_COLLECTIVES;
    pc_ledger_line *line = find(receiving->comm, own ? PM_POST_INNER : PM_POST_USERS,
                                receiving->status.MPI_SOURCE, receiving->status.MPI_TAG);
    pc_ledger_await(receiving->line, -1);
    receiving->line = NULL;
    if (line) {
        pc_ledger_take(line);
    }
    pm_tally_under_way(receiving);
}

void pm_tally_rests(pm_receiving *receiving)
{
    if (receiving->line) {
        pc_ledger_await(receiving->line, -1);
        receiving->line = NULL;
    }
    if (receiving->under_way) {
        pc_ledger_under_way(-1);
        receiving->under_way = false;
    }
}

void pm_tally_matched(const pm_comm *comm, pm_channel channel, const MPI_Status *status)
{
    pc_ledger_line *line =
        pc_ledger_kept() ? find(comm, channel, status->MPI_SOURCE, status->MPI_TAG) : NULL;
    if (line) {
        pc_ledger_take(line);
    }
}
