/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_tasks.c - the moves of a task: QUEUED, ASSIGNED, FINISHED. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <assert.h>
#include <string.h>

enum {
    INLINE_PAYLOAD = 512,   /* a longer payload is a blob of its own */
    SUBMISSION_STEP = 1000, /* of the attempt's base, from one submission of a task to the next (R7) */
    UNKNOWN_MEAN_US
    = 1000, /* charged for a task of which nothing is known: who comes first must not get all */
};

session_record_t *scheduler_session (const scheduler_t *self, uint64_t id)
{
    dp_map_node_t *node = dp_map_get (&self->sessions, id);
    return node != NULL ? DP_CONTAINER (node, session_record_t, peer.by_id) : NULL;
}

task_t *scheduler_task (const session_record_t *session, uint64_t id)
{
    dp_map_node_t *node = dp_map_get (&session->tasks, id);
    return node != NULL ? DP_CONTAINER (node, task_t, by_id) : NULL;
}

wire_run_t scheduler_run_of (const task_t *task)
{
    return (
        wire_run_t) { .session = task->session->peer.id, .id = task->by_id.key, .attempt = task->attempt };
}

/* ---- Birth ---------------------------------------------------------------------------------- */

static task_t *new_task (session_record_t *session, uint64_t id, size_t payload_len)
{
    task_t *task = dp_must_alloc (sizeof *task + payload_len);
    dp_list_init (&task->in_place);
    dp_list_init (&task->held);
    task->session = session;
    scheduler_weigh_task (task, true);
    dp_map_put (&session->tasks, id, &task->by_id);
    return task;
}

task_t *scheduler_new_bodyless (session_record_t *session, uint64_t id, bool is_at_most_once)
{
    task_t *task = new_task (session, id, 0);
    task->is_at_most_once = is_at_most_once;
    return task;
}

static void keep_payload (scheduler_t *self, task_t *task, const wire_bytes_t *payload, dp_blob_t *blob)
{
    task->payload_len = (uint32_t) payload->len;
    self->stats.payload_bytes += payload->len;
    task->session->task_bytes += payload->len;
    if (payload->len <= INLINE_PAYLOAD)
        memcpy (task->payload, payload->data, payload->len);
    else {
        task->blob = blob != NULL ? dp_blob_hold (blob) : dp_blob_copy (payload->data, payload->len);
        if (task->blob == NULL)
            dp_no_memory (payload->len);
    }
}

void scheduler_submit (scheduler_t *self, int64_t now_ms, route_t *route, const wire_group_t *group,
                       const wire_task_t *from, dp_blob_t *blob)
{
    bool is_too_large = from->payload.len > self->config.max_payload_bytes || from->payload.len > UINT32_MAX;
    task_t *task
        = new_task (route->session, from->id, from->payload.len <= INLINE_PAYLOAD ? from->payload.len : 0);
    scheduler_hold_route (task->route = route);
    task->priority = group->priority;
    task->time_limit_ms = group->time_limit_ms;
    task->is_at_most_once = group->is_at_most_once;
    task->is_loose = group->is_loose;
    task->attempt = task->last_attempt = from->attempt;
    task->job = from->job;
    task->first = from->first;
    task->n_items = from->n_items;
    self->stats.total_submitted++;
    if (is_too_large) {
        scheduler_fail (self, task, OUTCOME_TOO_LARGE,
                        "its arguments are larger than the broker's --max-payload");
        return;
    }
    keep_payload (self, task, &from->payload, blob);
    if (scheduler_adopt_orphan (self, now_ms, task))
        return;
    /* A worker may still come that runs it (R12): it was submitted before, and not only tried. */
    if (self->is_in_grace && from->attempt >= SUBMISSION_STEP)
        scheduler_queue_graced (self, now_ms, task);
    else
        scheduler_queue (self, now_ms, task, false);
}

/* ---- Assignment ----------------------------------------------------------------------------- */

/* Before the first word on a run of it, once a connection. A worker that is away hears nothing: of a run that
   it had listed and that is claimed meanwhile, it is told when it lists it again. */
void scheduler_put_session (scheduler_t *self, worker_record_t *worker, session_record_t *session)
{
    if (worker->peer.connection == 0 || dp_map_get (&worker->sessions, session->peer.id) != NULL)
        return;
    known_session_t *known = dp_must_alloc (sizeof *known);
    dp_map_put (&worker->sessions, session->peer.id, &known->by_id);
    wire_put_session (&self->outbox, worker->peer.connection, worker->peer.acks.n_received, &session->config);
}

static void enter_worker (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker)
{
    scheduler_put_session (self, worker, task->session);
    task->state = TASK_ASSIGNED;
    task->worker = worker;
    task->since_ms = now_ms;
    task->has_started = false;
    task->listed = 0; /* another worker's HELLO may have had the same number */
    dp_list_append (&worker->runs, &task->in_place);
    worker->n_runs++;
    worker->run_bytes += task->payload_len;
    task->session->n_assigned++;
    self->stats.n_assigned++;
    scheduler_rank (self, worker);
}

/* In advance, what such tasks mostly take; their results correct it. */
static void charge (task_t *task)
{
    uint64_t mean_us = task->route->mean_us;
    task->charged_us = mean_us > 0 ? mean_us : UNKNOWN_MEAN_US;
    task->session->used_us += task->charged_us;
}

static void refund (task_t *task)
{
    session_record_t *session = task->session;
    session->used_us -= task->charged_us < session->used_us ? task->charged_us : session->used_us;
    task->charged_us = 0;
}

static void put_task (scheduler_t *self, const task_t *task)
{
    const offer_t *function = task->route->function;
    worker_record_t *worker = task->worker;
    wire_group_t group = {
        .session = task->session->peer.id,
        .function = { function->name, function->len },
        .require = { "", 0 },
        .priority = task->priority,
        .time_limit_ms = task->time_limit_ms,
        .is_at_most_once = task->is_at_most_once,
        .is_loose = task->is_loose,
    };
    size_t len = scheduler_arguments_len (task);
    wire_task_t record = {
        .id = task->by_id.key,
        .attempt = task->attempt,
        .job = task->job,
        .first = task->first,
        .n_items = task->n_items,
        .payload = { task->blob != NULL ? dp_blob_data (task->blob) : task->payload, len, 0 },
    };
    wire_add_task (&worker->tasks, &self->outbox, worker->peer.connection, WIRE_TASKS, &group, &record,
                   task->blob);
    scheduler_touch (self, &worker->peer);
}

void scheduler_assign (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker)
{
    scheduler_unqueue (self, task);
    task->attempt = ++task->last_attempt;
    charge (task);
    enter_worker (self, now_ms, task, worker);
    put_task (self, task);
}

void scheduler_unassign (scheduler_t *self, task_t *task)
{
    worker_record_t *worker = task->worker;
    assert (task->state == TASK_ASSIGNED && worker != NULL);
    dp_list_remove (&task->in_place);
    worker->n_runs--;
    worker->run_bytes -= task->payload_len;
    task->session->n_assigned--;
    self->stats.n_assigned--;
    refund (task);
    task->worker = NULL;
    scheduler_rank (self, worker);
}

/* The worker runs it already: as the attempt that it says, which need not be the last one (R7). */
void scheduler_adopt (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker,
                      const wire_run_t *run)
{
    if (!dp_list_is_empty (&task->in_place))
        scheduler_unqueue (self, task);
    task->attempt = run->attempt;
    if (run->attempt > task->last_attempt)
        task->last_attempt = run->attempt;
    enter_worker (self, now_ms, task, worker);
    task->listed = worker->peer.hello;
    scheduler_tell_run (self, worker, WIRE_ADOPT, run);
    if (task->is_recalled)
        scheduler_tell_run (self, worker, WIRE_REVOKE, run);
}

/* ---- Back to the queue ---------------------------------------------------------------------- */

/* It left its worker without a result, and cannot go back to the queue: why not, or NULL. */
static const char *end_of (task_t *task, return_reason_t reason, outcome_status_t *status)
{
    *status = OUTCOME_LOST;
    if (task->is_cancelled) {
        /* A run that its worker does not list may yet have reached it: it drops what nobody adopts. */
        *status = task->attempt > 0 ? OUTCOME_KILLED : OUTCOME_CANCELLED;
        return "cancelled";
    }
    if (reason != RETURN_RELEASED && task->is_at_most_once)
        return "its worker is gone, and it may be run at most once";
    if (reason == RETURN_LOST && ++task->n_losses >= SCHEDULER_MAX_LOSSES)
        return "ten workers were lost while they had it";
    return NULL;
}

void scheduler_return (scheduler_t *self, int64_t now_ms, task_t *task, return_reason_t reason)
{
    scheduler_unassign (self, task);
    outcome_status_t status;
    const char *message = end_of (task, reason, &status);
    if (message != NULL)
        scheduler_fail (self, task, status, message);
    else if (task->route == NULL) { /* its arguments are not here: the client has them */
        scheduler_say_missing (self, task->session, task->by_id.key, task->by_id.key);
        scheduler_drop_task (self, task);
    } else if (task->is_recalled)
        scheduler_give_back (self, task);
    else {
        self->stats.total_requeued++;
        scheduler_queue (self, now_ms, task, true);
    }
}

/* ---- Ends ----------------------------------------------------------------------------------- */

/* Off the queue or the worker, wherever it is. */
static void take_out (scheduler_t *self, task_t *task)
{
    if (dp_list_is_empty (&task->in_place))
        return;
    if (task->state == TASK_QUEUED)
        scheduler_unqueue (self, task);
    else
        scheduler_unassign (self, task);
}

/* The broker's own verdict. One item brings the reason; the status says that it is that of all the others. */
void scheduler_fail (scheduler_t *self, task_t *task, outcome_status_t status, const char *message)
{
    take_out (self, task);
    dpool_error_t error = { .message = message, .host = "", .stderr_tail = "" };
    dp_buffer_reset (&self->scratch);
    if (outcome_put_error (&self->scratch, status, &error) < 0)
        dp_no_memory (strlen (message));
    wire_result_t result = {
        .attempt = task->attempt,
        .status = status,
        .is_final = true,
        .first = task->n_told < task->n_items ? task->n_told : 0,
        .n_items = 1,
        .payload = { self->scratch.data, self->scratch.len, 0 },
    };
    scheduler_hold (self, task, &result, NULL);
}

void scheduler_cancel (scheduler_t *self, task_t *task)
{
    task->is_cancelled = true;
    if (task->state == TASK_QUEUED && task->attempt > 0)
        scheduler_fail (self, task, OUTCOME_KILLED, "cancelled before it started once more");
    else if (task->state == TASK_QUEUED)
        scheduler_fail (self, task, OUTCOME_CANCELLED, "cancelled before it started");
    else if (task->state == TASK_ASSIGNED && !task->worker->is_listing) { /* else RUNS is answered so */
        wire_run_t run = scheduler_run_of (task);
        scheduler_tell_run (self, task->worker, WIRE_CANCEL, &run);
    }
}

void scheduler_drop_task (scheduler_t *self, task_t *task)
{
    take_out (self, task);
    if (task->state == TASK_FINISHED)
        self->stats.n_finished--;
    else
        scheduler_weigh_task (task, false);
    scheduler_drop_held (self, task);
    if (task->route != NULL)
        scheduler_let_go_route (self, task->route);
    self->stats.payload_bytes -= task->payload_len;
    dp_map_take (&task->session->tasks, task->by_id.key);
    dp_blob_release (&task->blob);
    dp_free (task);
}
