/* `pympi -n N`: starts the ranks, stays in front of them, and ends as they did.
 * SPDX-License-Identifier: MIT
 *
 * The front is no rank and starts no interpreter. It relays what the ranks write, keeps the launcher's
 * own remarks from the user unless they are the only explanation there is, and ends with the status of
 * the first rank that failed. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interp/input.h"
#include "interp/launch.h"
#include "interp/launched.h"
#include "interp/place.h"
#include "interp/relay.h"
#include "interp/remarks.h"
#include "interp/say.h"
#include "interp/self.h"
#include "interp/text.h"
#include "interp/venv.h"

#define LOOK_MS           1000 /* the longest wait; all that matters wakes the front by itself */
#define SAY_WHO_RUNS_MS   2000
#define RANK_BYTES        (8LL << 20) /* the least that a rank of one node needs for itself */
#define SAME_INTERRUPT_MS 500 /* timeout(1) sends its signal to the process and to its group */

typedef struct {
    pid_t launcher;
    int remarks; /* the launcher's own stderr; -1 after its end */
    int signals;
    pi_relay *relay;
    bool local; /* rank 0 is on this node */
    pi_remarks said;
    pi_input input;
    struct rlimit files; /* the limit that the front was given */
    int interrupted;     /* the signal that asked the job to end, or 0 */
    long interrupted_since;
    bool said_who_runs;
    int status; /* of the launcher, as waitpid gives it */
    int ranks;
} front;

/* All ranks are where the front is, as far as it can know. */
static bool on_this_node(const pi_options *options)
{
    return !options->hosts && !options->hostfile && !getenv("SLURM_JOB_ID");
}

/* A script that is not there is said here, once, and not by every rank. */
static int check_script(const pi_options *options)
{
    if (options->program != PI_PROGRAM_FILE || access(options->program_name, R_OK) == 0) {
        return 0;
    }
    pi_say("can't open file '%s': [Errno %d] %s", options->program_name, errno, strerror(errno));
    return -1;
}

/* A slip of the finger would keep the launcher busy for minutes before it failed. */
static int check_ranks(const pi_options *options)
{
    long long memory = (long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    if (!on_this_node(options) || options->ranks <= memory / RANK_BYTES) {
        return 0;
    }
    pi_say("-n %d: this node has memory for about %lld ranks", options->ranks, memory / RANK_BYTES);
    return -1;
}

static int check_hostfile(const pi_options *options)
{
    if (!options->hostfile || access(options->hostfile, R_OK) == 0) {
        return 0;
    }
    pi_say("--hostfile: can't open '%s': %s", options->hostfile, strerror(errno));
    return -1;
}

/* A VIRTUAL_ENV of another Python is refused once, and not by every rank. */
static int check_environment(const pi_options *options, const char *self)
{
    char python[PATH_MAX];
    return options->isolated || pi_venv_named(self, python, sizeof python) >= 0 ? 0 : -1;
}

static void say_crowded(const pi_options *options)
{
    pi_place place;
    if (!on_this_node(options) || pi_place_read(&place) < 0 || options->ranks <= place.cores) {
        return;
    }
    pi_say("%d ranks share %d core%s", options->ranks, place.cores, place.cores == 1 ? "" : "s");
}

/* A program from the terminal is every rank's: it is read to its end first. */
static void say_reads_terminal(const pi_options *options)
{
    bool from_input = options->program == PI_PROGRAM_STDIN || options->program == PI_PROGRAM_NONE;
    if (from_input && isatty(STDIN_FILENO)) {
        pi_say("type the program for all ranks; Ctrl-D ends it and runs it");
    }
}

/* Ranks that bind themselves spare 4.1 a look at the whole machine, 15 ms. Open MPI refuses to start as
 * root unless told twice; in a container there is nobody else. On one node it need not ask the kernel
 * for routes: where there are odd ones, 5.0 has a line a rank about it. */
static void prepare_environment(const pi_options *options)
{
    if (!pi_launcher_binds(options)) {
        setenv("OMPI_MCA_orte_bound_at_launch", "1", 0);
    }
    if (geteuid() == 0) {
        setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
        setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
    }
    if (on_this_node(options)) {
        setenv("OMPI_MCA_reachable", "weighted", 0);
    }
}

/* Three descriptors a rank are more than the usual soft limit for a few hundred ranks. The ranks
 * themselves get the limit that the front was given. */
static void raise_limit(struct rlimit *given)
{
    if (getrlimit(RLIMIT_NOFILE, given) == 0) {
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){given->rlim_max, given->rlim_max});
    }
}

static bool read_mode(const char *output, pi_output_mode *mode_p)
{
    *mode_p = strcmp(output, "label") == 0  ? PI_OUTPUT_LABEL
              : strcmp(output, "fold") == 0 ? PI_OUTPUT_FOLD
                                            : PI_OUTPUT_RAW;
    return *mode_p != PI_OUTPUT_RAW || strcmp(output, "raw") == 0;
}

/* A file name needs %r where the rank goes, else the ranks would write over one another. */
static int check_output(const pi_options *options, pi_output_mode *mode_p)
{
    if (read_mode(options->output, mode_p) || strstr(options->output, "%r")) {
        return 0;
    }
    pi_say("--output takes raw, label, fold or a file name with %%r for the rank, not '%s'",
           options->output);
    return -1;
}

/* Those that whoever started us ignores (nohup, a shell's background) stay so: blocked, they would come
 * all the same. */
static void mask_signals(sigset_t *set, int how)
{
    static const int handled[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof handled / sizeof *handled; i++) {
        struct sigaction now;
        if (sigaction(handled[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN) {
            sigaddset(set, handled[i]);
        }
    }
    sigprocmask(how, set, NULL);
}

/* In the child: becomes the launcher, which dies with the front. It is in a group of its own: ^C in the
 * terminal is for the front alone, which knows better than to end the job by it. */
static void become_launcher(const front *job, char **words, int remarks, int input)
{
    sigset_t set;
    setpgid(0, 0);
    mask_signals(&set, SIG_UNBLOCK);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setrlimit(RLIMIT_NOFILE, &job->files);
    dup2(remarks, STDERR_FILENO);
    dup2(input, STDIN_FILENO);
    execv(words[0], words);
    pi_say("cannot run %s: %s", words[0], strerror(errno));
    _exit(2);
}

/* Rank 0 on this node takes its input from the front: on the launcher's way 5.0.7 repeats pieces of what
 * comes faster than it is read. */
static int launcher_input(front *job)
{
    if (job->local && job->input.reading >= 0) {
        pi_relay_offer_input(job->relay, job->input.reading);
        job->input.reading = -1;
    } else if (job->input.reading >= 0) {
        return dup(job->input.reading);
    }
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int start_launcher(front *job, char **words)
{
    int remarks[2];
    if (pi_input_open(&job->input) < 0 || pipe2(remarks, O_CLOEXEC) < 0) {
        return -1;
    }
    int input = launcher_input(job);
    job->launcher = fork();
    if (job->launcher == 0) {
        become_launcher(job, words, remarks[1], input);
    }
    job->said.launcher = job->launcher;
    close(input);
    pi_input_given(&job->input);
    close(remarks[1]);
    job->remarks = remarks[0];
    fcntl(job->remarks, F_SETFL, O_NONBLOCK);
    return job->launcher < 0 ? -1 : 0;
}

/* The first ^C is every rank's KeyboardInterrupt; the next, or one before there are ranks, ends them. */
static void interrupt(front *job)
{
    if (job->interrupted && pi_now_ms() - job->interrupted_since < SAME_INTERRUPT_MS) {
        return;
    }
    if (job->interrupted || !pi_relay_judge(job->relay).joined) {
        kill(job->launcher, SIGTERM);
    } else if (pi_relay_interrupt(job->relay)) {
        kill(job->launcher, SIGURG); /* some ranks are elsewhere: the launcher reaches them */
    }
    job->interrupted_since = pi_now_ms();
}

static void take_signal(front *job, int number)
{
    if (number == SIGUSR1 || number == SIGUSR2) {
        kill(job->launcher, number);
    } else if (number == SIGINT) {
        interrupt(job);
        job->interrupted = job->interrupted ? job->interrupted : SIGINT;
    } else if (number != SIGCHLD) {
        kill(job->launcher, SIGTERM);
        job->interrupted = number;
    }
}

static void take_signals(front *job)
{
    struct signalfd_siginfo one;
    while (read(job->signals, &one, sizeof one) == (ssize_t)sizeof one) {
        take_signal(job, (int)one.ssi_signo);
    }
}

/* Finally blocks may take their time; who waits should know for whom, and what to do. */
static void say_who_runs(front *job)
{
    pi_text name = {0};
    if (job->interrupted != SIGINT || job->said_who_runs ||
        pi_now_ms() - job->interrupted_since < SAY_WHO_RUNS_MS) {
        return;
    }
    pi_relay_name_running(job->relay, &name);
    if (name.used) {
        pi_say("interrupted; still running: rank %.*s (^C again ends the job)", (int)name.used,
               name.bytes);
    }
    job->said_who_runs = true;
    pi_text_fini(&name);
}

static void read_remarks(front *job)
{
    if (job->remarks >= 0 && pi_remarks_read(&job->said, job->remarks) == 0) {
        close(job->remarks);
        job->remarks = -1;
    }
}

static void relay_until_launcher_ends(front *job)
{
    while (waitpid(job->launcher, &job->status, WNOHANG) == 0) {
        const int wakes[PI_RELAY_WAKES] = {job->signals, job->remarks, pi_input_watch(&job->input)};
        pi_relay_turn(job->relay, wakes, LOOK_MS);
        read_remarks(job);
        take_signals(job);
        pi_input_pass(&job->input);
        say_who_runs(job);
    }
    pi_relay_drain(job->relay);
    read_remarks(job);
}

static int launcher_status(const front *job)
{
    return WIFSIGNALED(job->status) ? 128 + WTERMSIG(job->status) : WEXITSTATUS(job->status);
}

/* Says how the job ended, and gives its status. */
static int conclude(front *job)
{
    pi_relay_verdict verdict = pi_relay_judge(job->relay);
    int status = launcher_status(job);
    if (job->interrupted && (status || verdict.failed_rank >= 0)) {
        return 128 + job->interrupted;
    }
    if (verdict.failed_rank >= 0) {
        if (job->ranks > 1) {
            pi_say("rank %d of %d ended the job with status %d", verdict.failed_rank, job->ranks,
                   verdict.status);
        }
        return verdict.status;
    }
    if (status > 128 && status < 128 + NSIG && verdict.lost_rank >= 0) {
        pi_say("rank %d of %d was ended by signal %d (%s)", verdict.lost_rank, job->ranks,
               status - 128, strsignal(status - 128));
    } else if (status && verdict.lost_rank >= 0 && verdict.joined) {
        pi_say("rank %d of %d went without a word, which ended the job with status %d",
               verdict.lost_rank, job->ranks, status);
    } else if (verdict.joined < job->ranks) {
        pi_remarks_show(&job->said);
    }
    return status;
}

/* Ends as python3 would: a shell sees that ^C ended it. */
static int end_by_signal(int number)
{
    sigset_t set;
    mask_signals(&set, SIG_UNBLOCK);
    signal(number, SIG_DFL);
    raise(number);
    return 128 + number;
}

static int run(front *job, const pi_options *options, pi_output_mode mode, char **words,
               const char *relay_name)
{
    sigset_t set;
    job->relay = pi_relay_new(relay_name, mode, options->ranks);
    if (!job->relay) {
        pi_say("cannot listen to the ranks: %s", strerror(errno));
        return 1;
    }
    signal(SIGPIPE, SIG_IGN); /* who reads the output or the input may end first */
    signal(SIGCHLD, SIG_DFL); /* ignored by some parents, and then there is no status to wait for */
    mask_signals(&set, SIG_BLOCK);
    job->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (job->signals < 0 || start_launcher(job, words) < 0) {
        pi_say("cannot start %s: %s", words[0], strerror(errno));
        return 1;
    }
    relay_until_launcher_ends(job);
    int status = conclude(job);
    close(job->signals);
    pi_input_close(&job->input);
    if (job->remarks >= 0) {
        close(job->remarks);
    }
    pi_remarks_fini(&job->said);
    pi_relay_free(job->relay);
    return job->interrupted && status == 128 + job->interrupted ? end_by_signal(job->interrupted)
                                                                : status;
}

/* What is closed leads nowhere, as in Python, and its number is not taken by a socket. */
static void hold_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) {
            return; /* not even that: there is nobody to tell */
        }
    }
}

int pi_job_run(const pi_options *options)
{
    pi_launcher launcher;
    pi_output_mode mode;
    char self[PATH_MAX], relay[64], text[96];
    hold_standard_descriptors();
    pi_self_name(options->argv[0], self, sizeof self);
    if (check_ranks(options) < 0 || check_output(options, &mode) < 0 || check_script(options) < 0 ||
        check_hostfile(options) < 0 || check_environment(options, self) < 0 ||
        pi_launcher_find(&launcher, options) < 0) {
        return 2;
    }
    pi_launched_forget();
    prepare_environment(options);
    say_crowded(options);
    say_reads_terminal(options);
    snprintf(relay, sizeof relay, "pympi-%ld-%lx", (long)getpid(), (unsigned long)pi_now_ms());
    snprintf(text, sizeof text, "%s,%d,%d", relay, !pi_launcher_binds(options),
             on_this_node(options));
    char **words = pi_launcher_words(&launcher, options, self, text);
    if (!words) {
        pi_say("out of memory for the launcher's command line");
        return 1;
    }
    front job = {.ranks = options->ranks, .local = on_this_node(options)};
    raise_limit(&job.files);
    int status = run(&job, options, mode, words, relay);
    free(words);
    return status;
}

bool pi_job_read(pi_job *job, const char *text)
{
    int bind, input;
    *job = (pi_job){0};
    if (sscanf(text, "%63[^,],%d,%d", job->relay, &bind, &input) != 3) {
        return false;
    }
    job->bind = bind != 0;
    job->input = input != 0;
    return true;
}
