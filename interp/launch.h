/* The launcher that starts the ranks: which one, and with which words.
 * SPDX-License-Identifier: MIT */
#ifndef PYMPI_INTERP_LAUNCH_H
#define PYMPI_INTERP_LAUNCH_H

#include <limits.h>
#include <stdbool.h>

#include "interp/options.h"

typedef enum { PI_LAUNCHER_MPIRUN, PI_LAUNCHER_SRUN } pi_launcher_kind;

typedef struct {
    pi_launcher_kind kind;
    char path[PATH_MAX];
} pi_launcher;

/* Finds the launcher that the options ask for: --launcher, else the mpirun of the MPI that pympi was
 * built with, else the PATH's, else srun. 0, or -1 after one line on stderr. */
int pi_launcher_find(pi_launcher *launcher, const pi_options *options);

/* True when all ranks will be on this node, as far as can be known before they are. */
bool pi_launcher_stays_here(const pi_options *options);

/* True when the user told the launcher how to bind ranks, by words or by its environment. */
bool pi_launcher_binds(const pi_options *options);

/* The words that start the ranks, for execv; job is what --job tells them. NULL when out of memory. The
 * array is the caller's to free, the words are borrowed from the arguments. */
char **pi_launcher_words(const pi_launcher *launcher, const pi_options *options, char *self,
                         char *job);

#endif
