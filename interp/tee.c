/* What a failing rank says reaches the job's stderr although its own leads to a file.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/tee.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "interp/text.h"

static struct {
    int job; /* the job's stderr; -1: the rank's own is that */
    int own; /* the rank's, while it is kept; else -1 */
} split = {-1, -1};

void pi_tee_open(void)
{
    split.job = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

void pi_tee_begin(void)
{
    if (split.job < 0 || split.own >= 0) {
        return;
    }
    int kept = memfd_create("stderr", MFD_CLOEXEC);
    split.own = kept < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (split.own >= 0) {
        dup2(kept, STDERR_FILENO);
    }
    if (kept >= 0) {
        close(kept);
    }
}

void pi_tee_end(void)
{
    if (split.own < 0) {
        return;
    }
    pi_text text = {0};
    lseek(STDERR_FILENO, 0, SEEK_SET);
    while (pi_text_read(&text, STDERR_FILENO) > 0) {
    }
    dup2(split.own, STDERR_FILENO);
    close(split.own);
    split.own = -1;
    pi_write_all(STDERR_FILENO, text.bytes, text.used);
    pi_write_all(split.job, text.bytes, text.used);
    pi_text_fini(&text);
}
