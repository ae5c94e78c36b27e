/* SPDX-License-Identifier: MPL-2.0 */
/* crew_cancel.c - stopping what runs, and taking back what does not run yet. */
#include "worker/crew_internal.h"

#include <signal.h>

static bool is_started (const crew_run_t *run)
{
    return run->n_finished > 0 || run->child->slot.number >= run->serial;
}

/* The items that are known to have started. */
static uint64_t n_started (const crew_run_t *run)
{
    uint64_t number = run->child->slot.number;
    uint64_t n_claimed = crew_run_has (run, number) ? number - run->serial + 1 : 0;
    return n_claimed > run->n_finished ? n_claimed : run->n_finished;
}

static void flag (crew_t *self, int64_t now_ms, crew_run_t *run)
{
    run->cancel = CANCEL_FLAGGED;
    run->cancel_at_ms = now_ms + self->cancel_grace_ms;
    crew_want_place (self, CREW_FLAG, run->child->place, run->serial, 0);
}

static void end_cancelled (crew_t *self, crew_run_t *run)
{
    dpool_error_t error = { .host = self->host };
    error.message
        = run->was_started ? "cancelled before it started once more" : "cancelled before it started";
    crew_run_end (self, run, run->was_started ? OUTCOME_KILLED : OUTCOME_CANCELLED, &error);
}

void crew_cancel_run (crew_t *self, int64_t now_ms, crew_run_t *run)
{
    if (run->state == RUN_WAITING)
        end_cancelled (self, run);
    else if (run->state == RUN_RUNNING && run->cancel == CANCEL_NONE) {
        if (is_started (run))
            flag (self, now_ms, run);
        else { /* perhaps it never has to start */
            run->cancel = CANCEL_ASKED;
            crew_child_take_back (self, run->child, run->serial);
        }
    }
}

void crew_revoke_run (crew_t *self, crew_run_t *run)
{
    if (run->state == RUN_WAITING)
        crew_run_release (self, run);
    else if (run->state == RUN_RUNNING && run->cancel == CANCEL_NONE && !run->is_revoked
             && n_started (run) < run->n_items) {
        run->is_revoked = true;
        crew_child_take_back (self, run->child, run->serial + n_started (run));
    }
}

void crew_part_with (crew_t *self, const crew_run_t *run)
{
    self->parted[self->n_parted++ % CREW_MAX_PARTED]
        = (crew_name_t) { run->tenant->by_id.key, run->id, run->attempt };
}

bool crew_has_parted_with (const crew_t *self, const wire_run_t *name)
{
    size_t n = self->n_parted < CREW_MAX_PARTED ? self->n_parted : CREW_MAX_PARTED;
    for (size_t i = 0; i < n; i++) {
        const crew_name_t *parted = &self->parted[i];
        if (parted->id == name->id && parted->attempt == name->attempt && parted->session == name->session)
            return true;
    }
    return false;
}

void crew_drop_run (crew_t *self, int64_t now_ms, crew_run_t *run)
{
    if (run->state != RUN_WAITING)
        crew_part_with (self, run);
    run->is_unwanted = true;
    if (run->state == RUN_RUNNING)
        crew_cancel_run (self, now_ms, run);
    else
        crew_run_free (self, run);
}

/* ---- Taking back ------------------------------------------------------------------------------- */

void crew_requeue_run (crew_t *self, int64_t now_ms, crew_run_t *run)
{
    if (run->is_unwanted)
        crew_run_free (self, run);
    else if (run->cancel != CANCEL_NONE)
        end_cancelled (self, run);
    else if (run->is_revoked)
        crew_run_release (self, run);
    else
        crew_run_wait (self, now_ms, run);
}

/* Does the slot show an item of this run that is not finished? */
static bool is_in_item (const crew_child_t *child, const crew_run_t *run)
{
    return crew_run_has (run, child->slot.number) && child->slot.number - run->serial >= run->n_finished;
}

/* A child whose memory was overwritten may say that what it has brought has not started. */
static void cut (crew_t *self, int64_t now_ms, crew_child_t *child, crew_run_t *run, uint64_t n)
{
    if (n < run->n_finished)
        n = run->n_finished;
    if (n >= run->n_items)
        return;
    child->n_items -= run->n_items - n;
    int64_t since_ms = is_in_item (child, run) ? now_ms - child->slot.started_at_ms : 0;
    crew_run_cut (self, run, n, run->total_us + (since_ms > 0 ? (uint64_t) since_ms * 1000 : 0));
    if (run->n_finished < n)
        return;
    crew_learn (self, run->total_us);
    crew_run_finish (self, run, OUTCOME_VALUE);
}

void crew_taken_back (crew_t *self, int64_t now_ms, size_t place, uint64_t first)
{
    crew_child_t *child = place < self->n_places ? self->places[place] : NULL;
    if (!child || child->state == CHILD_EMPTY)
        return;
    if (child->n_take_backs > 0)
        child->n_take_backs--;
    while (child->n_runs > 0) {
        crew_run_t *run = DP_CONTAINER (child->runs.previous, crew_run_t, in_queue);
        if (run->serial < first) {
            cut (self, now_ms, child, run, first - run->serial);
            break;
        }
        child->n_items -= run->n_items;
        crew_requeue_run (self, now_ms, run);
    }
    if (child->n_take_backs == 0)
        DP_LIST_EACH (&child->runs, node) {
            crew_run_t *run = DP_CONTAINER (node, crew_run_t, in_queue);
            run->is_revoked = false; /* too late */
            if (run->cancel == CANCEL_ASKED)
                flag (self, now_ms, run);
        }
    crew_child_settle (self, now_ms, child);
    if (self->is_draining)
        crew_hand_back (self, now_ms);
    /* The edge answers in the middle of a turn: what follows must not wait for the next. */
    crew_hand_out (self, now_ms);
    for (size_t i = 0; i < self->n_brokers; i++)
        crew_broker_flush (self, now_ms, &self->brokers[i]);
}

/* ---- Watching ---------------------------------------------------------------------------------- */

static void watch_cancel (crew_t *self, int64_t now_ms, crew_child_t *child, crew_run_t *run)
{
    if (run->cancel != CANCEL_FLAGGED && run->cancel != CANCEL_TERMED)
        return;
    if (now_ms >= run->cancel_at_ms) {
        bool is_flagged = run->cancel == CANCEL_FLAGGED;
        crew_child_kill (self, child, KILL_CANCEL, is_flagged ? SIGTERM : SIGKILL);
        run->cancel = is_flagged ? CANCEL_TERMED : CANCEL_KILLED;
        run->cancel_at_ms = now_ms + self->cancel_grace_ms;
    }
    if (run->cancel != CANCEL_KILLED)
        crew_due (self, run->cancel_at_ms);
}

static void watch_time_limit (crew_t *self, int64_t now_ms, crew_child_t *child, const crew_run_t *run)
{
    if (run->time_limit_ms == 0 || child->is_killed)
        return;
    int64_t limit_ms = run->time_limit_ms < INT32_MAX ? (int64_t) run->time_limit_ms : INT32_MAX;
    /* What has not started when the slot was read cannot be over its limit before this. */
    int64_t started_at_ms = is_in_item (child, run) ? child->slot.started_at_ms : now_ms;
    if (now_ms - started_at_ms > limit_ms)
        crew_child_kill (self, child, KILL_TIME_LIMIT, SIGKILL);
    else
        crew_due (self, started_at_ms + limit_ms + 1);
}

/* What is behind a slow item, or behind a run of many, comes back, so that others can run it: whole runs, and
   the items of a loose one, each of which is somebody's call. */
static void watch_stall (crew_t *self, int64_t now_ms, crew_child_t *child, const crew_run_t *run)
{
    bool is_divisible = run->is_loose && n_started (run) < run->n_items && run->cancel == CANCEL_NONE;
    if ((child->n_runs < 2 && !is_divisible) || child->n_take_backs > 0)
        return;
    int64_t due_at_ms = (is_in_item (child, run) ? child->slot.started_at_ms : now_ms) + CREW_STALL_MS;
    int64_t run_due_at_ms = run->started_at_ms + (is_divisible ? CREW_STALL_MS : CREW_LONG_RUN_MS);
    if (run->started_at_ms != 0 && run_due_at_ms < due_at_ms)
        due_at_ms = run_due_at_ms;
    if (now_ms > due_at_ms)
        crew_child_take_back (self, child,
                              is_divisible ? run->serial + n_started (run)
                                           : DP_CONTAINER (run->in_queue.next, crew_run_t, in_queue)->serial);
    else
        crew_due (self, due_at_ms + 1);
}

/* Finished items of an unfinished run are reported when its part has lasted so long, or with the next one
   after that. Until then nobody need tell us of any but the last. */
static void watch_part (crew_t *self, int64_t now_ms, crew_run_t *run)
{
    if (run->is_unwanted)
        return;
    if (run->part_since_ms == 0)
        run->part_since_ms = now_ms;
    if (run->n_finished > run->part_first && now_ms - run->part_since_ms >= CREW_PART_MS) {
        crew_run_report (self, run);
        run->part_since_ms = now_ms;
    }
    bool has_more = run->n_items - run->n_finished > 1; /* the last one is told of at once */
    if ((has_more || run->n_finished > run->part_first) && now_ms - run->part_since_ms < CREW_PART_MS)
        crew_due (self, run->part_since_ms + CREW_PART_MS);
}

static void tell_progress (crew_t *self, int64_t now_ms, const crew_child_t *child, crew_run_t *run)
{
    const crew_slot_t *slot = &child->slot;
    wire_run_t progress = { .session = run->tenant->by_id.key, .id = run->id, .attempt = run->attempt };
    progress.state = WIRE_RUN_RUNNING;
    progress.item = run->told_item = slot->number - run->serial;
    progress.done = run->told_done = slot->done;
    progress.steps = run->told_steps = slot->steps;
    progress.since_ms = (uint64_t) (now_ms - run->started_at_ms);
    run->told_at_ms = now_ms;
    wire_add_run (&run->broker->progress, &self->outbox, run->broker->number, WIRE_PROGRESS, &progress);
}

static void watch_progress (crew_t *self, int64_t now_ms, const crew_child_t *child, crew_run_t *run)
{
    const crew_slot_t *slot = &child->slot;
    bool is_seen = crew_run_has (run, slot->number);
    if (is_seen && run->started_at_ms == 0)
        run->started_at_ms = slot->started_at_ms;
    if (run->is_orphan || run->is_unwanted)
        return;
    int64_t due_at_ms = now_ms + CREW_PROGRESS_MS;
    if (run->started_at_ms != 0 && is_seen) {
        bool is_news = run->told_at_ms == 0 || slot->number - run->serial != run->told_item
                       || slot->done != run->told_done || slot->steps != run->told_steps;
        int64_t last_ms = run->told_at_ms != 0 ? run->told_at_ms : run->started_at_ms;
        if (is_news && now_ms - last_ms >= CREW_PROGRESS_MS)
            tell_progress (self, now_ms, child, run);
        else if (is_news)
            due_at_ms = last_ms + CREW_PROGRESS_MS;
    }
    crew_due (self, due_at_ms);
}

static void watch_child (crew_t *self, int64_t now_ms, crew_child_t *child)
{
    if (child->state == CHILD_ENDING && !child->is_killed) {
        if (now_ms >= child->kill_at_ms)
            crew_child_kill (self, child, KILL_END, SIGKILL);
        else
            crew_due (self, child->kill_at_ms);
    }
    crew_run_t *run = crew_child_current (child);
    if (!run)
        return;
    watch_cancel (self, now_ms, child, run);
    watch_time_limit (self, now_ms, child, run);
    watch_stall (self, now_ms, child, run);
    watch_part (self, now_ms, run);
    watch_progress (self, now_ms, child, run);
    if (child->n_take_backs > 0) /* the answer may bring deadlines of its own */
        crew_due (self, now_ms + 1);
}

void crew_watch (crew_t *self, int64_t now_ms)
{
    for (size_t i = 0; i < self->n_places; i++)
        if (self->places[i]->state == CHILD_BUSY || self->places[i]->state == CHILD_ENDING)
            watch_child (self, now_ms, self->places[i]);
}
