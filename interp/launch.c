/* The launcher that starts the ranks: which one, and with which words.
 * SPDX-License-Identifier: MIT
 *
 * Ranks are bound by pympi itself (place.c), so the launcher is told not to: the words for it differ
 * between launchers and versions, and none of them gives each rank an equal share of the cores. */
#include "interp/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "interp/launched.h"
#include "interp/path.h"
#include "interp/say.h"

static pi_launcher_kind kind_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash ? slash + 1 : path, "srun") == 0 ? PI_LAUNCHER_SRUN : PI_LAUNCHER_MPIRUN;
}

static int check_quotes(const char *text)
{
    char open = 0;
    for (const char *at = text; at && *at; at++) {
        if (open ? *at == open : *at == '\'' || *at == '"') {
            open = open ? 0 : *at;
        }
    }
    if (open) {
        pi_say("--launcher-args: the quote %c is not closed in: %s", open, text);
    }
    return open ? -1 : 0;
}

int pi_launcher_find(pi_launcher *launcher, const pi_options *options)
{
    char *path = launcher->path;
    size_t size = sizeof launcher->path;
    if (options->launcher) {
        if (!pi_path_find(options->launcher, path, size)) {
            pi_say("--launcher: there is no program '%s'", options->launcher);
            return -1;
        }
    } else if (!pi_path_find(PYMPI_MPIRUN, path, size) && !pi_path_find("mpirun", path, size) &&
               !(getenv("SLURM_JOB_ID") && pi_path_find("srun", path, size))) {
        pi_say("-n %d: no launcher found: neither %s nor an mpirun on the PATH (Debian's package: "
               "openmpi-bin)",
               options->ranks, PYMPI_MPIRUN);
        return -1;
    }
    launcher->kind = kind_of(path);
    return check_quotes(options->launcher_args);
}

bool pi_launcher_stays_here(const pi_options *options)
{
    return !options->hosts && !options->hostfile && pi_launched_on_one_node();
}

bool pi_launcher_binds(const pi_options *options)
{
    static const char *const words[] = {"bind",     "map-by", "rank-by", "cpu",
                                        "rankfile", "-rf",    NULL};
    for (const char *const *word = words; options->launcher_args && *word; word++) {
        if (strstr(options->launcher_args, *word)) {
            return true;
        }
    }
    return getenv("OMPI_MCA_hwloc_base_binding_policy") ||
           getenv("OMPI_MCA_rmaps_base_mapping_policy") ||
           getenv("PRTE_MCA_hwloc_default_binding_policy") || getenv("SLURM_CPU_BIND_TYPE");
}

/* A list of words that grows. */
typedef struct {
    char **words;
    size_t count;
    size_t room;
    bool failed;
} list;

static void add(list *line, const char *word)
{
    if (line->count + 1 >= line->room) {
        size_t room = line->room ? line->room * 2 : 32;
        char **words = realloc(line->words, room * sizeof *words);
        if (!words) {
            line->failed = true;
            return;
        }
        line->words = words;
        line->room = room;
    }
    line->words[line->count++] = (char *)word;
    line->words[line->count] = NULL;
}

/* Splits the user's words at spaces; quotes hold a word together. The copy lives as long as the
 * process. */
static void add_split(list *line, const char *text)
{
    char *copy = strdup(text);
    if (!copy) {
        line->failed = true;
        return;
    }
    char *from = copy, *to = copy;
    while (*from) {
        from += strspn(from, " \t\n");
        if (!*from) {
            break;
        }
        add(line, to);
        for (char quote = 0; *from && (quote || !strchr(" \t\n", *from)); from++) {
            if (quote ? *from == quote : *from == '\'' || *from == '"') {
                quote = quote ? 0 : *from;
            } else {
                *to++ = *from;
            }
        }
        from += *from != 0;
        *to++ = '\0';
    }
}

static void add_mpirun(list *line, const pi_options *options)
{
    add(line, "--oversubscribe");
    if (!pi_launcher_binds(options)) {
        add(line, "--bind-to");
        add(line, "none");
    }
    if (options->hosts) {
        add(line, "--host");
        add(line, options->hosts);
    }
    if (options->hostfile) {
        add(line, "--hostfile");
        add(line, options->hostfile);
    }
}

static void add_srun(list *line, const pi_options *options)
{
    add(line, "--mpi=pmix");
    add(line, "--input=0");
    add(line, "--overcommit");
    if (!pi_launcher_binds(options)) {
        add(line, "--cpu-bind=none");
    }
    if (options->hosts) {
        add(line, "--nodelist");
        add(line, options->hosts);
    }
    if (options->hostfile) {
        add(line, "--nodefile");
        add(line, options->hostfile);
    }
}

/* What the ranks are told with the same words as the user told us. */
static void add_option(list *line, const char *name, const char *value)
{
    add(line, name);
    add(line, value);
}

/* A lone colon begins another application in mpirun's eyes: words of colons get one more on the way. */
static void add_word(list *line, char *word)
{
    size_t length = strlen(word);
    if (!length || strspn(word, ":") < length) {
        add(line, word);
        return;
    }
    char *longer = malloc(length + 2);
    if (!longer) {
        line->failed = true;
        return;
    }
    memset(longer, ':', length + 1);
    longer[length + 1] = '\0';
    add(line, longer);
}

char **pi_launcher_words(const pi_launcher *launcher, const pi_options *options, char *self,
                         char *job)
{
    static char count[16], threads[16];
    list line = {0};
    snprintf(count, sizeof count, "%d", options->ranks);
    snprintf(threads, sizeof threads, "%d", options->threads);
    add(&line, launcher->path);
    add_option(&line, "-n", count);
    if (launcher->kind == PI_LAUNCHER_SRUN) {
        add_srun(&line, options);
    } else {
        add_mpirun(&line, options);
    }
    if (options->launcher_args) {
        add_split(&line, options->launcher_args);
    }
    add(&line, self);
    add_option(&line, "--job", job);
    add_option(&line, "--output", options->output);
    add_option(&line, "--mpi-threads", options->mpi_threads);
    if (options->no_intercept) {
        add(&line, "--no-intercept");
    }
    if (options->check) {
        add(&line, "--check");
    }
    if (options->session) {
        add(&line, "--session");
    }
    if (options->paraview) {
        add(&line, "--pv");
    }
    if (options->no_bundle) {
        add(&line, "--no-bundle");
    } else if (options->bundle) {
        add(&line, options->bundle_report ? "--bundle-report" : "--bundle");
    }
    if (options->bundle && options->preload) {
        add_option(&line, "--preload", options->preload);
    }
    if (options->threads) {
        add_option(&line, "--threads", threads);
    }
    for (int i = 1; i < options->argc; i++) {
        add_word(&line, options->argv[i]);
    }
    if (line.failed) {
        free(line.words);
        return NULL;
    }
    return line.words;
}
