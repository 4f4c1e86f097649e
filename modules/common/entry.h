/* How the executable reaches libpympi.so: one table of functions, found by one symbol.
 * SPDX-License-Identifier: MIT
 *
 * This header knows neither Python nor MPI: the executable is built without MPI, and opens the library
 * only when a launcher is there or a module of ours is first imported. */
#ifndef PYMPI_COMMON_ENTRY_H
#define PYMPI_COMMON_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "modules/common/spread.h"

#define PC_ENTRY_VERSION 2
#define PC_PLACE_SIGNAL  (SIGRTMAX - 2) /* in a session: say where you are */
#define PC_ENTRY_SYMBOL  "pc_entry"

/* What the executable wants of MPI, and what it wants to be told. */
typedef struct {
    int threads;                /* from 0: single, funneled, serialized, multiple */
    bool launched;              /* a launcher started this process */
    bool crowded;               /* more ranks on this node than cores: waits give way at once */
    bool relayed;               /* the callbacks reach a relay, which writes the report */
    void (*failing)(void);      /* a traceback is about to be written; returns when it may be */
    void (*explained)(void);    /* it has been written */
    void (*failed)(int status); /* returns when the job may be ended */
    void (*finalized)(void);
    /* Says where this rank is, which SIGTERM ends. True when that came from the job's own report: the end
     * is then no matter of this rank. */
    bool (*last_word)(const char *text);
    void (*here)(const char *text); /* says where this rank is, which goes on; NULL: nobody asks */
    bool intercept;                 /* blocking calls of MPI are led to our waiting */
    bool check;                     /* ranks are to be watched for disagreement and deadlock */
    bool bundle;    /* ranks are to import from rank 0's bundle; else they do on several
                                     * nodes only, */
    bool no_bundle; /* or never */
} pc_start;

typedef struct {
    int version;
    /* Starts MPI unless it runs already. Collective when a launcher is there. 0, or -1 with why. */
    int (*start)(const pc_start *how, char *why, size_t size);
    int (*rank)(void);
    int (*size)(void);
    /* Gives every rank rank 0's bytes (malloc'ed). Collective over the world. 0 or -1. */
    int (*share)(void **bytes_p, size_t *size_p);
    bool (*alone)(void); /* true when the world has one application, so that share is possible */
    /* Makes this interpreter's uncaught exceptions those of the job. Needs the GIL. */
    int (*watch)(void);
    const char *(*library_version)(void);
    bool (*bundles)(void); /* true on all ranks when one wants a bundle, and it can be spread */
    int (*spread)(const void *bytes, size_t size, pc_spread *spread_p); /* see pc_spread_run */
    int (*tell_node)(void *bytes, int size);                            /* see pc_spread_tell */
    /* While a rank waits in MPI, calls it now and then with the GIL; NULL: no more. */
    void (*beside_waits)(void (*call)(void *what), void *what);
} pc_entry_table;

#endif
