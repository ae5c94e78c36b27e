/* SPDX-License-Identifier: MPL-2.0 */
/* crew_exit.c - a child is up, has brought something, or is gone: who is to blame, and what becomes of its
 * runs. */
#include "worker/crew_internal.h"

#include <signal.h>
#include <stdio.h>

static crew_child_t *child_at (const crew_t *self, size_t place)
{
    crew_child_t *child = place < self->n_places ? self->places[place] : NULL;
    return child && child->state != CHILD_EMPTY ? child : NULL;
}

void crew_child_ready (crew_t *self, int64_t now_ms, size_t place, int64_t pid)
{
    crew_child_t *child = child_at (self, place);
    if (!child)
        return;
    child->pid = pid;
    if (child->state != CHILD_STARTING)
        return;
    crew_pool_t *pool = child->pool;
    pool->n_failed_starts = 0;
    pool->retry_at_ms = 0;
    pool->is_broken = false;
    pool->progress_at_ms = now_ms;
    pool->n_handed_back = 0;
    crew_child_set_state (child, CHILD_IDLE);
}

void crew_child_initializer_failed (crew_t *self, int64_t now_ms, size_t place, const dpool_error_t *error)
{
    crew_child_t *child = child_at (self, place);
    if (!child || child->state != CHILD_STARTING)
        return;
    crew_child_set_state (child, CHILD_ENDING);
    child->kill_at_ms = now_ms + self->cancel_grace_ms;
    dpool_error_t failure = *error;
    if (!failure.message || !*failure.message)
        failure.message = "the initializer failed";
    if (!failure.host || !*failure.host)
        failure.host = self->host;
    if (failure.pid == 0)
        failure.pid = (pid_t) child->pid;
    crew_pool_failed (self, now_ms, child->pool, &failure);
}

void crew_slot_seen (crew_t *self, int64_t now_ms, size_t place, const crew_slot_t *slot)
{
    (void) now_ms;
    crew_child_t *child = child_at (self, place);
    if (child)
        child->slot = *slot;
}

/* The run that n outcomes are of; NULL: it is none that this child has, or has no so many items left. */
static crew_run_t *run_of (crew_t *self, size_t place, uint64_t serial, size_t n)
{
    crew_child_t *child = child_at (self, place);
    crew_run_t *run = child ? crew_child_current (child) : NULL;
    return run && run->serial == serial && n <= run->n_items - run->n_finished ? run : NULL;
}

static void go_on (crew_t *self, int64_t now_ms, crew_run_t *run)
{
    crew_child_t *child = run->child;
    if (run->n_finished < run->n_items) {
        if (run->cancel >= CANCEL_FLAGGED) { /* the items behind it shall not run */
            run->cancel = CANCEL_KILLED;
            crew_child_kill (self, child, KILL_CANCEL, SIGKILL);
        }
        return;
    }
    crew_learn (self, run->total_us);
    crew_run_finish (self, run, OUTCOME_VALUE);
    crew_child_settle (self, now_ms, child);
}

void crew_items_finished (crew_t *self, int64_t now_ms, size_t place, uint64_t serial, size_t n,
                          const void *outcomes, size_t len, uint64_t run_us)
{
    crew_run_t *run = run_of (self, place, serial, n);
    if (!run)
        return;
    crew_run_add (self, run, n, outcomes, len, run_us);
    go_on (self, now_ms, run);
}

void crew_item_finished_long (crew_t *self, int64_t now_ms, size_t place, uint64_t serial, dp_blob_t *outcome,
                              uint64_t run_us)
{
    crew_run_t *run = run_of (self, place, serial, 1);
    if (!run)
        return;
    crew_run_add_long (self, run, outcome, run_us);
    go_on (self, now_ms, run);
}

bool crew_will_look (const crew_t *self, int64_t now_ms, size_t place)
{
    const crew_child_t *child = child_at (self, place);
    const crew_run_t *run = child ? crew_child_current (child) : NULL;
    return run && now_ms - run->part_since_ms < CREW_PART_MS && !run->is_unwanted
           && run->cancel == CANCEL_NONE;
}

/* ---- The end of a child ------------------------------------------------------------------------ */

static dpool_error_t error_of (const crew_t *self, const crew_child_t *child, const crew_exit_t *exit,
                               const char *message)
{
    return (dpool_error_t) { .message = message,
                             .host = self->host,
                             .stderr_tail = exit->stderr_tail ? exit->stderr_tail : "",
                             .pid = (pid_t) child->pid,
                             .signal = exit->signal,
                             .exit_status = exit->exit_status,
                             .out_of_memory = exit->is_out_of_memory,
                             .peak_memory_bytes = exit->peak_memory_bytes,
                             .cpu_time_us = exit->cpu_time_us };
}

/* Items up to "end" may have been started, and what they brought is lost. */
static void lose_items (crew_run_t *run, uint64_t end)
{
    static const dpool_error_t lost = { .message = "its process is gone, and it may not be run again" };
    while (run->n_finished < end)
        if (run->is_at_most_once)
            crew_run_put_error (run, OUTCOME_LOST, &lost);
        else
            crew_run_put_not_started (run, 1);
}

/* The item gets the outcome, those behind it were not started. */
static void blame (crew_t *self, crew_run_t *run, uint64_t item, outcome_status_t status,
                   dpool_error_t *error)
{
    lose_items (run, item);
    error->attempts = (unsigned) run->attempt;
    if (run->n_finished <= item)
        crew_run_put_error (run, status, error);
    if (status == OUTCOME_KILLED) {
        static const dpool_error_t cancelled = { .message = "cancelled before it started" };
        for (size_t n = 0; run->n_finished < run->n_items; n++)
            crew_run_put_error (run, OUTCOME_CANCELLED, n < CREW_MAX_TOLD_ITEMS ? &cancelled : NULL);
    }
    crew_run_put_not_started (run, run->n_items - run->n_finished);
    crew_run_finish (self, run, status);
}

/* Its child died for something else. */
static void acquit (crew_t *self, int64_t now_ms, crew_run_t *run, uint64_t end)
{
    if (run->n_finished == 0 && (!run->is_at_most_once || end == 0)) {
        run->was_started |= end > 0;
        crew_requeue_run (self, now_ms, run);
        return;
    }
    bool has_values = run->n_finished > 0;
    lose_items (run, end);
    bool has_rest = run->n_finished < run->n_items;
    crew_run_put_not_started (run, run->n_items - run->n_finished);
    /* As a value, so that the items that never started are tried again. */
    crew_run_finish (self, run, has_values || has_rest ? OUTCOME_VALUE : OUTCOME_LOST);
}

/* What this run, which was started, ends as; OUTCOME_VALUE = it is not to blame. */
static outcome_status_t verdict (const crew_child_t *child, const crew_run_t *run, const crew_exit_t *exit)
{
    if (run->cancel >= CANCEL_TERMED || (run->cancel != CANCEL_NONE && child->is_killed))
        return OUTCOME_KILLED;
    bool is_in_item
        = crew_run_has (run, exit->slot.number) && exit->slot.number - run->serial >= run->n_finished;
    if (!is_in_item)
        return OUTCOME_VALUE;
    if (child->is_killed && exit->signal == SIGKILL && !exit->is_out_of_memory) {
        bool is_meant = child->kill_number == exit->slot.number;
        return child->kill == KILL_TIME_LIMIT && is_meant ? OUTCOME_TIMED_OUT : OUTCOME_VALUE;
    }
    if (child->is_doomed && exit->signal == SIGTERM)
        return OUTCOME_VALUE;
    return OUTCOME_CRASHED;
}

static void end_started (crew_t *self, int64_t now_ms, const crew_child_t *child, crew_run_t *run,
                         const crew_exit_t *exit)
{
    uint64_t item = run->n_items - 1;
    if (crew_run_has (run, exit->slot.number))
        item = exit->slot.number - run->serial;
    char message[160];
    outcome_status_t status = verdict (child, run, exit);
    switch (status) {
    case OUTCOME_VALUE:
        acquit (self, now_ms, run, item + 1);
        return;
    case OUTCOME_KILLED:
        snprintf (message, sizeof message, "cancelled while it ran");
        break;
    case OUTCOME_TIMED_OUT:
        snprintf (message, sizeof message, "it ran longer than its time limit of %llu ms",
                  (unsigned long long) run->time_limit_ms);
        break;
    default:
        crew_failure_text (message, sizeof message, exit);
    }
    dpool_error_t error = error_of (self, child, exit, message);
    if (status == OUTCOME_CRASHED)
        crew_log_error (self, "%s crashed: %s (pid %lld)", run->function, message, (long long) child->pid);
    blame (self, run, item, status, &error);
}

static void end_runs (crew_t *self, int64_t now_ms, crew_child_t *child, const crew_exit_t *exit)
{
    DP_LIST_EACH (&child->runs, node) {
        crew_run_t *run = DP_CONTAINER (node, crew_run_t, in_queue);
        if (run->is_unwanted)
            crew_run_free (self, run);
        else if (run->serial > exit->slot.number)
            crew_requeue_run (self, now_ms, run);
        else
            end_started (self, now_ms, child, run, exit);
    }
}

static void failed_start (crew_t *self, int64_t now_ms, const crew_child_t *child, const crew_exit_t *exit)
{
    char message[256], how[160];
    const char *name = child->pool->session.initializer;
    if (exit->signal != 0 || exit->is_out_of_memory)
        crew_failure_text (how, sizeof how, exit);
    else if (exit->exit_status != 0)
        snprintf (how, sizeof how, "its process called exit (%d)", exit->exit_status);
    else
        snprintf (how, sizeof how, "its process called exit (0), or could not be forked");
    if (name && *name)
        snprintf (message, sizeof message, "in the initializer %s: %s", name, how);
    else
        snprintf (message, sizeof message, "before it was ready: %s", how);
    dpool_error_t error = error_of (self, child, exit, message);
    crew_pool_failed (self, now_ms, child->pool, &error);
}

void crew_child_exited (crew_t *self, int64_t now_ms, size_t place, const crew_exit_t *exit)
{
    crew_child_t *child = child_at (self, place);
    if (!child)
        return;
    crew_pool_t *pool = child->pool;
    crew_unwant_place (self, place);
    child->slot = exit->slot;
    child->n_take_backs = 0;
    if (child->state == CHILD_STARTING)
        failed_start (self, now_ms, child, exit);
    end_runs (self, now_ms, child, exit);
    crew_child_set_state (child, CHILD_EMPTY);
    if (pool == self->common)
        return;
    child->pool = NULL;
    dp_list_append (&self->vacant, &child->in_pool);
    if (pool->is_ended && pool->n_children == 0)
        crew_pool_free (&pool);
}
