/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/chaos/figures.h"

#include <dpool/dpool.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/chaos/record.h"
#include "tests/chaos/sample.h"
#include "tests/chaos/tree.h"
#include "tests/chaos/watch.h"

#define HOLD "chaos.hold"

enum {
    N_WORKERS = 3,
    N_PROCESSES = 2,
    N_HELD = 3, /* tasks that run for ever: one a worker, so that there is room elsewhere */
    FOR_EVER_MS = 3600 * 1000,
    MANY = 100000, /* tasks under way when the broker is killed */
    LONG_EVERY = 1000,
    LONG_MS = 3000,
    SHORT_MS = 2, /* and how long they run */
    MAX_BURNERS = 1024
};

typedef struct figures_s {
    stage_t *stage;
    const options_t *options;
    dpool_t *pool;
    watch_t watch;
    dpool_async_result_t *held[N_HELD];
    sample_t sample;
    unsigned n_complaints;
} figures_t;

static void nap (long ms)
{
    nanosleep (&(struct timespec) { ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* ---- Before and after ------------------------------------------------------------------------ */

static void open_cluster (figures_t *self, const char *folder, size_t n_tasks)
{
    static const stage_size_t size = { 1, N_WORKERS, 0, N_PROCESSES };
    char path[512], endpoint[64];
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    snprintf (path, sizeof path, "%s/runs.records", folder);
    unlink (path);
    stage_init (self->stage, &size, self->options->seed, folder);
    stage_start (self->stage);
    watch_init (&self->watch, path, n_tasks);
    snprintf (endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", self->stage->ports[0]);
    options.max_unfinished_tasks = 4 * (size_t) MANY;
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
        self->held[i]
            = dpool_apply_async_with (self->pool, &options, HOLD, "uu", (uint64_t) i, (uint64_t) FOR_EVER_MS);
        if (!self->held[i])
            fail_msg ("%s", dpool_last_error ()->message);
    }
    for (size_t i = 0; i < N_HELD; i++)
        watch_await_start (&self->watch, i, 0);
}

static void let_go (figures_t *self)
{
    for (size_t i = 0; i < N_HELD; i++)
        dpool_async_result_destroy (&self->held[i]);
}

/* ---- From a fault to the next start ---------------------------------------------------------- */

static void measure_child (figures_t *self)
{
    hold (self);
    for (unsigned round = 0; round < (self->options->is_long ? 1000u : 200u); round++) {
        watched_t before = self->watch.tasks[round % N_HELD];
        int64_t start_us = record_now_us ();
        kill (before.pid, SIGKILL);
        int64_t again_us = watch_await_start (&self->watch, round % N_HELD, before.n_starts);
        sample_add (&self->sample, again_us < 0 ? -1 : again_us - start_us);
    }
    let_go (self);
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
    let_go (self);
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

/* ---- A broker that is killed ----------------------------------------------------------------- */

static size_t finished (dpool_async_result_t *result)
{
    dpool_progress_t progress = DPOOL_PROGRESS_INIT;
    dpool_async_result_progress (result, &progress);
    return progress.finished;
}

static dpool_async_result_t *submit_many (figures_t *self)
{
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    dpool_items_t *items = dpool_items_new ();
    options.chunk_size = 1;
    for (uint64_t i = 0; i < MANY; i++)
        dpool_items_add (items, "uu", i, (uint64_t) (i % LONG_EVERY == 5 ? LONG_MS : SHORT_MS));
    dpool_async_result_t *result = dpool_map_async (self->pool, HOLD, items, &options);
    dpool_items_destroy (&items);
    if (!result)
        fail_msg ("%s", dpool_last_error ()->message);
    return result;
}

static size_t count_wrong (dpool_async_result_t *result)
{
    size_t n = 0;
    for (size_t i = 0; i < MANY; i++) {
        uint64_t x;
        const dpool_value_t *value = dpool_async_result_value (result, i);
        n += !value || dpool_value_get (value, "u", &x) < 0 || x != i;
    }
    return n;
}

static bool measure_broker (figures_t *self)
{
    party_t *broker = &self->stage->parties[ROLE_BROKER][0];
    bool *was_running = calloc (MANY, sizeof *was_running);
    dpool_async_result_t *result = submit_many (self);
    size_t n_running = 0, n_again = 0, n_unfinished;
    watch_await_start (&self->watch, LONG_EVERY * 2 + 5, 0); /* it is in full swing */
    nap (200);
    stage_kill (self->stage, broker);
    int64_t killed_us = record_now_us ();
    watch_update (&self->watch);
    for (size_t i = 0; i < MANY; i++) {
        was_running[i] = self->watch.tasks[i].n_starts == 1 && self->watch.tasks[i].n_ends == 0;
        n_running += was_running[i];
    }
    nap (500);
    n_unfinished = MANY - finished (result);
    stage_revive (self->stage, broker);
    int64_t back_us = record_now_us ();
    while (finished (result) == MANY - n_unfinished && record_now_us () < back_us + 60000000)
        nap (1);
    sample_add (&self->sample, record_now_us () - back_us);
    bool is_done = dpool_async_result_wait (result, 300000) == 0;
    watch_update (&self->watch);
    for (size_t i = 0; i < MANY; i++)
        n_again += was_running[i] && self->watch.tasks[i].n_starts > 1;
    size_t n_wrong = is_done ? count_wrong (result) : MANY;
    double took_s = (double) (record_now_us () - killed_us) / 1e6;
    printf ("broker kill -9, %zu unfinished: %zu of %zu running started again, %zu wrong, %.1f s in all\n",
            n_unfinished, n_again, n_running, n_wrong, took_s);
    dpool_async_result_destroy (&result);
    free (was_running);
    return n_wrong == 0 && n_again * 10 <= n_running;
}

/* ---- Overloaded CPUs ------------------------------------------------------------------------- */

static size_t start_burners (pid_t *pids)
{
    size_t n = 8 * (size_t) sysconf (_SC_NPROCESSORS_ONLN);
    if (n > MAX_BURNERS)
        n = MAX_BURNERS;
    for (size_t i = 0; i < n; i++) {
        pids[i] = fork ();
        if (pids[i] != 0)
            continue;
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        for (volatile unsigned turns = 0;; turns++)
            continue;
    }
    return n;
}

static size_t count_lines (const char *path, const char *words)
{
    char line[1024];
    size_t n = 0;
    FILE *file = fopen (path, "re");
    while (file && fgets (line, sizeof line, file))
        n += strstr (line, words) != NULL;
    if (file)
        fclose (file);
    return n;
}

/* Rounds of short tasks; returns how many there were. */
static uint64_t work_for (figures_t *self, unsigned s)
{
    uint64_t n = 0;
    for (int64_t end_us = record_now_us () + s * 1000000ll; record_now_us () < end_us; n += 100) {
        dpool_items_t *items = dpool_items_new ();
        for (uint64_t i = 0; i < 100; i++)
            dpool_items_add (items, "uu", n + i, (uint64_t) 5);
        dpool_async_result_t *result = dpool_map (self->pool, HOLD, items, NULL);
        if (!result || dpool_async_result_get (result, 0) < 0)
            fail_msg ("%s", dpool_last_error ()->message);
        dpool_async_result_destroy (&result);
        dpool_items_destroy (&items);
    }
    return n;
}

static bool measure_overload (figures_t *self)
{
    static pid_t burners[MAX_BURNERS];
    char log[512];
    snprintf (log, sizeof log, "%s/broker-0.log", self->stage->folder);
    size_t n_lost = count_lines (log, "is lost"); /* those of the measurements before */
    size_t n_burners = start_burners (burners), n_again = 0;
    uint64_t n = work_for (self, self->options->overload_s);
    for (size_t i = 0; i < n_burners; i++) {
        kill (burners[i], SIGKILL);
        waitpid (burners[i], NULL, 0);
    }
    watch_update (&self->watch);
    for (size_t i = 0; i < self->watch.n; i++)
        n_again += self->watch.tasks[i].n_starts > 1;
    n_lost = count_lines (log, "is lost") - n_lost;
    printf ("CPUs overloaded 8 times for %u s: %llu tasks, %zu started again, %zu workers thought lost\n",
            self->options->overload_s, (unsigned long long) n, n_again, n_lost);
    return n_again == 0 && n_lost == 0;
}

/* ---- All ------------------------------------------------------------------------------------- */

bool figures_run (stage_t *stage, const options_t *options, const char *folder)
{
    figures_t self = { .stage = stage, .options = options };
    bool is_well = true;
    const unsigned times = options->is_long ? 3 : 1;

    open_cluster (&self, folder, N_HELD);
    measure_child (&self);
    is_well = sample_tell (&self.sample, "child death to next start", 50) && is_well;
    close_cluster (&self);

    open_cluster (&self, folder, N_HELD);
    measure_workers (&self, 9 * times, stage_kill, stage_revive);
    is_well = sample_tell (&self.sample, "worker kill -9 to next start", 1500) && is_well;
    close_cluster (&self);

    open_cluster (&self, folder, N_HELD);
    measure_workers (&self, 3 * times, stop, go_on);
    is_well = sample_tell (&self.sample, "worker SIGSTOP to next start", 6000) && is_well;
    close_cluster (&self);

    open_cluster (&self, folder, N_HELD);
    measure_workers (&self, 3 * times, cut_off, join_again);
    is_well = sample_tell (&self.sample, "worker cut off to next start", 6000) && is_well;
    close_cluster (&self);

    open_cluster (&self, folder, MANY);
    is_well = measure_broker (&self) && is_well;
    is_well = sample_tell (&self.sample, "broker restart to first outcome", 3000) && is_well;
    close_cluster (&self);

    open_cluster (&self, folder, 1 << 22);
    is_well = measure_overload (&self) && is_well;
    close_cluster (&self);
    return is_well && self.n_complaints == 0;
}
