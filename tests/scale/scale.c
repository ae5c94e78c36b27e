/* SPDX-License-Identifier: MPL-2.0 */
/* scale - thousands of simulated workers and clients on one real broker. See ./run scale. */
#include "tests/support/test.h"

#include "tests/scale/options.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/standard.h"
#include "tests/support/cluster.h"
#include "tests/swarm/asker.h"
#include "tests/swarm/hand.h"
#include "tests/swarm/usage.h"

enum {
    WORKERS_A_SWARM = 1000, /* a process has descriptors for so many */
    MAX_SWARMS = 60,
    HANG_MS = 120000, /* nothing here takes so long: what does, hangs */
    TEN_THOUSAND = 10000
};

#define BUSY 0.25 /* the share of the machine that other programs take */

/* What the broker has taken so far, and when. */
typedef struct sample_s {
    int64_t at_us, cpu_us;
    int64_t ours_us, machine_us;   /* CPU time of all of ours, and of all programs */
    size_t memory_kib, n_messages; /* that workers and clients received */
} sample_t;

typedef struct scale_s {
    options_t options;
    tally_t *tally;
    cluster_t *cluster;
    pid_t broker;
    pid_t swarms[MAX_SWARMS]; /* processes of workers */
    size_t n_swarms;
    int call_pipe[2]; /* they end when nobody holds its writing end any more */
    swarm_t *clients;
    asker_t **askers;
    size_t n_welcomes; /* of workers, until all were registered */
    bool is_well;
} scale_t;

static sample_t sample (const scale_t *self)
{
    sample_t now = { .at_us = dp_clock_us (),
                     .cpu_us = usage_cpu_us (self->broker),
                     .machine_us = usage_machine_us (),
                     .memory_kib = usage_memory_kib (self->broker),
                     .n_messages = atomic_load (&self->tally->n_received) };
    for (size_t i = 0; self->askers && i < self->options.n_clients; i++)
        now.n_messages += asker_n_received (self->askers[i]);
    now.ours_us = now.cpu_us + usage_cpu_us (getpid ());
    for (size_t i = 0; i < self->n_swarms; i++)
        now.ours_us += usage_cpu_us (self->swarms[i]);
    return now;
}

static void complain (scale_t *self, const char *what)
{
    printf ("WRONG: %s\n", what);
    self->is_well = false;
}

/* ---- Workers ------------------------------------------------------------------------------------- */

/* A process of its own, since so many descriptors are more than one may have. */
static _Noreturn void be_workers (const scale_t *self, size_t first, size_t n)
{
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    close (self->call_pipe[1]);
    hand_t **hands = calloc (n, sizeof (hand_t *));
    swarm_t *swarm = swarm_new (cluster_endpoint (self->cluster), n, NULL);
    assert_non_null (hands);
    swarm_listen (swarm, self->call_pipe[0]);
    for (size_t i = 0; i < n; i++)
        hands[i] = hand_new (swarm, self->tally, first + i, 0, 1);
    while (!swarm_turn (swarm, INT64_MAX))
        ;
    for (size_t i = 0; i < n; i++)
        hand_destroy (&hands[i]);
    swarm_destroy (&swarm);
    free (hands);
    _exit (EXIT_SUCCESS);
}

static void start_workers (scale_t *self)
{
    size_t n_workers = self->options.n_workers;
    assert_int_equal (pipe (self->call_pipe), 0);
    fflush (NULL);
    for (size_t first = 0; first < n_workers; first += WORKERS_A_SWARM) {
        size_t n = n_workers - first < WORKERS_A_SWARM ? n_workers - first : WORKERS_A_SWARM;
        pid_t pid = fork ();
        assert_true (pid >= 0);
        if (pid == 0)
            be_workers (self, first, n);
        self->swarms[self->n_swarms++] = pid;
    }
    close (self->call_pipe[0]);
}

static void end_workers (scale_t *self)
{
    close (self->call_pipe[1]);
    for (size_t i = 0; i < self->n_swarms; i++) {
        int status;
        if (waitpid (self->swarms[i], &status, 0) < 0 || status != 0)
            complain (self, "a process of workers did not end well");
    }
}

/* ---- Clients ------------------------------------------------------------------------------------- */

static void start_clients (scale_t *self)
{
    size_t n = self->options.n_clients;
    self->clients = swarm_new (cluster_endpoint (self->cluster), n, NULL);
    self->askers = calloc (n, sizeof (asker_t *));
    assert_non_null (self->askers);
    for (size_t i = 0; i < n; i++)
        self->askers[i] = asker_new (self->clients, self->tally, i, 0);
}

static void end_clients (scale_t *self)
{
    for (size_t i = 0; i < self->options.n_clients; i++)
        asker_destroy (&self->askers[i]);
    swarm_destroy (&self->clients);
    free (self->askers);
    self->askers = NULL;
}

/* Let the clients act until this is so for all of them; else it hangs, which ends the program. */
static void go_on_until (const scale_t *self, bool (*is_so) (const scale_t *self, size_t i, size_t goal),
                         const size_t *goals, const char *what)
{
    int64_t end_ms = dp_clock_ms () + HANG_MS;
    for (size_t i = 0; i < self->options.n_clients;) {
        if (is_so (self, i, goals ? goals[i] : 0)) {
            i++;
            continue;
        }
        if (dp_clock_ms () >= end_ms) {
            printf ("WRONG: %s: client %zu waits in vain; %zu welcomes, %zu broken connections of workers\n",
                    what, i, atomic_load (&self->tally->n_welcomes), atomic_load (&self->tally->n_broken));
            exit (EXIT_FAILURE);
        }
        swarm_turn (self->clients, end_ms);
    }
}

static bool sees_all_workers (const scale_t *self, size_t i, size_t goal)
{
    (void) goal;
    return asker_processes (self->askers[i]) == self->options.n_workers;
}

static bool has_received (const scale_t *self, size_t i, size_t goal)
{
    return asker_n_received (self->askers[i]) >= goal;
}

static bool is_done (const scale_t *self, size_t i, size_t goal)
{
    (void) goal;
    return asker_is_done (self->askers[i]);
}

/* ---- What is measured ---------------------------------------------------------------------------- */

static double seconds (const sample_t *from, const sample_t *to)
{
    return (double) (to->at_us - from->at_us) / 1e6;
}

/* Of one CPU. */
static double share (const sample_t *from, const sample_t *to)
{
    return (double) (to->cpu_us - from->cpu_us) / (double) (to->at_us - from->at_us);
}

static void register_all (scale_t *self, const sample_t *before)
{
    const options_t *options = &self->options;
    double n_peers = (double) (options->n_workers + options->n_clients);
    start_workers (self);
    start_clients (self);
    go_on_until (self, sees_all_workers, NULL, "registration");
    sample_t now = sample (self);
    double took = seconds (before, &now);
    self->n_welcomes = atomic_load (&self->tally->n_welcomes);
    if (self->n_welcomes < options->n_workers) /* some are still on their way */
        self->n_welcomes = options->n_workers;
    printf ("  registered in      %.2f s: %.0f peers a second, %.0f us of the broker's CPU a peer; %zu tried "
            "again\n",
            took, n_peers / took, (double) (now.cpu_us - before->cpu_us) / n_peers,
            atomic_load (&self->tally->n_broken));
    if (options->within_s > 0 && took > options->within_s)
        complain (self, "that took too long");
}

/* Nobody has work: only heartbeats go. */
static void watch_idle (scale_t *self, const sample_t *before)
{
    const options_t *options = &self->options;
    size_t n_peers = options->n_workers + options->n_clients;
    size_t *goals = calloc (options->n_clients, sizeof *goals);
    assert_non_null (goals);
    sample_t from = sample (self);
    for (size_t i = 0; i < options->n_clients; i++)
        goals[i] = asker_n_received (self->askers[i]) + options->n_beats;
    go_on_until (self, has_received, goals, "heartbeats");
    free (goals);
    sample_t to = sample (self);
    double kib = (double) to.memory_kib - (double) before->memory_kib;
    double beats = (double) (to.n_messages - from.n_messages) / seconds (&from, &to);
    double cpu = share (&from, &to);
    printf ("  memory             %.1f MiB before, %.1f MiB with them: %.1f KiB a peer; %zu descriptors\n",
            (double) before->memory_kib / 1024, (double) to.memory_kib / 1024, kib / (double) n_peers,
            usage_descriptors (self->broker));
    printf ("  idle               %.0f heartbeats a second, %.1f %% of a CPU: %.1f us a peer and second\n",
            beats, cpu * 100, cpu / (double) n_peers * 1e6);
    printf (
        "  10,000 workers     by these: %zu descriptors, %.0f MiB, 10,000 heartbeats a second, %.0f %% of "
        "a CPU\n",
        usage_descriptors (self->broker) - n_peers + TEN_THOUSAND,
        (double) before->memory_kib / 1024 + kib / (double) n_peers * TEN_THOUSAND / 1024,
        cpu / (double) n_peers * TEN_THOUSAND * 100);
}

/* others: the share of the machine that other programs took meanwhile. */
static void check_tasks (scale_t *self, double others)
{
    size_t n_never = 0, n_often = 0, n_wrong = 0, n_results = 0, never, often;
    for (size_t i = 0; i < self->options.n_clients; i++) {
        tally_check (self->tally, i, self->options.n_tasks, &never, &often);
        n_never += never;
        n_often += often;
        n_wrong += asker_n_wrong (self->askers[i]);
        n_results += asker_n_results (self->askers[i]);
    }
    printf ("  checked            %zu results: %zu wrong, %zu lost, %zu done more than once\n", n_results,
            n_wrong, n_never, n_often);
    size_t n_back = atomic_load (&self->tally->n_welcomes) - self->n_welcomes;
    bool is_busy = others > BUSY; /* then workers fall silent for 5 s: what they had is done again */
    if (n_back > 0)
        printf ("  %zu workers came back; other programs took %.0f %% of the machine\n", n_back,
                others * 100);
    if (n_back > 0 && !is_busy)
        complain (self, "workers were lost");
    if (n_wrong > 0 || n_never > 0 || (n_often > 0 && n_back == 0)
        || n_results != self->options.n_clients * self->options.n_tasks)
        complain (self, "not every task was done once, and right");
}

static void have_work_done (scale_t *self)
{
    size_t n_tasks = self->options.n_clients * self->options.n_tasks;
    usage_reset_peak (self->broker);
    sample_t from = sample (self);
    for (size_t i = 0; i < self->options.n_clients; i++)
        asker_submit (self->askers[i], self->options.n_tasks);
    go_on_until (self, is_done, NULL, "tasks");
    sample_t to = sample (self);
    printf ("  %-8zu tasks     %.0f a second, %.0f %% of a CPU: %.1f us of the broker's a task; %.1f MiB at "
            "most, %.1f MiB then\n",
            n_tasks, (double) n_tasks / seconds (&from, &to), share (&from, &to) * 100,
            (double) (to.cpu_us - from.cpu_us) / (double) n_tasks,
            (double) usage_peak_kib (self->broker) / 1024, (double) to.memory_kib / 1024);
    double others = (double) (to.machine_us - from.machine_us - (to.ours_us - from.ours_us))
                    / (double) (to.at_us - from.at_us) / (double) sysconf (_SC_NPROCESSORS_ONLN);
    check_tasks (self, others);
}

static void end_all (scale_t *self)
{
    end_clients (self);
    end_workers (self);
    process_signal (cluster_broker (self->cluster), SIGTERM);
    int status = process_wait (cluster_broker (self->cluster));
    if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
        complain (self, "the broker did not end with 0");
    cluster_destroy (&self->cluster);
}

/* The broker takes one for each peer, and has the same limit as this program. */
static void raise_limit (const options_t *options)
{
    size_t n_most = options->n_workers < WORKERS_A_SWARM ? options->n_workers : WORKERS_A_SWARM;
    size_t n_swarm = swarm_descriptors (n_most > options->n_clients ? n_most : options->n_clients);
    size_t n_broker = options->n_workers + options->n_clients + 32;
    if (dp_standard_raise_limit (n_swarm > n_broker ? n_swarm : n_broker) == 0)
        return;
    fprintf (stderr, "scale: %s\n", dpool_last_error ()->message);
    exit (EXIT_FAILURE);
}

int main (int argc, char **argv)
{
    scale_t self = { .is_well = true };
    options_read (&self.options, argc, argv);
    setvbuf (stdout, NULL, _IOLBF, 0);
    raise_limit (&self.options);
    self.tally = tally_new (self.options.n_clients, self.options.n_tasks);
    assert_non_null (self.tally);
    static const char *const quiet[] = { "--quiet", NULL };
    self.cluster = cluster_new (quiet);
    self.broker = process_pid (cluster_broker (self.cluster));
    printf ("%zu workers and %zu clients on one broker, on %ld CPUs\n", self.options.n_workers,
            self.options.n_clients, sysconf (_SC_NPROCESSORS_ONLN));
    sample_t before = sample (&self);
    register_all (&self, &before);
    watch_idle (&self, &before);
    have_work_done (&self);
    end_all (&self);
    return self.is_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
