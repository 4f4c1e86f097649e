/* `pympi --info`: what this pympi is made of and how it would run here.
 * SPDX-License-Identifier: MIT */
#include "interp/python.h"
#include "interp/info.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "interp/launch.h"
#include "interp/library.h"
#include "interp/place.h"
#include "interp/self.h"

static void line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void line(const char *name, const char *format, ...)
{
    va_list args;
    printf("%-12s ", name);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static void print_python(void)
{
    const char *version = Py_GetVersion();
    line("python", "%.*s, built for %s", (int)strcspn(version, " "), version, PYMPI_PYTHON);
}

static void print_mpi(void)
{
    const pc_entry_table *entry = pi_library_open();
    if (!entry) {
        line("mpi", "not usable: %s", pi_library_why());
        return;
    }
    const char *version = entry->library_version();
    line("mpi", "%.*s, built for %s", (int)strcspn(version, ",\n"), version, PYMPI_MPI_NAME);
}

static void print_hdf5(void)
{
#ifdef PYMPI_HDF5
    line("hdf5", "%s", PYMPI_HDF5);
#else
    line("hdf5", "none");
#endif
}

static void print_launcher(const pi_options *options)
{
    pi_launcher launcher;
    pi_options wanted = *options;
    wanted.ranks = wanted.ranks ? wanted.ranks : 1;
    if (pi_launcher_find(&launcher, &wanted) == 0) {
        line("launcher", "%s", launcher.path);
    }
    line("slurm", "%s", getenv("SLURM_JOB_ID") ? "in an allocation" : "no allocation");
}

static void print_place(const pi_options *options)
{
    pi_place place;
    if (pi_place_read(&place) < 0) {
        return;
    }
    int ranks = options->ranks ? options->ranks : 1;
    int share = place.cores < ranks ? 1 : place.cores / ranks;
    line("cores", "%d usable (%d hardware threads)", place.cores, place.cpus);
    if (place.cores < ranks) {
        line("binding", "none: %d ranks share %d cores", ranks, place.cores);
    } else {
        line("binding", "%s",
             pi_launcher_binds(options) ? "as the user told the launcher"
                                        : "each rank to its share of the cores");
    }
    const char *set = getenv("OMP_NUM_THREADS");
    if (options->threads || !set) {
        line("threads", "%d a rank", options->threads ? options->threads : share);
    } else {
        line("threads", "%s a rank (OMP_NUM_THREADS)", set);
    }
}

static void print_places(void)
{
    char self[PATH_MAX];
    const char *folder = pi_self_library();
    if (pi_self_path(self, sizeof self) == 0) {
        line("executable", "%s", self);
    }
    line("library", "%s", folder ? folder : "not found");
}

int pi_info_print(const pi_options *options)
{
    line("pympi", "%s", PYMPI_VERSION);
    print_python();
    print_mpi();
    print_hdf5();
    line("compiler", "%s", PYMPI_CC);
    print_launcher(options);
    print_place(options);
    print_places();
    return 0;
}
