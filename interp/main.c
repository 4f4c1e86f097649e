/* pympi: N ranks, one Python. Starts, runs, stops.
 * SPDX-License-Identifier: MIT */
#include "interp/console.h"
#include "interp/info.h"
#include "interp/job.h"
#include "interp/options.h"
#include "interp/rank.h"

#include <stdio.h>

static int run(const pi_options *options, int argc, char **argv)
{
    if (options->info) {
        return pi_info_print(options);
    }
    if (options->help) {
        pi_options_usage(options->argv[0]);
        fflush(stdout);
    }
    const char *front = pi_console_wanted(options);
    if (front) {
        return pi_console_run(front, argc, argv);
    }
    bool answers = options->help || options->program == PI_PROGRAM_ANSWER;
    return options->ranks && !answers ? pi_job_run(options) : pi_rank_run(options);
}

int main(int argc, char **argv)
{
    pi_options options;
    if (pi_options_parse(&options, argc, argv) < 0) {
        return 2;
    }
    int status = run(&options, argc, argv);
    pi_options_free(&options);
    return status;
}
