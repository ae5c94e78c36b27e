/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/chaos/figures.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/chaos/figure.h"
#include "tests/chaos/record.h"
#include "tests/chaos/tree.h"

enum {
    N_WORKERS = 3,
    N_PROCESSES = 2,
    N_HELD = 3, /* tasks that run for ever: one a worker, so that there is room elsewhere */
    FOR_EVER_MS = 3600 * 1000
};

static dpool_async_result_t *held[N_HELD];

void figure_nap (long ms)
{
    nanosleep (&(struct timespec) { ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* ---- Before and after ------------------------------------------------------------------------ */

static void open_cluster (figures_t *self, const char *folder, size_t n_tasks)
{
    static const stage_size_t size = { 1, N_WORKERS, 0, N_PROCESSES, false };
    char path[512], endpoint[64];
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    snprintf (path, sizeof path, "%s/runs.records", folder);
    unlink (path);
    stage_init (self->stage, &size, self->options->seed, folder);
    stage_start (self->stage);
    watch_init (&self->watch, path, n_tasks);
    snprintf (endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", self->stage->ports[0]);
    options.max_unfinished_tasks = 4 * (size_t) FIGURE_MANY;
    self->pool = dpool_open (endpoint, &options);
    if (!self->pool || dpool_wait_workers (self->pool, N_WORKERS * N_PROCESSES, 30000) < 0)
        fail_msg ("%s", dpool_last_error ()->message);
}

static void close_cluster (figures_t *self)
{
    dpool_destroy (&self->pool);
    stage_close (self->stage);
    self->n_complaints += self->stage->n_complaints;
    stage_finish (self->stage);
    watch_fini (&self->watch);
    memset (&self->sample, 0, sizeof self->sample);
}

static void hold (figures_t *self)
{
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.max_retries = 1000000;
    for (size_t i = 0; i < N_HELD; i++) {
        held[i] = dpool_apply_async_with (self->pool, &options, FIGURE_HOLD, "uu", (uint64_t) i,
                                          (uint64_t) FOR_EVER_MS);
        if (!held[i])
            fail_msg ("%s", dpool_last_error ()->message);
    }
    for (size_t i = 0; i < N_HELD; i++)
        watch_await_start (&self->watch, i, 0);
}

static void let_go (void)
{
    for (size_t i = 0; i < N_HELD; i++)
        dpool_async_result_destroy (&held[i]);
}

/* ---- From a fault to the next start ---------------------------------------------------------- */

static bool measure_child (figures_t *self)
{
    hold (self);
    for (unsigned round = 0; round < (self->options->is_long ? 1000u : 200u); round++) {
        watched_t before = self->watch.tasks[round % N_HELD];
        int64_t start_us = record_now_us ();
        kill (before.pid, SIGKILL);
        int64_t again_us = watch_await_start (&self->watch, round % N_HELD, before.n_starts);
        sample_add (&self->sample, again_us < 0 ? -1 : again_us - start_us);
    }
    let_go ();
    return true;
}

/* Does the task run on this worker? */
static bool is_there (const figures_t *self, size_t task, const party_t *worker)
{
    pid_t pids[64];
    size_t n = tree_find (worker->tag, TREE_CHILD, pids, 64);
    for (size_t i = 0; i < n && i < 64; i++) {
        if (pids[i] == self->watch.tasks[task].pid)
            return true;
    }
    return false;
}

/* Hurt each worker that a task runs on, and wait until all of these run elsewhere. */
static void measure_worker (figures_t *self, party_t *worker, stage_action_t *hurt, stage_action_t *heal)
{
    unsigned n_starts[N_HELD];
    bool is_hurt[N_HELD];
    watch_update (&self->watch);
    for (size_t i = 0; i < N_HELD; i++) {
        is_hurt[i] = is_there (self, i, worker);
        n_starts[i] = self->watch.tasks[i].n_starts;
    }
    int64_t start_us = record_now_us ();
    hurt (self->stage, worker);
    for (size_t i = 0; i < N_HELD; i++) {
        if (!is_hurt[i])
            continue;
        int64_t again_us = watch_await_start (&self->watch, i, n_starts[i]);
        sample_add (&self->sample, again_us < 0 ? -1 : again_us - start_us);
    }
    heal (self->stage, worker);
    if (dpool_wait_workers (self->pool, N_WORKERS * N_PROCESSES, 30000) < 0)
        fail_msg ("%s", dpool_last_error ()->message);
}

static void measure_workers (figures_t *self, unsigned n_rounds, stage_action_t *hurt, stage_action_t *heal)
{
    hold (self);
    for (unsigned round = 0; round < n_rounds; round++)
        measure_worker (self, &self->stage->parties[ROLE_WORKER][round % N_WORKERS], hurt, heal);
    let_go ();
}

static void stop (stage_t *stage, party_t *party)
{
    (void) stage;
    party_stop (party);
}

static void go_on (stage_t *stage, party_t *party)
{
    (void) stage;
    party_continue (party);
}

static void cut_off (stage_t *stage, party_t *party)
{
    (void) stage;
    if (party->netns)
        netns_drop (party->netns, true, true);
    else if (party->proxies[0])
        proxy_set (party->proxies[0], &(proxy_weather_t) { .is_swallowing = { true, true } });
    else
        party_stop (party); /* there is nothing in between: as if it hung */
}

static void join_again (stage_t *stage, party_t *party)
{
    (void) stage;
    if (party->netns)
        netns_drop (party->netns, false, false);
    else if (party->proxies[0])
        proxy_set (party->proxies[0], &(proxy_weather_t) { 0 });
    else
        party_continue (party);
}

/* ---- All ------------------------------------------------------------------------------------- */

static unsigned times (const figures_t *self)
{
    return self->options->is_long ? 3 : 1;
}

static bool measure_kill (figures_t *self)
{
    measure_workers (self, 9 * times (self), stage_kill, stage_revive);
    return true;
}

static bool measure_stop (figures_t *self)
{
    measure_workers (self, 3 * times (self), stop, go_on);
    return true;
}

static bool measure_cut (figures_t *self)
{
    measure_workers (self, 3 * times (self), cut_off, join_again);
    return true;
}

static const struct {
    const char *name;
    size_t n_tasks;
    bool (*measure) (figures_t *self);
    const char *words; /* for its sample; NULL: it has none */
    double target_ms;
} measurements[] = {
    { "child-kill", N_HELD, measure_child, "child death to next start", 50 },
    { "worker-kill", N_HELD, measure_kill, "worker kill -9 to next start", 1500 },
    { "worker-stop", N_HELD, measure_stop, "worker SIGSTOP to next start", 6000 },
    { "worker-cut", N_HELD, measure_cut, "worker cut off to next start", 6000 },
    { "broker-kill", FIGURE_MANY, figure_broker, "broker restart to first outcome", 3000 },
    { "overload", 1 << 22, figure_overload, NULL, 0 },
};

bool figures_run (stage_t *stage, const options_t *options, const char *folder)
{
    figures_t self = { .stage = stage, .options = options };
    bool is_well = true;
    for (size_t i = 0; i < sizeof measurements / sizeof measurements[0]; i++) {
        if (!options_want (options, measurements[i].name))
            continue;
        open_cluster (&self, folder, measurements[i].n_tasks);
        is_well = measurements[i].measure (&self) && is_well;
        if (measurements[i].words)
            is_well = sample_tell (&self.sample, measurements[i].words, measurements[i].target_ms) && is_well;
        close_cluster (&self);
    }
    return is_well && self.n_complaints == 0;
}
