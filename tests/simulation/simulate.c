/* SPDX-License-Identifier: MPL-2.0 */
/*
 * simulate - plays seeds of the simulation: see sim.h.
 *
 *   simulate [--seeds N] [--first S] [--jobs N]   N seeds from S on (1), by so many processes (one a CPU)
 *   simulate --seed S [--trace]                   one seed; tell all that happens
 *
 * It ends with 1 at the first seed that breaks an invariant, and shows how to play that again.
 */
#include "core/memory.h"
#include "tests/simulation/sim.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_JOBS = 256, SEED_SECONDS = 20 /* a seed takes a millisecond or so */ };

typedef struct options_s {
    const char *program;
    uint64_t first, n_seeds;
    long n_jobs;
    bool is_single, is_traced;
} options_t;

/* Written by the jobs, read by their parent. */
typedef struct report_s {
    _Atomic uint64_t seed, n_played, n_events;
} report_t;

static sim_t *sim; /* shared with the process that plays a seed again */

/* Zeroed memory that processes share. */
static void *share (size_t len)
{
    void *memory = mmap (NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        dp_no_memory (len);
    return memory;
}

/* ---- One seed ------------------------------------------------------------------------------- */

static void tell_end (int status)
{
    const char *name = scenario_name (sim->scenario.kind);
    if (WIFSIGNALED (status))
        printf ("\nseed %" PRIu64 " (%s): broken: no program crashes or hangs\n    signal %d (%s)\n",
                sim->seed, name, WTERMSIG (status), strsignal (WTERMSIG (status)));
    else if (sim_is_broken (sim))
        printf ("\nseed %" PRIu64 " (%s): broken: %s\n    %s\n", sim->seed, name, sim->judge.invariant,
                sim->judge.text);
    else if (WEXITSTATUS (status) != 0)
        printf ("\nseed %" PRIu64 " (%s): broken: no memory is lost\n", sim->seed, name);
    else
        printf ("seed %" PRIu64 " (%s): all holds; %.1f s of virtual time, %" PRIu64 " events, %" PRIu64
                " messages\n",
                sim->seed, name, (double) (sim->schedule.now_us - SIM_BEGIN_US) / 1e6, sim->schedule.n_events,
                sim->network.n_messages);
}

/* In a process of its own, whose memory is still there when the product has crashed in it. */
static int play_again (const options_t *options, uint64_t seed)
{
    int status = 0;
    fflush (stdout);
    pid_t pid = fork ();
    if (pid == 0) {
        alarm (SEED_SECONDS);
        setvbuf (stdout, NULL, _IOLBF, 0);
        sim_play (sim, seed, options->is_traced ? TRACE_ALL : TRACE_LAST);
        bool is_broken = sim_is_broken (sim);
        sim_fini (sim);
        exit (is_broken ? 1 : 0);
    }
    if (pid < 0 || waitpid (pid, &status, 0) < 0) {
        perror ("simulate");
        return 2;
    }
    if (status != 0)
        trace_print (&sim->trace, stdout);
    tell_end (status);
    return status != 0 ? 1 : 0;
}

/* ---- Many seeds ----------------------------------------------------------------------------- */

static void play_share (const options_t *options, long job, report_t *report)
{
    sim = dp_must_alloc (sizeof *sim);
    for (uint64_t i = (uint64_t) job; i < options->n_seeds; i += (uint64_t) options->n_jobs) {
        report->seed = options->first + i;
        alarm (SEED_SECONDS);
        sim_play (sim, options->first + i, TRACE_OFF);
        report->n_events += sim->schedule.n_events;
        bool is_broken = sim_is_broken (sim);
        sim_fini (sim);
        report->n_played++;
        if (is_broken)
            _exit (1);
    }
    dp_free (sim);
    exit (0);
}

static double now_s (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void start_jobs (const options_t *options, pid_t *jobs, report_t *reports)
{
    fflush (stdout);
    for (long i = 0; i < options->n_jobs; i++) {
        jobs[i] = fork ();
        if (jobs[i] == 0)
            play_share (options, i, &reports[i]);
    }
}

/* Wait for all; the first that fails ends the others. Its number, or -1. */
static long wait_for_jobs (const options_t *options, const pid_t *jobs)
{
    long failed = -1;
    for (long n = options->n_jobs; n > 0; n--) {
        int status;
        pid_t pid = wait (&status);
        bool is_good = pid > 0 && WIFEXITED (status) && WEXITSTATUS (status) == 0;
        if (is_good || failed >= 0)
            continue;
        for (long i = 0; i < options->n_jobs; i++)
            if (jobs[i] == pid)
                failed = i;
            else if (jobs[i] > 0)
                kill (jobs[i], SIGKILL);
    }
    return failed;
}

static int play_many (const options_t *options)
{
    pid_t jobs[MOST_JOBS];
    report_t *reports = share ((size_t) options->n_jobs * sizeof *reports);
    double begin_s = now_s ();
    start_jobs (options, jobs, reports);
    long failed = wait_for_jobs (options, jobs);
    double took_s = now_s () - begin_s;
    uint64_t n_played = 0, n_events = 0;
    for (long i = 0; i < options->n_jobs; i++) {
        n_played += reports[i].n_played;
        n_events += reports[i].n_events;
    }
    printf ("%" PRIu64 " seeds from %" PRIu64 " on, %" PRIu64 " events, in %.1f s: %.0f seeds/s\n", n_played,
            options->first, n_events, took_s, (double) n_played / took_s);
    if (failed < 0) {
        puts ("all invariants hold");
        return 0;
    }
    uint64_t seed = reports[failed].seed;
    if (play_again (options, seed) == 0)
        printf ("seed %" PRIu64 ": broken: no program crashes or hangs\n"
                "    only behind other seeds that were played in the same process\n",
                seed);
    printf ("    play it again: %s --seed %" PRIu64 " --trace\n", options->program, seed);
    return 1;
}

/* ---- Options -------------------------------------------------------------------------------- */

static uint64_t number_of (const char *text)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull (text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text) {
        fprintf (stderr, "simulate: '%s' is not a number\n", text);
        exit (2);
    }
    return number;
}

int main (int argc, char **argv)
{
    static const struct option known[]
        = { { "seeds", required_argument, NULL, 'n' }, { "first", required_argument, NULL, 'f' },
            { "jobs", required_argument, NULL, 'j' },  { "seed", required_argument, NULL, 's' },
            { "trace", no_argument, NULL, 't' },       { NULL, 0, NULL, 0 } };
    options_t options = { argv[0], 1, 1000, sysconf (_SC_NPROCESSORS_ONLN), false, false };
    for (int option; (option = getopt_long (argc, argv, "", known, NULL)) != -1;) {
        if (option == 'n')
            options.n_seeds = number_of (optarg);
        else if (option == 'f' || option == 's')
            options.first = number_of (optarg);
        else if (option == 'j')
            options.n_jobs = (long) number_of (optarg);
        else if (option != 't')
            return 2;
        options.is_single |= option == 's';
        options.is_traced |= option == 't';
    }
    sim = share (sizeof *sim);
    if (options.is_single)
        return play_again (&options, options.first);
    if (options.n_jobs < 1 || options.n_jobs > MOST_JOBS)
        options.n_jobs = 1;
    return play_many (&options);
}
