/* The post: letters between two ranks of a communicator.
 * SPDX-License-Identifier: MIT
 *
 * Sending and receiving go in stages, each of which starts requests of MPI's. Between two stages the GIL
 * is needed; while MPI works it is not. */
#ifndef PYMPI_MPI_POST_H
#define PYMPI_MPI_POST_H

#include "modules/common/ledger.h"
#include "modules/mpi/comm.h"
#include "modules/mpi/letter.h"

/* Where letters travel: the user's messages by users, collectives by inner. */
typedef enum { PM_POST_USERS, PM_POST_INNER } pm_channel;

/* A letter being sent. */
typedef struct {
    pm_letter *letter; /* owned until finished */
    MPI_Request *requests;
    MPI_Request few[4];
    int count;
    pc_ledger_line
        *line; /* of a letter that is to be taken before this ends, under --check; or NULL */
} pm_sending;

typedef enum {
    PM_STAGE_PROBE,
    PM_STAGE_ENVELOPE,
    PM_STAGE_BYTES,
    PM_STAGE_PARTS,
    PM_STAGE_DONE
} pm_stage;

/* A letter being received. */
typedef struct pm_receiving {
    pm_letter *letter; /* owned until dropped */
    pm_comm *comm;     /* borrowed */
    MPI_Comm channel;
    int source, tag;
    pm_stage stage;
    bool ready;   /* what this stage waits for has come */
    bool matched; /* it was begun with a message that had come */
    bool found;   /* where it was probed for: the message is there; guarded by the queue's lock */
    struct pm_receiving *behind; /* in the queue */
    MPI_Message message;
    MPI_Status status; /* of the envelope */
    MPI_Request *requests;
    MPI_Request few[4];
    int count;
    pc_ledger_line *line; /* where it is awaited, under --check; or NULL */
    bool under_way;       /* and counted as such in the ledger */
} pm_receiving;

/* Starts sending; synchronous is true when it ends only with the receiver there. */
int pm_post_send(pm_sending *sending, pm_letter *letter, pm_comm *comm, pm_channel channel,
                 int dest, int tag, bool synchronous, const char *call);

/* Looks without waiting, with or without the GIL. MPI's code. */
int pm_post_sent(void *sending, int *done_p);

/* Waits until the letter is out. Also when the wait is broken nothing of it is left to do. With an
 * exception set it does not wait: after ^C nobody should have to press it again for each receiver. */
int pm_post_finish(pm_sending *sending, const char *call);

/* Lets go of a letter that is out. */
void pm_post_end(pm_sending *sending);

/* Does not wait: the letter is kept until it is out. */
void pm_post_leave(pm_sending *sending);

/* Starts receiving; into: where the memory of the value may go, or NULL. Where others may send what is
 * no letter it is probed for: Open MPI 4.1 writes beyond an envelope that is too short. The receiving must
 * not move then; the user's are never one of several. */
int pm_post_receive(pm_receiving *receiving, pm_comm *comm, pm_channel channel, int source, int tag,
                    PyObject *into, const char *call);

/* The same for a message that has been taken out of the matching. */
int pm_post_receive_matched(pm_receiving *receiving, pm_comm *comm, pm_channel channel,
                            MPI_Message message, const MPI_Status *status, PyObject *into,
                            const char *call);

/* The same for a letter whose envelope recovery has received. */
int pm_post_receive_held(pm_receiving *receiving, pm_comm *comm, struct pm_held *held,
                         PyObject *into);

/* Looks whether this stage is over, with or without the GIL. MPI's code. */
int pm_post_look(void *receiving, int *done_p);

/* Goes on to the next stage. 1: the letter is complete, 0: another stage is under way, -1: an exception
 * is set and the receiving dropped. */
int pm_post_advance(pm_receiving *receiving, const char *call);

/* Takes the receiving back if its envelope has not come; false: it has, and the receiving goes on. */
bool pm_post_cancel(pm_receiving *receiving);

/* Gives the receiving up: an envelope that has not come is left to other receivers. What has begun to
 * come is received for nobody: where goes_on is true, also what follows it, as work of its own, for else
 * its sender would wait for ever. Keeps the exception that is set. */
void pm_post_drop(pm_receiving *receiving, bool goes_on, const char *call);

/* Waits for the complete letter, which is the caller's; NULL with an exception set. */
pm_letter *pm_post_await(pm_receiving *receiving, const char *call);

/* Receives a complete letter; NULL with an exception set. status may be MPI_STATUS_IGNORE. */
pm_letter *pm_post_fetch(pm_comm *comm, pm_channel channel, int source, int tag, PyObject *into,
                         MPI_Status *status, const char *call);

#endif
