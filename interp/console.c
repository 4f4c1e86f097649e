/* The fronts of a session that are Pythons of their own: the terminal's, and a notebook's kernel.
 * SPDX-License-Identifier: MIT */
#include "interp/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interp/rank.h"
#include "interp/say.h"

const char *pi_console_wanted(const pi_options *options)
{
    bool prompt = options->program == PI_PROGRAM_NONE ||
                  (options->inspect && options->program != PI_PROGRAM_STDIN);
    if (options->install_kernel) {
        return "pympi.kernel.install";
    }
    if (options->kernel) {
        return "pympi.kernel";
    }
    return options->ranks && prompt && !options->session && isatty(STDIN_FILENO) &&
                   isatty(STDOUT_FILENO)
               ? "pympi.console"
               : NULL;
}

/* Isolated: no file of the current folder, no variable of the environment is the front's. */
int pi_console_run(const char *module, int argc, char **argv)
{
    char program[128];
    char *const words[] = {"-I", "-c", program};
    const int own = sizeof words / sizeof *words;
    char **line = calloc((size_t)(argc + own + 1), sizeof *line);
    pi_options options;
    if (!line) {
        pi_say("out of memory for the command line");
        return 1;
    }
    snprintf(program, sizeof program, "import sys, %s\nsys.exit(%s.main(sys.argv[1:]))", module,
             module);
    line[0] = argv[0];
    memcpy(line + 1, words, sizeof words);
    memcpy(line + 1 + own, argv + 1, (size_t)(argc - 1) * sizeof *argv);
    int status = pi_options_parse(&options, argc + own, line) < 0 ? 2 : pi_rank_run(&options);
    pi_options_free(&options);
    free(line);
    return status;
}
