/* What the command line asks of pympi, and what of it is left for Python.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_OPTIONS_H
#define PYMPI_INTERP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* What Python will run. */
typedef enum {
    PI_PROGRAM_NONE, /* nothing named: standard input, or a prompt when that is a terminal */
    PI_PROGRAM_STDIN,
    PI_PROGRAM_FILE, /* a script, a folder or a zip */
    PI_PROGRAM_COMMAND,
    PI_PROGRAM_MODULE,
    PI_PROGRAM_ANSWER, /* --help, --version: Python answers and leaves */
} pi_program;

/* Every string is borrowed from the command line or the environment and lives as long as they do. */
typedef struct pi_options {
    int ranks;   /* 0: -n was not given */
    int threads; /* 0: --threads was not given */
    const char *launcher;
    const char *launcher_args;
    const char *hosts;
    const char *hostfile;
    const char *output;      /* "raw", for a job of --pv "fold", unless --output was given */
    const char *mpi_threads; /* "multiple" unless --mpi-threads was given */
    int thread_level;        /* the same from 0, single, to 3, multiple */
    const char *job;         /* --job: what the front tells its ranks; not for users */
    bool no_intercept;       /* MPI's own waiting in blocking calls of other libraries */
    bool check;              /* --check or PYMPI_CHECK: ranks are watched for disagreement */
    bool paraview;           /* --pv: a script of ParaView's, drawn by all ranks */
    bool session;            /* --session: the ranks take statements from a front */
    const char *kernel;      /* --kernel: a notebook is the front; the file of its connection */
    bool install_kernel;     /* --install-kernel: what is behind it is for that alone */
    bool bundle;             /* ranks of one node import from rank 0's bundle too; see bundle.c */
    bool no_bundle;          /* --no-bundle: they never do */
    bool bundle_report;      /* what is in it is said */
    const char *preload; /* names of modules for the bundle, with commas between them, or NULL */
    bool info;
    bool help;
    bool isolated; /* -E or -I: the environment does not count */
    bool inspect;  /* -i: a prompt behind the program */
    bool verbose;
    bool skips_line; /* -x: the first line of the program is none of Python's */

    pi_program program;
    const char *program_name; /* the script, or the module */
    int argc;                 /* the command line without our options, argv[0] kept */
    char **argv;
} pi_options;

/* Parses argv. Returns 0, or -1 after one line on stderr. */
int pi_options_parse(pi_options *options, int argc, char **argv);

void pi_options_free(pi_options *options);

/* Writes the usage of our own options to stdout. */
void pi_options_usage(const char *name);

#endif
