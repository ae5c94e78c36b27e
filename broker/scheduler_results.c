/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_results.c - what workers report: results and progress. */
#include "broker/scheduler_internal.h"

#include <string.h>

/* Learn how long such tasks take, and charge the session for what was used instead of what was guessed. */
static void account (task_t *task, const wire_result_t *result)
{
    session_record_t *session = task->session;
    session->used_us += result->run_us;
    session->used_us -= task->charged_us < session->used_us ? task->charged_us : session->used_us;
    task->charged_us = 0;
    lane_t *lane = task->lane;
    if (lane != NULL)
        lane->mean_us = lane->mean_us == 0 ? result->run_us : (lane->mean_us * 7 + result->run_us) / 8;
}

/* R5: a value or a failure of any attempt wins; every other status counts for the present attempt alone. */
static bool counts (const task_t *task, const wire_result_t *result, const worker_record_t *worker)
{
    bool is_present
        = task->state == TASK_ASSIGNED && task->worker == worker && task->attempt == result->attempt;
    if (task->state == TASK_FINISHED)
        return false;
    if (is_present)
        return true;
    return result->is_final && result->status == OUTCOME_VALUE;
}

/* Another worker runs what is finished now. */
static void stop_other_run (scheduler_t *self, task_t *task)
{
    wire_run_t run = { .session = task->session->peer.id, .id = task->by_id.key, .attempt = task->attempt };
    scheduler_tell_run (self, task->worker, WIRE_CANCEL, &run);
}

static void take_final (scheduler_t *self, worker_record_t *worker, task_t *task, const wire_result_t *result,
                        dp_blob_t *blob)
{
    account (task, result);
    if (task->state == TASK_ASSIGNED) {
        if (task->worker != worker || task->attempt != result->attempt)
            stop_other_run (self, task);
        scheduler_unassign (self, task);
        scheduler_hold (self, task, result, blob);
        return;
    }
    /* It is queued again, since its worker was thought lost; the late result saves the second run. */
    scheduler_unqueue (self, task);
    scheduler_hold (self, task, result, blob);
}

static void take_result (scheduler_t *self, worker_record_t *worker, const wire_result_t *result,
                         dp_blob_t *const *blobs)
{
    worker->peer.n_received++;
    self->stats.total_results++;
    dp_map_node_t *node = dp_map_get (&self->sessions, result->session);
    session_record_t *session = node != NULL ? DP_CONTAINER (node, session_record_t, peer.by_id) : NULL;
    task_t *task = session != NULL ? scheduler_task (session, result->id) : NULL;
    if (task == NULL || !counts (task, result, worker)) {
        self->stats.total_late_results++;
        return;
    }
    dp_blob_t *blob = result->payload.frame > 0 && blobs != NULL ? blobs[result->payload.frame] : NULL;
    if (result->is_final)
        take_final (self, worker, task, result, blob);
    else {
        session->used_us += result->run_us;
        scheduler_hold (self, task, result, blob);
    }
}

void scheduler_on_results (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message,
                           dp_blob_t *const *blobs)
{
    (void) now_ms;
    worker_record_t *worker = DP_CONTAINER (peer, worker_record_t, peer);
    if (message->window_tasks > 0)
        worker->window = message->window_tasks;
    wire_result_t result;
    while (wire_next_result (message, &result))
        take_result (self, worker, &result, blobs);
    scheduler_rank (self, worker);
    scheduler_touch (self, peer);
}

void scheduler_on_progress (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    worker_record_t *worker = DP_CONTAINER (peer, worker_record_t, peer);
    wire_run_t run;
    while (wire_next_run (message, &run)) {
        dp_map_node_t *node = dp_map_get (&self->sessions, run.session);
        session_record_t *session = node != NULL ? DP_CONTAINER (node, session_record_t, peer.by_id) : NULL;
        task_t *task = session != NULL ? scheduler_task (session, run.id) : NULL;
        if (task == NULL || task->worker != worker || task->attempt != run.attempt)
            continue;
        if (!task->has_started && run.state == WIRE_RUN_RUNNING) {
            task->has_started = true;
            task->since_ms = now_ms - (int64_t) run.since_ms;
        }
        if (session->peer.connection == 0)
            continue;
        run.session = 0;
        run.worker = (wire_text_t) { peer->name, strlen (peer->name) };
        wire_add_run (&session->progress, &self->outbox, session->peer.connection, WIRE_PROGRESS, &run);
        scheduler_touch (self, &session->peer);
    }
}
