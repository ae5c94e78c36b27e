/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_results.c - what workers report: results and progress. */
#include "broker/scheduler_internal.h"

#include <string.h>

/* Learn how long such tasks take, and charge the session for what was used; the guess is refunded when the
   task leaves its worker. */
static void account (task_t *task, const wire_result_t *result)
{
    uint64_t run_us = result->run_us < SCHEDULER_MAX_RUN_US ? result->run_us : SCHEDULER_MAX_RUN_US;
    session_record_t *session = scheduler_session_of (task);
    session->used_us += session->used_us < UINT64_MAX / 2 ? run_us : 0;
    if (!task->has_lane || !result->is_final)
        return;
    route_t *route = task->of.lane->route;
    uint64_t mean_us = route->mean_us == 0 ? run_us : (route->mean_us * 7 + run_us) / 8;
    route->mean_us = mean_us > 0 ? mean_us : 1;
}

/* R5: a value or a failure of any attempt wins; every other status counts for the present attempt alone. What
   a chunk that goes on reports are values and failures: of these too none may be lost, since the attempt may
   win without saying them again. */
static bool counts (const task_t *task, bool is_present, const wire_result_t *result)
{
    return task->state != TASK_FINISHED && (is_present || result->status == OUTCOME_VALUE);
}

static void take_final (scheduler_t *self, task_t *task, bool is_present)
{
    if (task->state == TASK_QUEUED) /* its worker was thought lost; the late result saves the second run */
        scheduler_unqueue (self, task);
    else if (is_present)
        scheduler_unassign (self, task);
    else
        scheduler_abandon (self, task);
}

/* It was stopped though its client did not ask for that: its run was superfluous once, at a broker that is
   gone by now, or its worker is wrong. It is as if it had not come to its worker, or had been lost there. */
static bool is_stopped_by_nobody (const task_t *task, const wire_result_t *result)
{
    bool is_stopped = result->status == OUTCOME_CANCELLED || result->status == OUTCOME_KILLED;
    return is_stopped && result->is_final && !task->is_cancelled;
}

/* The end of a run that was cut and is not the present one: it has nothing of the items behind the cut, of
   which the present run may know more. What it has counts. */
static bool is_partial (const task_t *task, bool is_present, const wire_result_t *result)
{
    return !is_present && result->is_final && result->first + result->n_items < scheduler_n_items_of (task);
}

/* The task of a run. Mostly workers end their runs in the order in which they got them: then nothing is
   looked up. */
static task_t *task_of (const scheduler_t *self, const worker_record_t *worker, const wire_result_t *result)
{
    if (!dp_list_is_empty (&worker->runs)) {
        task_t *oldest = DP_CONTAINER (worker->runs.next, task_t, in_place);
        if (oldest->by_id.key == result->id && scheduler_session_of (oldest)->peer.id == result->session)
            return oldest;
    }
    const session_record_t *session = scheduler_session (self, result->session);
    return session != NULL ? scheduler_task (session, result->id) : NULL;
}

/* WHO has it return at once, before what it runs is given up. */
static void refuse_flood (scheduler_t *self, int64_t now_ms, uint64_t connection)
{
    scheduler_refuse (self, now_ms, connection, WIRE_REFUSED_LIMIT,
                      "it sends results of sessions that are full, and does not heed the ROOM that says so");
    wire_put_bare (&self->outbox, connection, WIRE_WHO, 0);
}

/* False: the worker is refused, and the result was not taken. */
static bool take_result (scheduler_t *self, int64_t now_ms, worker_record_t *worker,
                         const wire_result_t *result, dp_blob_t *const *blobs)
{
    dp_acks_take (&worker->peer.acks, now_ms, result->payload.len);
    self->stats.total_results++;
    task_t *task = task_of (self, worker, result);
    bool is_present = task != NULL && scheduler_worker_of (task) == worker
                      && scheduler_attempt_of (task) == result->attempt;
    if (!is_present && result->is_final)
        scheduler_end_ghost (worker, result->session, result->id, result->attempt);
    if (task == NULL || !counts (task, is_present, result) || !scheduler_has_say (worker, task)) {
        self->stats.total_late_results++;
        return true;
    }
    if (scheduler_floods (self, worker, scheduler_session_of (task), result->payload.len)) {
        refuse_flood (self, now_ms, worker->peer.connection);
        return false;
    }
    wire_result_t kept = *result;
    kept.is_final = result->is_final && !is_partial (task, is_present, result);
    bool is_cut = scheduler_is_cut (result);
    if (is_cut && !scheduler_cut (self, task, result))
        return true;
    if (!is_cut && !kept.is_final && !scheduler_take_part (self, task, &kept)) {
        self->stats.total_late_results++;
        return true;
    }
    if (!is_cut) /* what it says of the time is said again by the results of what is left */
        account (task, result);
    if (is_stopped_by_nobody (task, result)) {
        scheduler_return (self, now_ms, task,
                          result->status == OUTCOME_KILLED ? RETURN_LOST : RETURN_RELEASED);
        return true;
    }
    if (kept.is_final)
        take_final (self, task, is_present);
    scheduler_hold (self, task, &kept,
                    result->payload.frame > 0 && blobs != NULL ? blobs[result->payload.frame] : NULL);
    return true;
}

void scheduler_on_results (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message,
                           dp_blob_t *const *blobs)
{
    worker_record_t *worker = DP_CONTAINER (peer, worker_record_t, peer);
    scheduler_take_window (worker, message);
    wire_result_t result;
    while (wire_next_result (message, &result))
        if (!take_result (self, now_ms, worker, &result, blobs))
            return;
    scheduler_rank (self, worker);
    scheduler_touch (self, peer);
}

/* When it started: not before it was given to the worker, whatever that says. */
static void note_start (task_t *task, int64_t now_ms, const wire_run_t *run)
{
    if (task->has_started || run->state != WIRE_RUN_RUNNING)
        return;
    task->has_started = true;
    if (run->since_ms < (uint64_t) now_ms - task->since_ms)
        scheduler_set_since (task, now_ms - (int64_t) run->since_ms);
}

/* An honest worker says of each run once in 100 ms how far it is, and two of these may come together. What it
   says beyond that is not passed on: its client hears of the run again. */
static bool may_pass_on (worker_record_t *worker, int64_t now_ms)
{
    enum { EVERY_MS = 100, EACH = 2, MOST = 2048 };
    if (now_ms - worker->progress_since_ms >= EVERY_MS) {
        worker->progress_since_ms = now_ms;
        worker->n_progress = 0;
    }
    if (worker->n_progress >= MOST || worker->n_progress >= EACH * worker->n_runs)
        return false;
    worker->n_progress++;
    return true;
}

void scheduler_on_progress (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    worker_record_t *worker = DP_CONTAINER (peer, worker_record_t, peer);
    wire_run_t run;
    while (wire_next_run (message, &run)) {
        session_record_t *session = scheduler_session (self, run.session);
        task_t *task = session != NULL ? scheduler_task (session, run.id) : NULL;
        if (task == NULL || scheduler_worker_of (task) != worker
            || scheduler_attempt_of (task) != run.attempt)
            continue;
        note_start (task, now_ms, &run);
        if (session->peer.connection == 0 || !may_pass_on (worker, now_ms))
            continue;
        run.session = 0;
        run.worker = (wire_text_t) { peer->name, strlen (peer->name) };
        wire_add_run (&session->progress, &self->outbox, session->peer.connection, WIRE_PROGRESS, &run);
        scheduler_touch (self, &session->peer);
    }
}
