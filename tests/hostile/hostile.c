/* SPDX-License-Identifier: MPL-2.0 */
/* hostile - attacks on a real broker, while an honest client has an honest worker work. See ./run hostile. */
#include "tests/support/test.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/standard.h"
#include "tests/hostile/attack.h"
#include "tests/hostile/attacker.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/keyring.h"
#include "tests/swarm/asker.h"
#include "tests/swarm/hand.h"
#include "tests/swarm/usage.h"

enum {
    ROUNDS = 5,
    MAX_ROUNDS = 15, /* more where what was measured is too little, since other programs may be the cause */
    ROUND_MS = 150,  /* about so long is a round */
    TRIAL_TASKS = 5000,    /* to find out how many tasks that is */
    MAX_TASKS = 200000000, /* of all rounds together: some bits of address space each */
    HONEST_PROCESSES = 4,
    DESCRIPTORS = 8000,
    HANG_MS = 60000, /* nothing here takes so long: what does, hangs */
    LOG_KIB = 256    /* that an attack may add to the broker's log */
};

#define MACHINE_BUSY 0.05  /* the share of its CPUs that other programs take */
#define MACHINE_TAKEN 0.4  /* so much that an attack hits the little that is left too hard */
#define MEMORY_LIMIT "64M" /* of the broker */

static const attack_t *const tables[]
    = { attack_port_table, attack_peer_table, attack_worker_table, attack_memory_table };

typedef struct options_s {
    bool has_keys, is_judged, is_unpaced;
    const char *only;
} options_t;

/* What a round took. */
typedef struct round_s {
    double us;     /* a task */
    double cpu_us; /* of broker and honest peers, a task */
    double attacker_cpu;
} round_t;

typedef struct fight_s {
    options_t options;
    keyring_t *keyring;
    folder_t *folder;
    const char *ipc; /* where the broker listens, too */
    cluster_t *cluster;
    pid_t broker;
    attacker_t *attacker;
    tally_t *tally;
    swarm_t *swarm;
    asker_t *client;
    hand_t *worker;
    victim_t victim;
    dp_keys_t keys[N_ROLES], client_keys, worker_keys;
    size_t n_tasks, n_submitted; /* a round, in all */
    size_t n_wrong;              /* of all that is judged */
} fight_t;

static void complain (fight_t *self, const char *what)
{
    printf ("    WRONG: %s\n", what);
    self->n_wrong++;
}

/* ---- Honest work --------------------------------------------------------------------------------- */

static bool is_broker_there (const fight_t *self)
{
    return process_lives (self->broker);
}

/* Let the honest ones act until it is so. */
static void go_on_until (fight_t *self, bool (*is_so) (const fight_t *self), const char *what)
{
    int64_t end_ms = dp_clock_ms () + HANG_MS;
    while (!is_so (self)) {
        if (!is_broker_there (self) || dp_clock_ms () >= end_ms) {
            printf ("    WRONG: %s: %s\n", what,
                    is_broker_there (self) ? "not in a minute" : "the broker is gone");
            exit (EXIT_FAILURE);
        }
        swarm_turn (self->swarm, dp_clock_ms () + 10);
    }
}

static bool is_registered (const fight_t *self)
{
    return asker_processes (self->client) >= HONEST_PROCESSES;
}

static bool is_done (const fight_t *self)
{
    return asker_is_done (self->client);
}

/* What broker and honest peers have used so far; and these and the attacker. */
static int64_t honest_cpu_us (const fight_t *self)
{
    return usage_cpu_us (self->broker) + usage_cpu_us (getpid ());
}

static int64_t our_cpu_us (const fight_t *self)
{
    return honest_cpu_us (self) + usage_cpu_us (attacker_pid (self->attacker));
}

static void work (fight_t *self, round_t *round)
{
    int64_t began_us = dp_clock_us (), cpu_us = honest_cpu_us (self), ours_us = our_cpu_us (self);
    self->n_submitted += self->n_tasks;
    asker_submit (self->client, self->n_tasks);
    go_on_until (self, is_done, "honest work");
    double took_us = (double) (dp_clock_us () - began_us), n = (double) self->n_tasks;
    double used_us = (double) (honest_cpu_us (self) - cpu_us);
    double attack_us = (double) (our_cpu_us (self) - ours_us) - used_us;
    /* A real attacker has CPUs of its own: what this one took of ours is not the broker's fault. */
    round->us = (took_us - attack_us / (double) sysconf (_SC_NPROCESSORS_ONLN)) / n;
    round->cpu_us = used_us / n;
    round->attacker_cpu = attack_us / took_us;
}

/* ---- An attack ----------------------------------------------------------------------------------- */

/* Returns how often it had acted when that was done. */
static uint64_t tell (fight_t *self, const attack_t *attack)
{
    self->victim.first = self->n_submitted + 1; /* which the next round begins with */
    self->victim.last = self->n_submitted + self->n_tasks;
    attacker_tell (self->attacker, attack, &self->victim);
    int64_t end_ms = dp_clock_ms () + HANG_MS;
    while (!swarm_turn (self->swarm, end_ms))
        if (dp_clock_ms () >= end_ms)
            fail_msg ("the attacker does not answer");
    return attacker_take_answer (self->attacker);
}

static size_t base_descriptors, base_mappings;

static bool is_let_go (const fight_t *self)
{
    return usage_descriptors (self->broker) <= base_descriptors
           && usage_mappings (self->broker, "dpool-arena") <= base_mappings;
}

static int compare_time (const void *a, const void *b)
{
    double left = ((const round_t *) a)->us, right = ((const round_t *) b)->us;
    return (left > right) - (left < right);
}

static int compare_cpu (const void *a, const void *b)
{
    double left = ((const round_t *) a)->cpu_us, right = ((const round_t *) b)->cpu_us;
    return (left > right) - (left < right);
}

/* How much of their throughput the honest keep: the ratio of the medians, or of the best rounds where that is
   greater, since what other programs take of the machine makes rounds longer and never shorter. Where these
   take much, time says little: then it is the work that is done with each second of CPU time, if that is
   more. Leaves the rounds in the order of their time. */
static double ratio (round_t *quiet, round_t *attacked, size_t n, bool is_machine_busy)
{
    qsort (quiet, n, sizeof *quiet, compare_cpu);
    qsort (attacked, n, sizeof *attacked, compare_cpu);
    double of_cpu = quiet[n / 2].cpu_us / attacked[n / 2].cpu_us;
    qsort (quiet, n, sizeof *quiet, compare_time);
    qsort (attacked, n, sizeof *attacked, compare_time);
    double of_medians = quiet[n / 2].us / attacked[n / 2].us, of_best = quiet[0].us / attacked[0].us;
    double of_time = of_medians > of_best ? of_medians : of_best;
    return is_machine_busy && of_cpu > of_time ? of_cpu : of_time;
}

/* The share of the machine's CPUs that other programs have taken since then. */
typedef struct since_s {
    int64_t at_us, machine_us, ours_us;
} since_t;

static since_t look_at_machine (const fight_t *self)
{
    return (since_t) { dp_clock_us (), usage_machine_us (), our_cpu_us (self) };
}

static double others_share (const fight_t *self, const since_t *since)
{
    since_t now = look_at_machine (self);
    double others_us = (double) (now.machine_us - since->machine_us - (now.ours_us - since->ours_us));
    return others_us / (double) (now.at_us - since->at_us) / (double) sysconf (_SC_NPROCESSORS_ONLN);
}

static size_t log_kib (const fight_t *self)
{
    char *text = cluster_log (self->cluster, -1);
    size_t kib = strlen (text) / 1024;
    free (text);
    return kib;
}

static void check_honest (fight_t *self)
{
    static size_t n_wrong_before;
    size_t n_never, n_often, n_wrong = asker_n_wrong (self->client);
    tally_check (self->tally, 0, self->n_submitted, &n_never, &n_often);
    if (n_wrong > n_wrong_before || n_never > 0 || n_often > 0) {
        printf ("    %zu wrong results, %zu tasks never done, %zu done more than once, of %zu\n",
                n_wrong - n_wrong_before, n_never, n_often, self->n_submitted);
        complain (self, "honest work was harmed");
    }
    n_wrong_before = n_wrong;
    if (asker_n_results (self->client) != self->n_submitted)
        complain (self, "results are missing");
    if (atomic_load (&self->tally->n_broken) > 0 || asker_n_broken (self->client) > 0)
        complain (self, "an honest peer lost its connection");
}

/* Let the broker have so many descriptors more than it has; 0 = as many as it may. */
static void limit_descriptors (const fight_t *self, int n_more)
{
    struct rlimit limit;
    assert_int_equal (prlimit (self->broker, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = n_more > 0 ? base_descriptors + (rlim_t) n_more : limit.rlim_max;
    assert_int_equal (prlimit (self->broker, RLIMIT_NOFILE, &limit, NULL), 0);
}

static void endure (fight_t *self, const attack_t *attack)
{
    round_t quiet[MAX_ROUNDS], attacked[MAX_ROUNDS];
    const double least = (attack->least_percent > 0 ? attack->least_percent : 80) / 100.0;
    const size_t most_mib = attack->most_mib > 0 ? attack->most_mib : 64;
    const size_t left_mib = attack->left_mib > 0 ? attack->left_mib : 24;
    size_t n = 0, first_kib = 0, log_before_kib = log_kib (self);
    double achieved = 0, cpu = 0, others = 0;
    since_t since = look_at_machine (self);
    uint64_t n_acts = 0;
    size_t before_kib = usage_memory_kib (self->broker);
    usage_reset_peak (self->broker);
    limit_descriptors (self, attack->n_descriptors);
    while (n < ROUNDS || (n < MAX_ROUNDS && achieved < least)) {
        work (self, &quiet[n]);
        tell (self, attack);
        work (self, &attacked[n]);
        n_acts += tell (self, NULL);
        cpu += attacked[n].attacker_cpu;
        go_on_until (self, is_let_go, "connections and memory of the attacker that are closed");
        others = others_share (self, &since);
        if (n++ == 0)
            first_kib = usage_memory_kib (self->broker);
        if (n >= ROUNDS)
            achieved = ratio (quiet, attacked, n, others > MACHINE_BUSY);
    }
    limit_descriptors (self, 0);
    size_t peak_kib = usage_peak_kib (self->broker), last_kib = usage_memory_kib (self->broker);
    size_t grown_kib = peak_kib > before_kib ? peak_kib - before_kib : 0;
    size_t left_kib = last_kib > first_kib ? last_kib - first_kib : 0,
           logged_kib = log_kib (self) - log_before_kib;
    printf ("  %-30s %8.0f %8.0f  %5.1f %%  %9llu  %4.0f %%  %4.0f %%  %6.1f %6.1f %5zu\n", attack->name,
            1e6 / quiet[n / 2].us, 1e6 / attacked[n / 2].us, achieved * 100, (unsigned long long) n_acts,
            cpu / (double) n * 100, others * 100, (double) grown_kib / 1024, (double) left_kib / 1024,
            logged_kib);
    check_honest (self);
    if (self->options.is_unpaced)
        return; /* what it may cost is said of one that rests */
    if (achieved < least && others > MACHINE_TAKEN)
        printf ("    not judged: other programs take too much of the machine\n");
    else if (achieved < least && self->options.is_judged)
        complain (self, "that costs the honest too much");
    if (grown_kib > most_mib * 1024)
        complain (self, "the broker's memory grew too much");
    if (left_kib * (ROUNDS - 1) > left_mib * 1024 * (n - 1)) /* it has more time to grow in more rounds */
        complain (self, "the broker's memory grows from round to round");
    if (logged_kib > LOG_KIB)
        complain (self, "the broker's log was flooded");
}

/* ---- The stage ----------------------------------------------------------------------------------- */

static void load_keys (fight_t *self)
{
    static const char *const names[]
        = { "broker", "client", "worker", "stranger", "evil-client", "evil-worker" };
    static const char allowlist[] = "client\n    key = \"%client%\"\n    role = client\n"
                                    "worker\n    key = \"%worker%\"\n    role = worker\n"
                                    "evil-client\n    key = \"%evil-client%\"\n    role = client\n"
                                    "evil-worker\n    key = \"%evil-worker%\"\n    role = worker\n";
    dp_keys_t *const places[] = { NULL,
                                  &self->client_keys,
                                  &self->worker_keys,
                                  &self->keys[AS_STRANGER],
                                  &self->keys[AS_CLIENT],
                                  &self->keys[AS_WORKER] };
    self->keyring = keyring_new ();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *file = keyring_add (self->keyring, names[i]);
        if (places[i] != NULL)
            assert_int_equal (dp_keys_load_both (places[i], file, keyring_public (self->keyring, "broker")),
                              0);
    }
    const char *const arguments[] = { "--memory-limit",
                                      MEMORY_LIMIT,
                                      "--bind",
                                      self->ipc,
                                      "--key-file",
                                      keyring_file (self->keyring, "broker"),
                                      "--allowlist",
                                      keyring_allow (self->keyring, allowlist),
                                      NULL };
    self->cluster = cluster_new (arguments);
}

static void start_attacker (fight_t *self)
{
    scene_t scene
        = { .endpoint = cluster_endpoint (self->cluster), .broker = self->broker, .random = dp_random () };
    scene.ipc = self->ipc;
    scene.is_unpaced = self->options.is_unpaced;
    assert_int_equal (sscanf (scene.endpoint, "tcp://127.0.0.1:%d", &scene.port), 1);
    for (size_t i = 0; self->options.has_keys && i < N_ROLES; i++)
        scene.keys[i] = &self->keys[i];
    self->attacker = attacker_new (&scene);
}

static void set_up (fight_t *self)
{
    static char ipc[256];
    self->folder = folder_new ();
    self->ipc = ipc;
    snprintf (ipc, sizeof ipc, "ipc://%s", folder_path (self->folder, "broker"));
    const char *const arguments[] = { "--memory-limit", MEMORY_LIMIT, "--bind", ipc, NULL };
    if (self->options.has_keys)
        load_keys (self);
    else
        self->cluster = cluster_new (arguments);
    self->broker = process_pid (cluster_broker (self->cluster));
    self->victim = (victim_t) { .session = dp_random (), .worker = dp_random () };
    self->tally = tally_new (1, MAX_TASKS);
    assert_non_null (self->tally);
    start_attacker (self);
    self->swarm = swarm_new (cluster_endpoint (self->cluster), 2, NULL);
    swarm_listen (self->swarm, attacker_fd (self->attacker));
    swarm_use_keys (self->swarm, self->options.has_keys ? &self->worker_keys : NULL);
    self->worker = hand_new (self->swarm, self->tally, 0, self->victim.worker, HONEST_PROCESSES);
    swarm_use_keys (self->swarm, self->options.has_keys ? &self->client_keys : NULL);
    self->client = asker_new (self->swarm, self->tally, 0, self->victim.session);
    go_on_until (self, is_registered, "registration");
}

/* How many tasks make a round. */
static void calibrate (fight_t *self)
{
    round_t trial;
    self->n_tasks = TRIAL_TASKS;
    for (int i = 0; i < 3; i++)
        work (self, &trial);
    self->n_tasks = (size_t) (ROUND_MS * 1000 / trial.us);
    size_t most = MAX_TASKS / 50 / 2 / MAX_ROUNDS;
    if (self->n_tasks > most)
        self->n_tasks = most;
    base_descriptors = usage_descriptors (self->broker);
    base_mappings = usage_mappings (self->broker, "dpool-arena");
}

static void tear_down (fight_t *self)
{
    attacker_destroy (&self->attacker);
    asker_destroy (&self->client);
    hand_destroy (&self->worker);
    swarm_destroy (&self->swarm);
    process_signal (cluster_broker (self->cluster), SIGTERM);
    int status = process_wait (cluster_broker (self->cluster));
    if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
        complain (self, "the broker did not end with 0");
    cluster_destroy (&self->cluster);
    keyring_destroy (&self->keyring);
    folder_destroy (&self->folder);
}

static void fight (fight_t *self)
{
    printf ("%s\n", self->options.has_keys ? "With keys (CURVE)" : "Without keys");
    set_up (self);
    calibrate (self);
    printf ("  %-30s %8s %8s  %7s  %9s  %6s  %6s  %6s %6s %5s\n", "attack", "tasks/s", "attacked", "that is",
            "acts", "its CPU", "others", "MiB", "left", "KiB of log");
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const attack_t *attack = tables[i]; attack->name != NULL; attack++)
            if ((self->options.has_keys || !attack->needs_keys)
                && (self->options.only == NULL || strstr (attack->name, self->options.only) != NULL))
                endure (self, attack);
    tear_down (self);
}

/* ---- Options ------------------------------------------------------------------------------------- */

static const struct argp_option known[] = {
    { "keys", 'k', NULL, 0, "Broker and peers have keys, and the attacker too", 0 },
    { "judge", 'j', NULL, 0, "It is a failure when an attack costs the honest more than a fifth", 0 },
    { "unpaced", 'u', NULL, 0, "Attackers do not rest, and what they cost is only told", 0 },
    { "only", 'o', "NAME", 0, "Only attacks with this in their names", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static error_t take_option (int option, char *text, struct argp_state *state)
{
    options_t *options = state->input;
    if (option == 'k')
        options->has_keys = true;
    else if (option == 'j')
        options->is_judged = true;
    else if (option == 'u')
        options->is_unpaced = true;
    else if (option == 'o')
        options->only = text;
    else if (option == ARGP_KEY_ARG)
        argp_error (state, "unexpected argument '%s'", text);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

int main (int argc, char **argv)
{
    static const struct argp argp = {
        .options = known,
        .parser = take_option,
        .doc
        = "Attacks on a real broker over its port, one after the other, while an honest client has an honest "
          "worker work: nothing of theirs may be lost or done twice, and it may not become much slower."
    };
    static fight_t self;
    argp_parse (&argp, argc, argv, 0, NULL, &self.options);
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (dp_standard_raise_limit (DESCRIPTORS) < 0) {
        fprintf (stderr, "hostile: %s\n", dpool_last_error ()->message);
        return EXIT_FAILURE;
    }
    fight (&self);
    return self.n_wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
