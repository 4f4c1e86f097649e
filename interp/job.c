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
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interp/checks.h"
#include "interp/desk.h"
#include "interp/input.h"
#include "interp/launch.h"
#include "interp/launched.h"
#include "interp/path.h"
#include "interp/place.h"
#include "interp/relay.h"
#include "interp/remarks.h"
#include "interp/say.h"
#include "interp/scratch.h"
#include "interp/self.h"
#include "interp/text.h"

#define LOOK_MS           1000 /* the longest wait; all that matters wakes the front by itself */
#define SAY_WHO_RUNS_MS   2000
#define END_MS            5000  /* how long a launcher may take to end the job on one node */
#define END_ELSEWHERE_MS  20000 /* and on several */
#define STRAGGLE_MS       1000  /* how long ranks may outlive the launcher */
#define SAME_INTERRUPT_MS 500   /* timeout(1) sends its signal to the process and to its group */

typedef struct {
    pid_t launcher;
    int remarks; /* the launcher's own stderr; -1 after its end */
    int signals;
    pi_relay *relay;
    pi_desk *desk; /* of a session; else NULL */
    bool local;    /* rank 0 is on this node */
    pi_remarks said;
    pi_input input;
    struct rlimit files; /* the limit that the front was given */
    int interrupted;     /* the signal that asked the job to end, or 0 */
    long interrupted_since;
    long ending_since; /* when the launcher was told to end the job; -1: it was not */
    bool said_who_runs;
    int status; /* of the launcher, as waitpid gives it */
    int ranks;
    pi_scratch scratch;
} front;

static void say_crowded(const pi_options *options)
{
    pi_place place;
    if (!pi_launcher_stays_here(options) || pi_place_read(&place) < 0 ||
        options->ranks <= place.cores) {
        return;
    }
    pi_say("%d ranks share %d core%s", options->ranks, place.cores, place.cores == 1 ? "" : "s");
}

/* A program from the terminal is every rank's: it is read to its end first. */
static void say_reads_terminal(const pi_options *options)
{
    bool from_input = options->program == PI_PROGRAM_STDIN || options->program == PI_PROGRAM_NONE;
    if (from_input && !options->session && isatty(STDIN_FILENO)) {
        pi_say("type the program for all ranks; Ctrl-D ends it and runs it");
    }
}

/* On one node Open MPI need not ask the kernel for routes: where there are odd ones, 5.0 has a line a
 * rank about it. 4.1 refuses to start without the program that would reach other nodes,
 * unless told that there are none; 5.0 refuses without a HOME. */
static void prepare_one_node(void)
{
    char path[PATH_MAX];
    struct passwd *user = getenv("HOME") ? NULL : getpwuid(geteuid());
    setenv("OMPI_MCA_reachable", "weighted", 0);
    if (!pi_path_find("ssh", path, sizeof path) && !pi_path_find("rsh", path, sizeof path)) {
        setenv("OMPI_MCA_plm", "isolated", 0);
    }
    if (user) {
        setenv("HOME", user->pw_dir, 0);
    }
}

/* Ranks that bind themselves spare 4.1 a look at the whole machine, 15 ms. Open MPI refuses to start as
 * root unless told twice; in a container there is nobody else. Its hwloc asks every X server that there may
 * be for its graphics cards, and has a line on stderr for each that lets nobody in. Ranks have no terminal;
 * what shows how far it is asks for the job's. */
static void prepare_environment(const pi_options *options)
{
    const char *terminal = isatty(STDERR_FILENO) ? ttyname(STDERR_FILENO) : NULL;
    setenv(PI_LAUNCHED_COMPONENTS, PI_LAUNCHED_NO_DISPLAYS, 0);
    if (!terminal || setenv("PYMPI_TERMINAL", terminal, 1) < 0) {
        unsetenv("PYMPI_TERMINAL");
    }
    if (!pi_launcher_binds(options)) {
        setenv("OMPI_MCA_orte_bound_at_launch", "1", 0);
    }
    if (geteuid() == 0) {
        setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
        setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
    }
    if (pi_launcher_stays_here(options)) {
        prepare_one_node();
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

/* In the child: becomes the launcher, which dies with the front. It is in a session of its own: ^C in the
 * terminal is for the front alone, which knows better than to end the job by it; and a rank that opened
 * the terminal (getpass) would be stopped for ever as one in the background. */
static void become_launcher(const front *job, char **words, int remarks, int input)
{
    sigset_t set;
    setsid();
    mask_signals(&set, SIG_UNBLOCK);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setrlimit(RLIMIT_NOFILE, &job->files);
    dup2(remarks, STDERR_FILENO);
    dup2(input, STDIN_FILENO);
    if (job->desk) {
        dup2(remarks, STDOUT_FILENO); /* where frames go */
    }
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
    if ((!job->desk && pi_input_open(&job->input) < 0) || pipe2(remarks, O_CLOEXEC) < 0) {
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

/* Open MPI's launcher has been seen to take this, and then to wait for itself for ever. */
static void end_job(front *job)
{
    kill(job->launcher, SIGTERM);
    job->ending_since = job->ending_since < 0 ? pi_now_ms() : job->ending_since;
}

static void end_by_force(front *job)
{
    pi_say("the launcher does not end the job: it is killed, and the ranks that are here");
    kill(job->launcher, SIGKILL);
    pi_relay_kill(job->relay);
    job->ending_since = LONG_MAX;
}

/* A rank that failed tells the launcher to end the job in its own way. */
static void watch_ending(front *job)
{
    long patience = job->local ? END_MS : END_ELSEWHERE_MS;
    if (job->ending_since < 0 && pi_relay_judge(job->relay).ending) {
        job->ending_since = pi_now_ms();
    }
    if (job->ending_since >= 0 && pi_now_ms() - job->ending_since > patience) {
        end_by_force(job);
    }
}

/* The first ^C is every rank's KeyboardInterrupt; the next, or one before there are ranks, ends them. */
static void interrupt(front *job)
{
    if (job->desk) {
        pi_desk_interrupt(job->desk);
        return;
    }
    if (job->interrupted && pi_now_ms() - job->interrupted_since < SAME_INTERRUPT_MS) {
        return;
    }
    if (job->interrupted || !pi_relay_judge(job->relay).joined) {
        end_job(job);
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
        job->interrupted = job->interrupted || job->desk ? job->interrupted : SIGINT;
    } else if (number != SIGCHLD) {
        end_job(job);
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
        pi_say("interrupted; still running: %.*s (^C again ends the job)", (int)name.used,
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

/* Ranks end soon after their launcher, if it did not end behind them. */
static void wait_for_stragglers(front *job)
{
    const int wakes[PI_RELAY_WAKES] = {-1, -1, -1, -1, -1};
    long since = pi_now_ms();
    while (pi_relay_turn(job->relay, wakes, 0) > 0) {
        if (pi_now_ms() - since > STRAGGLE_MS) {
            pi_relay_kill(job->relay);
            return;
        }
        pi_relay_turn(job->relay, wakes, 20);
    }
}

/* A front that is gone takes the job with it. */
static void serve_desk(front *job)
{
    if (job->desk && !pi_desk_turn(job->desk) && job->ending_since < 0) {
        pi_relay_hush(job->relay);
        end_job(job);
    }
}

static void wait_for_something(front *job)
{
    int ends[2] = {-1, -1}, due = job->desk ? pi_desk_due(job->desk) : -1;
    if (job->desk) {
        pi_desk_watch(job->desk, ends);
    }
    const int wakes[PI_RELAY_WAKES] = {job->signals, job->remarks, pi_input_watch(&job->input),
                                       ends[0], ends[1]};
    pi_relay_turn(job->relay, wakes, due >= 0 && due < LOOK_MS ? due : LOOK_MS);
}

static void relay_until_launcher_ends(front *job)
{
    while (waitpid(job->launcher, &job->status, WNOHANG) == 0) {
        wait_for_something(job);
        read_remarks(job);
        take_signals(job);
        pi_input_pass(&job->input);
        serve_desk(job);
        say_who_runs(job);
        watch_ending(job);
    }
    wait_for_stragglers(job);
    if (WIFSIGNALED(job->status)) {
        pi_scratch_sweep(job->launcher);
    }
    pi_relay_drain(job->relay);
    read_remarks(job);
}

/* Somebody else's doing: a launcher that was killed by us has been spoken of. */
static bool launcher_was_killed(const front *job)
{
    return WIFSIGNALED(job->status) && job->ending_since != LONG_MAX && !job->interrupted;
}

static int launcher_status(const front *job)
{
    return WIFSIGNALED(job->status) ? 128 + WTERMSIG(job->status) : WEXITSTATUS(job->status);
}

/* The launcher's remarks are the only explanation there is, if it has any. */
static int conclude_unstarted(const front *job, const char *launcher, int status)
{
    pi_remarks_show(&job->said);
    if (!job->said.held.used || !status) {
        pi_say("%s started no rank and ended with status %d", launcher, status);
    }
    return status ? status : 1;
}

static int conclude_failed(const front *job, const pi_relay_verdict *verdict)
{
    if (job->ranks > 1) {
        pi_say("rank %d of %d ended the job with status %d", verdict->failed_rank, job->ranks,
               verdict->status);
    }
    return verdict->status;
}

/* Says how the job ended, and gives its status. */
static int conclude(const front *job, const char *launcher)
{
    pi_relay_verdict verdict = pi_relay_judge(job->relay);
    int status = launcher_status(job);
    if (job->interrupted && (status || verdict.failed_rank >= 0)) {
        return 128 + job->interrupted;
    }
    if (job->desk && !status && verdict.failed_rank < 0) {
        return pi_desk_status(job->desk);
    }
    if (verdict.failed_rank >= 0) {
        return conclude_failed(job, &verdict);
    }
    if (launcher_was_killed(job)) {
        pi_say("%s was ended by signal %d (%s)", launcher, status - 128, strsignal(status - 128));
        return status;
    }
    if (!verdict.joined && job->local) {
        return conclude_unstarted(job, launcher, status);
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
    return status ? status : verdict.unwritten;
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

/* Tells a session's front how the job ended. */
static void dismiss_front(front *job, int status)
{
    pi_relay_verdict verdict = pi_relay_judge(job->relay);
    int number = status > 128 && status < 128 + NSIG ? status - 128 : 0;
    int lost = launcher_was_killed(job) ? -1 : verdict.lost_rank;
    int rank = verdict.failed_rank >= 0 ? verdict.failed_rank : lost;
    pi_desk_end(job->desk, status, number, rank);
    pi_desk_free(job->desk);
}

static int open_desk(front *job, const pi_options *options)
{
    int input = -1;
    if (!options->session) {
        return 0;
    }
    job->desk = pi_desk_new(job->relay, options->ranks, &input);
    if (!job->desk) {
        return -1;
    }
    pi_relay_offer_input(job->relay, input);
    return 0;
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
    if (job->signals < 0 || open_desk(job, options) < 0 || start_launcher(job, words) < 0) {
        pi_say("cannot start %s: %s", words[0], strerror(errno));
        return 1;
    }
    relay_until_launcher_ends(job);
    int status = conclude(job, words[0]);
    if (job->desk) {
        dismiss_front(job, status);
    }
    close(job->signals);
    pi_input_close(&job->input);
    if (job->remarks >= 0) {
        close(job->remarks);
    }
    pi_remarks_fini(&job->said);
    pi_relay_free(job->relay);
    return status;
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
    pi_output_mode mode = PI_OUTPUT_RAW; /* files: for what the ranks say before they have them */
    char self[PATH_MAX], relay[64], text[96];
    hold_standard_descriptors();
    pi_self_name(options->argv[0], self, sizeof self);
    pi_relay_mode(options->output, &mode);
    int wrong = pi_checks_run(options, self);
    if (wrong || pi_launcher_find(&launcher, options) < 0) {
        return wrong ? wrong : 2;
    }
    pi_launched_forget();
    prepare_environment(options);
    say_crowded(options);
    say_reads_terminal(options);
    snprintf(relay, sizeof relay, "pympi-%ld-%lx", (long)getpid(), (unsigned long)pi_now_ms());
    snprintf(text, sizeof text, "%s,%d,%d", relay, !pi_launcher_binds(options),
             pi_launcher_stays_here(options));
    char **words = pi_launcher_words(&launcher, options, self, text);
    if (!words) {
        pi_say("out of memory for the launcher's command line");
        return 1;
    }
    front job = {.ranks = options->ranks,
                 .local = pi_launcher_stays_here(options),
                 .ending_since = -1,
                 .input = {-1, -1},
                 .scratch = {.lock = -1}};
    if (job.local) {
        pi_scratch_open(&job.scratch);
    }
    raise_limit(&job.files);
    int status = run(&job, options, mode, words, relay);
    free(words);
    pi_scratch_close(&job.scratch);
    if (!options->no_bundle) {
        pi_scratch_remove_left();
    }
    return job.interrupted && status == 128 + job.interrupted ? end_by_signal(job.interrupted)
                                                              : status;
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
