/* Tally: what the ledger of a job under --check is told of letters.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_MPI_TALLY_H
#define PYMPI_MPI_TALLY_H

#include "modules/mpi/post.h"

/* The number of a communicator that is made of parent's ranks. */
uint32_t pm_tally_child(const pm_comm *parent);

/* The envelope has been sent. waits: sending ends when the receiver has taken the letter. */
void pm_tally_sent(pm_sending *sending, const pm_comm *comm, pm_channel channel, int dest, int tag,
                   bool waits);
void pm_tally_ended(pm_sending *sending);

/* A receiving awaits its envelope; its envelope has come; it is complete, or dropped. */
void pm_tally_awaits(pm_receiving *receiving, pm_channel channel);
void pm_tally_takes(pm_receiving *receiving);
void pm_tally_rests(pm_receiving *receiving);

/* A message that was taken out of the matching is received; it was a letter. */
void pm_tally_under_way(pm_receiving *receiving);
void pm_tally_matched(const pm_comm *comm, pm_channel channel, const MPI_Status *status);

#endif
