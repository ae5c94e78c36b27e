/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_tasks.c - the moves of a task: QUEUED, ASSIGNED, FINISHED. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { INLINE_PAYLOAD = 512 }; /* a longer payload is a blob of its own */

task_t *scheduler_task (const session_record_t *session, uint64_t id)
{
    dp_map_node_t *node = dp_map_get (&session->tasks, id);
    return node != NULL ? DP_CONTAINER (node, task_t, by_id) : NULL;
}

/* ---- Lanes ---------------------------------------------------------------------------------- */

static bool is_lane_of (const lane_t *lane, const wire_group_t *group)
{
    size_t len = strlen (lane->function->name),
           require_len = lane->require != NULL ? strlen (lane->require->name) : 0;
    return lane->priority == group->priority && lane->time_limit_ms == group->time_limit_ms
           && lane->is_at_most_once == group->is_at_most_once && len == group->function.len
           && require_len == group->require.len
           && memcmp (lane->function->name, group->function.data, len) == 0
           && (require_len == 0 || memcmp (lane->require->name, group->require.data, require_len) == 0);
}

lane_t *scheduler_lane (scheduler_t *self, session_record_t *session, const wire_group_t *group)
{
    DP_LIST_EACH (&session->lanes, node)
    {
        lane_t *lane = DP_CONTAINER (node, lane_t, in_session);
        if (is_lane_of (lane, group)) {
            dp_list_remove (node); /* the one used last is looked at first */
            dp_list_prepend (&session->lanes, node);
            return lane;
        }
    }
    lane_t *lane = dp_must_alloc (sizeof *lane);
    dp_list_init (&lane->in_session);
    dp_list_init (&lane->in_waiting);
    dp_list_init (&lane->queue);
    lane->session = session;
    lane->function = scheduler_offer (self, 'f', group->function);
    lane->require = group->require.len > 0 ? scheduler_offer (self, 'l', group->require) : NULL;
    lane->priority = group->priority;
    lane->time_limit_ms = group->time_limit_ms;
    lane->is_at_most_once = group->is_at_most_once;
    dp_list_prepend (&session->lanes, &lane->in_session);
    return lane;
}

/* ---- Queue ---------------------------------------------------------------------------------- */

static void wake_lane (scheduler_t *self, int64_t now_ms, lane_t *lane)
{
    session_record_t *session = lane->session;
    if (dp_list_is_empty (&lane->in_waiting)) {
        dp_list_t *before = &session->waiting;
        while (before->previous != &session->waiting
               && DP_CONTAINER (before->previous, lane_t, in_waiting)->priority < lane->priority)
            before = before->previous;
        dp_list_append (before, &lane->in_waiting);
        lane->waiting_since_ms = now_ms;
        if (scheduler_is_hopeless (self, lane))
            self->is_checking_lanes = true;
    }
    if (session->by_use.place == 0) {
        /* Who was idle has no claim on the past: it starts level with those who are served. */
        if (session->used_us < self->floor_us)
            session->used_us = self->floor_us;
        dp_heap_push (&self->hungry, &session->by_use, session->used_us);
    }
}

void scheduler_queue (scheduler_t *self, int64_t now_ms, task_t *task, bool at_head)
{
    task->state = TASK_QUEUED;
    task->worker = NULL;
    task->since_ms = now_ms;
    task->session->n_queued++;
    self->stats.n_queued++;
    if (at_head)
        dp_list_prepend (&task->lane->queue, &task->in_lane);
    else
        dp_list_append (&task->lane->queue, &task->in_lane);
    task->lane->n_queued++;
    wake_lane (self, now_ms, task->lane);
}

/* Out of the queue, or of those that wait for the grace's end. */
void scheduler_unqueue (scheduler_t *self, task_t *task)
{
    assert (task->state == TASK_QUEUED);
    lane_t *lane = task->lane;
    dp_list_remove (&task->in_lane);
    task->session->n_queued--;
    self->stats.n_queued--;
    lane->n_queued--;
    if (dp_list_is_empty (&lane->queue))
        dp_list_remove (&lane->in_waiting);
    if (dp_list_is_empty (&task->session->waiting))
        dp_heap_remove (&self->hungry, &task->session->by_use);
}

/* ---- Birth ---------------------------------------------------------------------------------- */

static task_t *new_task (scheduler_t *self, session_record_t *session, uint64_t id, size_t payload_len)
{
    task_t *task = dp_must_alloc (sizeof *task + payload_len);
    dp_list_init (&task->in_lane);
    task->session = session;
    dp_map_put (&session->tasks, id, &task->by_id);
    (void) self;
    return task;
}

task_t *scheduler_new_bodyless (scheduler_t *self, session_record_t *session, uint64_t id)
{
    return new_task (self, session, id, 0);
}

static void keep_payload (scheduler_t *self, task_t *task, const wire_task_t *from, dp_blob_t *blob)
{
    task->payload_len = (uint32_t) from->payload.len;
    self->stats.payload_bytes += task->payload_len;
    if (from->payload.len <= INLINE_PAYLOAD)
        memcpy (task->payload, from->payload.data, from->payload.len);
    else if (blob != NULL)
        task->blob = dp_blob_hold (blob);
    else {
        task->blob = dp_blob_copy (from->payload.data, from->payload.len);
        if (task->blob == NULL)
            task->blob = dp_blob_copy ("", 0), task->payload_len = 0;
    }
}

void scheduler_submit (scheduler_t *self, int64_t now_ms, lane_t *lane, const wire_task_t *from,
                       dp_blob_t *blob)
{
    session_record_t *session = lane->session;
    bool is_short = from->payload.len <= INLINE_PAYLOAD;
    if (from->payload.len > self->config.max_payload_bytes) {
        task_t *task = new_task (self, session, from->id, 0);
        task->lane = lane;
        task->n_items = from->n_items;
        scheduler_fail (self, task, OUTCOME_TOO_LARGE,
                        "its arguments are larger than the broker's --max-payload");
        return;
    }
    task_t *task = new_task (self, session, from->id, is_short ? from->payload.len : 0);
    task->lane = lane;
    task->attempt = from->attempt;
    task->job = from->job;
    task->first = from->first;
    task->n_items = from->n_items;
    task->is_at_most_once = lane->is_at_most_once;
    keep_payload (self, task, from, blob);
    self->stats.total_submitted++;
    if (self->n_orphans > 0 && scheduler_adopt_orphan (self, now_ms, session, from->id))
        return;
    scheduler_queue (self, now_ms, task, false);
    if (self->is_in_grace && from->attempt > 0) {
        /* Submitted before to a broker that is gone: a worker that runs it may still come (R12). */
        scheduler_unqueue (self, task);
        session->n_queued++;
        self->stats.n_queued++;
        lane->n_queued++;
        dp_list_append (&session->graced, &task->in_lane);
    }
}

/* ---- Assignment ----------------------------------------------------------------------------- */

static void put_session (scheduler_t *self, worker_record_t *worker, session_record_t *session)
{
    if (dp_map_get (&worker->sessions, session->peer.id) != NULL)
        return;
    known_session_t *known = dp_must_alloc (sizeof *known);
    dp_map_put (&worker->sessions, session->peer.id, &known->by_id);
    wire_put_session (&self->outbox, worker->peer.connection, worker->peer.n_received, &session->config);
}

static void enter_worker (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker)
{
    task->state = TASK_ASSIGNED;
    task->worker = worker;
    task->since_ms = now_ms;
    task->has_started = false;
    dp_list_append (&worker->runs, &task->in_lane);
    worker->n_runs++;
    task->session->n_assigned++;
    self->stats.n_assigned++;
    scheduler_rank (self, worker);
}

void scheduler_assign (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker)
{
    scheduler_unqueue (self, task);
    task->attempt++;
    put_session (self, worker, task->session);
    enter_worker (self, now_ms, task, worker);
    lane_t *lane = task->lane;
    wire_group_t group = {
        .session = task->session->peer.id,
        .function = { lane->function->name, strlen (lane->function->name) },
        .require = { "", 0 },
        .priority = lane->priority,
        .time_limit_ms = lane->time_limit_ms,
        .is_at_most_once = lane->is_at_most_once,
    };
    wire_task_t record = { task->by_id.key, task->attempt, task->job,
                           task->first,     task->n_items, { task->payload, task->payload_len, 0 } };
    if (task->blob != NULL)
        record.payload.data = dp_blob_data (task->blob);
    wire_add_task (&worker->tasks, &self->outbox, worker->peer.connection, WIRE_TASKS, &group, &record,
                   task->blob);
    scheduler_touch (self, &worker->peer);
}

void scheduler_unassign (scheduler_t *self, task_t *task)
{
    assert (task->state == TASK_ASSIGNED);
    dp_list_remove (&task->in_lane);
    task->worker->n_runs--;
    task->session->n_assigned--;
    self->stats.n_assigned--;
    scheduler_rank (self, task->worker);
    task->worker = NULL;
}

void scheduler_adopt (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker,
                      const wire_run_t *run)
{
    if (task->state == TASK_QUEUED && task->lane != NULL)
        scheduler_unqueue (self, task);
    if (run->attempt > task->attempt)
        task->attempt = run->attempt;
    enter_worker (self, now_ms, task, worker);
    task->listed = worker->peer.hello;
    scheduler_tell_run (self, worker, WIRE_ADOPT, run);
    if (task->is_cancelled)
        scheduler_tell_run (self, worker, WIRE_CANCEL, run);
}

/* The task has left its worker without a result. */
void scheduler_return (scheduler_t *self, int64_t now_ms, task_t *task, bool is_lost)
{
    self->stats.total_requeued++;
    if (task->is_cancelled)
        scheduler_fail (self, task, is_lost ? OUTCOME_KILLED : OUTCOME_CANCELLED, "cancelled");
    else if (is_lost && task->is_at_most_once)
        scheduler_fail (self, task, OUTCOME_LOST, "its worker is gone, and it may be run at most once");
    else if (is_lost && ++task->n_losses > SCHEDULER_MAX_LOSSES)
        scheduler_fail (self, task, OUTCOME_LOST, "ten workers were lost while they had it");
    else if (task->lane == NULL) {
        scheduler_say_missing (self, task->session, task->by_id.key, task->by_id.key);
        scheduler_drop_task (self, task);
    } else
        scheduler_queue (self, now_ms, task, true);
}

/* ---- Ends ----------------------------------------------------------------------------------- */

void scheduler_hold (scheduler_t *self, task_t *task, const wire_result_t *result, dp_blob_t *blob)
{
    held_t *held = dp_must_alloc (sizeof *held);
    dp_list_init (&held->in_session);
    held->task = task;
    held->attempt = result->attempt;
    held->first = result->first;
    held->n_items = result->n_items;
    held->run_us = result->run_us;
    held->status = result->status;
    held->is_final = result->is_final;
    held->blob
        = blob != NULL ? dp_blob_hold (blob) : dp_blob_copy (result->payload.data, result->payload.len);
    self->stats.payload_bytes += held->blob != NULL ? dp_blob_len (held->blob) : 0;
    dp_list_append (&task->session->held, &held->in_session);
    task->n_held++;
    if (result->is_final) {
        task->state = TASK_FINISHED;
        self->stats.n_finished++;
        self->stats.payload_bytes -= task->payload_len;
        task->payload_len = 0;
        dp_blob_release (&task->blob);
    }
    scheduler_send_held (self, task->session);
}

void scheduler_fail (scheduler_t *self, task_t *task, outcome_status_t status, const char *message)
{
    if (task->state == TASK_QUEUED && !dp_list_is_empty (&task->in_lane))
        scheduler_unqueue (self, task);
    else if (task->state == TASK_ASSIGNED && task->worker != NULL)
        scheduler_unassign (self, task);
    dpool_error_t error = { .message = message, .host = "", .stderr_tail = "" };
    dp_buffer_reset (&self->scratch);
    for (uint64_t i = 0; i < task->n_items; i++)
        outcome_put_error (&self->scratch, status, &error);
    wire_result_t result = {
        .id = task->by_id.key,
        .attempt = task->attempt,
        .status = status,
        .is_final = true,
        .n_items = task->n_items,
        .payload = { self->scratch.data, self->scratch.len, 0 },
    };
    scheduler_hold (self, task, &result, NULL);
}

void scheduler_cancel (scheduler_t *self, task_t *task)
{
    task->is_cancelled = true;
    if (task->state == TASK_QUEUED)
        scheduler_fail (self, task, OUTCOME_CANCELLED, "cancelled before it started");
    else if (task->state == TASK_ASSIGNED) {
        wire_run_t run
            = { .session = task->session->peer.id, .id = task->by_id.key, .attempt = task->attempt };
        scheduler_tell_run (self, task->worker, WIRE_CANCEL, &run);
    }
}

static void drop_held (scheduler_t *self, task_t *task)
{
    size_t place = 0;
    DP_LIST_EACH (&task->session->held, node)
    {
        held_t *held = DP_CONTAINER (node, held_t, in_session);
        bool is_sent = place < task->session->n_sent;
        place++;
        if (held->task != task)
            continue;
        if (is_sent) { /* its acknowledgement will still be counted */
            held->task = NULL;
            task->n_held--;
            continue;
        }
        self->stats.payload_bytes -= held->blob != NULL ? dp_blob_len (held->blob) : 0;
        dp_blob_release (&held->blob);
        dp_list_remove (node);
        dp_free (held);
        task->n_held--;
    }
}

void scheduler_drop_task (scheduler_t *self, task_t *task)
{
    if (task->state == TASK_QUEUED && !dp_list_is_empty (&task->in_lane))
        scheduler_unqueue (self, task);
    else if (task->state == TASK_ASSIGNED && task->worker != NULL)
        scheduler_unassign (self, task);
    else if (task->state == TASK_FINISHED)
        self->stats.n_finished--;
    if (task->n_held > 0)
        drop_held (self, task);
    self->stats.payload_bytes -= task->payload_len;
    dp_map_take (&task->session->tasks, task->by_id.key);
    dp_blob_release (&task->blob);
    dp_free (task);
}

void scheduler_fail_lane (scheduler_t *self, lane_t *lane, outcome_status_t status, const char *message)
{
    DP_LIST_EACH (&lane->queue, node)
    scheduler_fail (self, DP_CONTAINER (node, task_t, in_lane), status, message);
}
