/* SPDX-License-Identifier: MPL-2.0 */
/* figure_broker.c - a broker that is killed with very many tasks unfinished. */
#include "tests/support/test.h"

#include "tests/chaos/figure.h"

#include <stdlib.h>

#include "tests/chaos/record.h"

enum {
    N_KILLS = 5,
    DOWN_MS = 500,
    SHORT_MS = 2,
    LONG_MS = 3000,
    LONG_EVERY = 1000, /* tasks one is long */
    PATIENCE_S = 60
};

static size_t finished (dpool_async_result_t *result)
{
    dpool_progress_t progress = DPOOL_PROGRESS_INIT;
    dpool_async_result_progress (result, &progress);
    return progress.finished;
}

static dpool_async_result_t *submit (figures_t *self)
{
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    dpool_items_t *items = dpool_items_new ();
    options.chunk_size = 1;
    for (uint64_t i = 0; i < FIGURE_MANY; i++)
        dpool_items_add (items, "uu", i, (uint64_t) (i % LONG_EVERY == 5 ? LONG_MS : SHORT_MS));
    dpool_async_result_t *result = dpool_map_async (self->pool, FIGURE_HOLD, items, &options);
    dpool_items_destroy (&items);
    if (!result)
        fail_msg ("%s", dpool_last_error ()->message);
    return result;
}

static size_t count_wrong (dpool_async_result_t *result)
{
    size_t n = 0;
    for (size_t i = 0; i < FIGURE_MANY; i++) {
        uint64_t x;
        const dpool_value_t *value = dpool_async_result_value (result, i);
        n += !value || dpool_value_get (value, "u", &x) < 0 || x != i;
    }
    return n;
}

/* Note, for each task that runs now, how often it was started. Returns how many run. */
static size_t note_running (figures_t *self, unsigned *n_starts)
{
    size_t n_running = 0;
    watch_update (&self->watch);
    for (size_t i = 0; i < FIGURE_MANY; i++) {
        const watched_t *task = &self->watch.tasks[i];
        if (task->n_starts == 0 || task->n_ends > 0)
            continue;
        n_starts[i] = task->n_starts;
        n_running++;
    }
    return n_running;
}

/* Kill the broker, start it again, and wait for the first outcome after that. Returns how many tasks ran. */
static size_t kill_once (figures_t *self, dpool_async_result_t *result, unsigned *n_starts)
{
    party_t *broker = &self->stage->parties[ROLE_BROKER][0];
    stage_kill (self->stage, broker);
    size_t n_running = note_running (self, n_starts);
    figure_nap (DOWN_MS);
    size_t n_finished = finished (result);
    stage_revive (self->stage, broker);
    int64_t back_us = record_now_us ();
    while (finished (result) == n_finished && record_now_us () < back_us + PATIENCE_S * 1000000ll)
        figure_nap (1);
    bool is_missing = finished (result) == n_finished;
    sample_add (&self->sample, is_missing ? -1 : record_now_us () - back_us);
    return n_running;
}

bool figure_broker (figures_t *self)
{
    unsigned *n_starts = calloc (FIGURE_MANY, sizeof *n_starts);
    dpool_async_result_t *result = submit (self);
    size_t n_running = 0, n_again = 0;
    watch_await_start (&self->watch, LONG_EVERY * 2, 0); /* it is in full swing */
    for (int i = 0; i < N_KILLS; i++) {
        n_running += kill_once (self, result, n_starts);
        figure_nap (2000);
    }
    size_t n_unfinished = FIGURE_MANY - finished (result);
    bool is_done = dpool_async_result_wait (result, 300000) == 0;
    watch_update (&self->watch);
    for (size_t i = 0; i < FIGURE_MANY; i++)
        n_again += n_starts[i] > 0 && self->watch.tasks[i].n_starts > n_starts[i];
    size_t n_wrong = is_done ? count_wrong (result) : FIGURE_MANY;
    printf (
        "broker kill -9, %d times, %zu still unfinished: %zu of %zu running tasks started again, %zu wrong\n",
        N_KILLS, n_unfinished, n_again, n_running, n_wrong);
    dpool_async_result_destroy (&result);
    free (n_starts);
    return n_wrong == 0 && n_again * 10 <= n_running;
}
