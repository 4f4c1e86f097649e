/* Splits the command line into our options and Python's.
 * SPDX-License-Identifier: MIT
 *
 * Python's parser stops at the program (a script, -c or -m) and so does this one: what stands behind
 * it belongs to the program. Our options may stand anywhere before it, among Python's. */
#include "interp/options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interp/say.h"

/* Python's short options that take a value, in the same word or the next. */
#define PYTHON_VALUES "WX"

typedef enum { TAKES_NUMBER, TAKES_STRING, TAKES_NOTHING } takes;

typedef struct {
    const char *name;
    takes takes;
    size_t offset; /* of the field of pi_options */
} option;

#define FIELD(name) offsetof(pi_options, name)
static const option ours[] = {
    {"-n", TAKES_NUMBER, FIELD(ranks)},
    {"-np", TAKES_NUMBER, FIELD(ranks)},
    {"--threads", TAKES_NUMBER, FIELD(threads)},
    {"--launcher", TAKES_STRING, FIELD(launcher)},
    {"--launcher-args", TAKES_STRING, FIELD(launcher_args)},
    {"--hosts", TAKES_STRING, FIELD(hosts)},
    {"--hostfile", TAKES_STRING, FIELD(hostfile)},
    {"--output", TAKES_STRING, FIELD(output)},
    {"--mpi-threads", TAKES_STRING, FIELD(mpi_threads)},
    {"--job", TAKES_STRING, FIELD(job)},
    {"--no-intercept", TAKES_NOTHING, FIELD(no_intercept)},
    {"--check", TAKES_NOTHING, FIELD(check)},
    {"--pv", TAKES_NOTHING, FIELD(paraview)},
    {"--session", TAKES_NOTHING, FIELD(session)},
    {"--kernel", TAKES_STRING, FIELD(kernel)},
    {"--install-kernel", TAKES_NOTHING, FIELD(install_kernel)},
    {"--bundle", TAKES_NOTHING, FIELD(bundle)},
    {"--no-bundle", TAKES_NOTHING, FIELD(no_bundle)},
    {"--bundle-report", TAKES_NOTHING, FIELD(bundle_report)},
    {"--preload", TAKES_STRING, FIELD(preload)},
    {"--info", TAKES_NOTHING, FIELD(info)},
};
#undef FIELD

/* The words of the command line still to be read. */
typedef struct {
    int argc;
    char **argv;
    int next;
} words;

/* The length of the name in a word; what is behind it, in "--name=value", "-n=4" and "-n4", is left in
 * *value_p. */
static size_t split_word(const char *word, const char **value_p)
{
    bool number = strncmp(word, "-n", 2) == 0;
    size_t length = number ? strcspn(word, "=0123456789") : strcspn(word, "=");
    *value_p = NULL;
    if (word[length] && (number || strncmp(word, "--", 2) == 0)) {
        *value_p = word + length + (word[length] == '=');
        return length;
    }
    return strlen(word);
}

/* Finds the option that a word names; a value in the same word is left in *value_p. */
static const option *find_option(const char *word, const char **value_p)
{
    size_t length = split_word(word, value_p);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (strlen(ours[i].name) == length && strncmp(word, ours[i].name, length) == 0) {
            return &ours[i];
        }
    }
    return NULL;
}

static int read_number(const char *name, const char *text, int *number_p)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end || errno || number < 1 || number > INT_MAX) {
        pi_say("%s takes a whole number from 1 up, not '%s'", name, text);
        return -1;
    }
    *number_p = (int)number;
    return 0;
}

static int take_ours(pi_options *options, const option *found, const char *value, words *line)
{
    void *field = (char *)options + found->offset;
    if (found->takes == TAKES_NOTHING) {
        if (value) {
            pi_say("%s takes no value, but was given '%s'", found->name, value);
            return -1;
        }
        *(bool *)field = true;
        return 0;
    }
    if (!value) {
        if (line->next == line->argc) {
            pi_say("%s needs a value", found->name);
            return -1;
        }
        value = line->argv[line->next++];
    }
    if (found->takes == TAKES_NUMBER) {
        return read_number(found->name, value, field);
    }
    *(const char **)field = value;
    return 0;
}

static void keep(pi_options *options, char *word)
{
    options->argv[options->argc++] = word;
}

/* The front made words of colons longer by one; see launch.c. */
static void shorten_colons(pi_options *options)
{
    for (int i = 1; i < options->argc; i++) {
        char *word = options->argv[i];
        if (word[0] == ':' && word[1] && !word[strspn(word, ":")]) {
            options->argv[i]++;
        }
    }
}

static void keep_rest(pi_options *options, words *line)
{
    while (line->next < line->argc) {
        keep(options, line->argv[line->next++]);
    }
    options->argv[options->argc] = NULL;
}

static void keep_value(pi_options *options, words *line)
{
    if (line->next < line->argc) {
        keep(options, line->argv[line->next++]);
    }
}

/* Reads a cluster of Python's short options such as -uBc. True when the program follows. */
static bool read_cluster(pi_options *options, const char *letters, words *line)
{
    for (; *letters; letters++) {
        bool last = !letters[1];
        if (*letters == 'c' || *letters == 'm') {
            options->program = *letters == 'c' ? PI_PROGRAM_COMMAND : PI_PROGRAM_MODULE;
            options->program_name = !last                     ? letters + 1
                                    : line->next < line->argc ? line->argv[line->next]
                                                              : NULL;
            return true;
        }
        if (strchr(PYTHON_VALUES, *letters)) {
            if (last) {
                keep_value(options, line);
            }
            return false;
        }
        options->isolated = options->isolated || *letters == 'E' || *letters == 'I';
        options->inspect = options->inspect || *letters == 'i';
        options->verbose = options->verbose || *letters == 'v';
        options->skips_line = options->skips_line || *letters == 'x';
        if (*letters == 'h' || *letters == '?' || *letters == 'V') {
            options->program = PI_PROGRAM_ANSWER;
            options->help = *letters != 'V';
        }
    }
    return false;
}

/* Reads one of Python's long options. */
static void read_long(pi_options *options, const char *word, words *line)
{
    if (strcmp(word, "--check-hash-based-pycs") == 0) {
        keep_value(options, line);
    } else if (strcmp(word, "--version") == 0 || strncmp(word, "--help", 6) == 0) {
        options->program = PI_PROGRAM_ANSWER;
        options->help = strcmp(word, "--help") == 0;
    }
}

/* Reads one of Python's words. True when what follows belongs to the program. */
static bool take_python(pi_options *options, char *word, words *line)
{
    keep(options, word);
    if (word[0] != '-') {
        options->program = PI_PROGRAM_FILE;
        options->program_name = word;
        return true;
    }
    if (!word[1]) {
        options->program = PI_PROGRAM_STDIN;
        return true;
    }
    if (word[1] != '-') {
        return read_cluster(options, word + 1, line);
    }
    if (!word[2]) {
        if (line->next < line->argc) {
            options->program = PI_PROGRAM_FILE;
            options->program_name = line->argv[line->next];
        }
        return true;
    }
    read_long(options, word, line);
    return false;
}

static int read_level(pi_options *options)
{
    static const char *const levels[] = {"single", "funneled", "serialized", "multiple"};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(options->mpi_threads, levels[i]) == 0) {
            options->thread_level = (int)i;
            return 0;
        }
    }
    pi_say("--mpi-threads takes single, funneled, serialized or multiple, not '%s'",
           options->mpi_threads);
    return -1;
}

/* The variable is heeded here, not by the ranks alone: the ranks of other nodes do not have it. */
static void read_check(pi_options *options)
{
    const char *wish = options->isolated ? NULL : getenv("PYMPI_CHECK");
    options->check = options->check || (wish && *wish && strcmp(wish, "0") != 0);
}

/* "a.b,c": what is between dots and commas begins as a name in Python does. */
static bool has_names(const char *text)
{
    for (bool begins = true; *text || begins; text++) {
        unsigned char c = (unsigned char)*text;
        bool between = c == '.' || c == ',';
        if (!(isalpha(c) || c == '_' || c >= 0x80 || (!begins && (between || isdigit(c))))) {
            return false;
        }
        begins = between;
    }
    return true;
}

/* To name modules, or to want to know what was bundled, is to want a bundle. */
static int read_bundle(pi_options *options)
{
    const char *wish = options->isolated ? NULL : getenv("PYMPI_PRELOAD");
    if (!options->preload && wish && *wish) {
        options->preload = wish;
    }
    if (options->preload && !has_names(options->preload)) {
        pi_say(
            "--preload and PYMPI_PRELOAD take names of modules with commas between them, not '%s'",
            options->preload);
        return -1;
    }
    options->bundle =
        !options->no_bundle && (options->bundle || options->preload || options->bundle_report);
    return 0;
}

int pi_options_parse(pi_options *options, int argc, char **argv)
{
    *options = (pi_options){.mpi_threads = "multiple"};
    options->argv = malloc(((size_t)argc + 1) * sizeof *options->argv);
    if (!options->argv) {
        pi_say("out of memory for the command line");
        return -1;
    }
    words line = {argc, argv, 0};
    keep_value(options, &line); /* argv[0] */
    bool done = false;
    while (!done && line.next < argc) {
        char *word = argv[line.next++];
        const char *value;
        const option *found = find_option(word, &value);
        if (!found) {
            done = take_python(options, word, &line);
        } else if (take_ours(options, found, value, &line) < 0) {
            pi_options_free(options);
            return -1;
        }
        done = done || options->install_kernel;
    }
    keep_rest(options, &line);
    if (!options->output) { /* pvbatch's scripts print once */
        options->output = options->paraview && options->ranks ? "fold" : "raw";
    }
    read_check(options);
    if (options->job) {
        shorten_colons(options);
    }
    if ((options->session || options->kernel) && !options->ranks && !options->job) {
        pi_say("%s needs -n N, the number of ranks", options->session ? "--session" : "--kernel");
        pi_options_free(options);
        return -1;
    }
    if (read_level(options) < 0 || read_bundle(options) < 0) {
        pi_options_free(options);
        return -1;
    }
    return 0;
}

void pi_options_free(pi_options *options)
{
    free(options->argv);
    options->argv = NULL;
}

void pi_options_usage(const char *name)
{
    printf(
        "usage: %s [-n N] [option] ... [-c cmd | -m mod | file | -] [arg] ...\n"
        "N ranks, one Python. Options of pympi:\n"
        "-n N, -np N      : start N ranks of the program (mpirun -n N %s ... is the same job);\n"
        "                   without a program, at a terminal: a prompt over all of them\n"
        "--hosts A,B:4    : on these hosts, with this many ranks each\n"
        "--hostfile FILE  : on the hosts of this file\n"
        "--launcher NAME  : start the ranks with this program (mpirun, srun or a path)\n"
        "--launcher-args \"...\" : hand these words to the launcher\n"
        "--threads N      : threads of BLAS and OpenMP a rank may use (default: its share of the "
        "cores)\n"
        "--output HOW     : raw (whole lines as they come), label ([rank] before each line),\n"
        "                   fold (what ranks print alike once), or a file name with %%r for the "
        "rank\n"
        "--mpi-threads LEVEL : single, funneled, serialized or multiple (default: multiple)\n"
        "--no-intercept   : MPI's blocking calls wait in MPI, where ^C does not reach them\n"
        "--check          : collectives in which ranks disagree, and deadlocks, are exceptions\n"
        "--bundle         : ranks of one node import what rank 0 reads too, as those of several "
        "do\n"
        "--no-bundle      : every rank reads for itself\n"
        "--preload A,B.C  : these modules go into the bundle, with what they import\n"
        "--bundle-report  : say what is in the bundle, and what was imported besides\n"
        "--pv             : a script for ParaView's pvbatch, on all ranks\n"
        "--session        : statements and answers as frames on standard input and output\n"
        "--install-kernel : a notebook's kernel of N ranks; --install-kernel --help tells more\n"
        "--info           : versions, launcher, binding, threads, where files go; then leave\n"
        "The rest is Python's own:\n",
        name, name);
}
