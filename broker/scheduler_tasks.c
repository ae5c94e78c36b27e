/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_tasks.c - the moves of a task: QUEUED, ASSIGNED, FINISHED. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <assert.h>
#include <string.h>

enum {
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
    return (wire_run_t) { .session = scheduler_session_of (task)->peer.id,
                          .id = task->by_id.key,
                          .attempt = scheduler_attempt_of (task) };
}

/* ---- Birth ---------------------------------------------------------------------------------- */

static void enter_session (session_record_t *session, task_t *task)
{
    scheduler_weigh_task (task, true);
    dp_map_put (&session->tasks, task->by_id.key, &task->by_id);
}

task_t *scheduler_new_bodyless (scheduler_t *self, session_record_t *session, uint64_t id,
                                bool is_at_most_once)
{
    task_t *task = scheduler_new_record (self, id, &(task_numbers_t) { 0 }, &(wire_bytes_t) { 0 }, NULL);
    task->of.session = session;
    task->is_at_most_once = is_at_most_once;
    enter_session (session, task);
    return task;
}

void scheduler_reject (scheduler_t *self, session_record_t *session, const wire_task_t *from,
                       outcome_status_t status, const char *why)
{
    task_numbers_t numbers
        = { .attempt = from->attempt, .n_items = from->n_items, .job = from->job, .first = from->first };
    task_t *task = scheduler_new_record (self, from->id, &numbers, &(wire_bytes_t) { 0 }, NULL);
    task->of.session = session;
    enter_session (session, task);
    self->stats.total_submitted++;
    scheduler_fail (self, task, status, why);
}

static task_t *new_task (scheduler_t *self, lane_t *lane, const wire_group_t *group, const wire_task_t *from,
                         const wire_bytes_t *payload, dp_blob_t *blob)
{
    task_numbers_t numbers = { .attempt = from->attempt,
                               .n_items = from->n_items,
                               .time_limit_ms = group->time_limit_ms,
                               .job = from->job,
                               .first = from->first };
    task_t *task = scheduler_new_record (self, from->id, &numbers, payload, blob);
    scheduler_hold_lane (task->of.lane = lane);
    task->has_lane = true;
    task->is_at_most_once = group->is_at_most_once;
    task->is_loose = group->is_loose;
    enter_session (lane->route->session, task);
    self->stats.payload_bytes += task->payload_len;
    self->stats.total_submitted++;
    return task;
}

void scheduler_submit (scheduler_t *self, int64_t now_ms, lane_t *lane, const wire_group_t *group,
                       const wire_task_t *from, dp_blob_t *blob)
{
    static const wire_bytes_t nothing = { NULL, 0, 0 };
    bool is_too_large = from->payload.len > self->config.max_payload_bytes || from->payload.len > UINT32_MAX;
    task_t *task = new_task (self, lane, group, from, is_too_large ? &nothing : &from->payload, blob);
    if (is_too_large) {
        scheduler_fail (self, task, OUTCOME_TOO_LARGE,
                        "its arguments are larger than the broker's --max-payload");
        return;
    }
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
    wire_put_session (&self->outbox, worker->peer.connection, worker->peer.acks.n_received, &session->config,
                      session->initializer_args);
}

static void enter_worker (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker)
{
    session_record_t *session = scheduler_session_of (task);
    scheduler_put_session (self, worker, session);
    task->state = TASK_ASSIGNED;
    scheduler_set_since (task, now_ms);
    scheduler_set_worker (task, worker);
    task->has_started = task->is_listed = false;
    dp_list_append (&worker->runs, &task->in_place);
    worker->n_runs++;
    worker->run_bytes += task->payload_len;
    session->n_assigned++;
    self->stats.n_assigned++;
    scheduler_rank (self, worker);
}

/* In advance, what such tasks mostly take; their results correct it. */
static void charge (task_t *task)
{
    const route_t *route = task->of.lane->route;
    uint64_t mean_us = route->mean_us > 0 ? route->mean_us : UNKNOWN_MEAN_US;
    task->charged_us = mean_us < UINT32_MAX ? (uint32_t) mean_us : UINT32_MAX;
    route->session->used_us += task->charged_us;
}

static void refund (session_record_t *session, task_t *task)
{
    session->used_us -= task->charged_us < session->used_us ? task->charged_us : session->used_us;
    task->charged_us = 0;
}

static void put_task (scheduler_t *self, const task_t *task, worker_record_t *worker)
{
    const lane_t *lane = task->of.lane;
    const offer_t *function = lane->route->function;
    task_body_t body = scheduler_body_of (task);
    wire_group_t group = {
        .session = lane->route->session->peer.id,
        .function = { function->name, function->len },
        .require = { "", 0 },
        .priority = (int64_t) lane->by_priority.key,
        .time_limit_ms = body.numbers.time_limit_ms,
        .is_at_most_once = task->is_at_most_once,
        .is_loose = task->is_loose,
    };
    wire_task_t record = {
        .id = task->by_id.key,
        .attempt = scheduler_attempt_of (task),
        .job = body.numbers.job,
        .first = body.numbers.first,
        .n_items = body.numbers.n_items,
        .payload = body.payload,
    };
    wire_add_task (&worker->tasks, &self->outbox, worker->peer.connection, WIRE_TASKS, &group, &record,
                   body.blob);
    scheduler_touch (self, &worker->peer);
}

void scheduler_assign (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker)
{
    scheduler_unqueue (self, task);
    scheduler_next_attempt (self, task);
    charge (task);
    enter_worker (self, now_ms, task, worker);
    put_task (self, task, worker);
}

void scheduler_unassign (scheduler_t *self, task_t *task)
{
    worker_record_t *worker = scheduler_worker_of (task);
    session_record_t *session = scheduler_session_of (task);
    assert (task->state == TASK_ASSIGNED && worker != NULL);
    dp_list_remove (&task->in_place);
    worker->n_runs--;
    worker->run_bytes -= task->payload_len;
    session->n_assigned--;
    self->stats.n_assigned--;
    refund (session, task);
    scheduler_set_worker (task, NULL);
    scheduler_rank (self, worker);
}

/* The worker runs it already: as the attempt that it says, which need not be the last one (R7). */
void scheduler_adopt (scheduler_t *self, int64_t now_ms, task_t *task, worker_record_t *worker,
                      const wire_run_t *run)
{
    if (!dp_list_is_empty (&task->in_place))
        scheduler_unqueue (self, task);
    task_runs_t *runs = scheduler_need_runs (self, task);
    runs->attempt = run->attempt;
    if (run->attempt > runs->last_attempt)
        runs->last_attempt = run->attempt;
    enter_worker (self, now_ms, task, worker);
    task->is_listed = true;
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
        *status = scheduler_attempt_of (task) > 0 ? OUTCOME_KILLED : OUTCOME_CANCELLED;
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
    else if (!task->has_lane) { /* its arguments are not here: the client has them */
        scheduler_say_missing (self, scheduler_session_of (task), task->by_id.key, task->by_id.key);
        scheduler_drop_task (self, task);
    } else if (task->is_recalled)
        scheduler_give_back (self, task);
    else {
        self->stats.total_requeued++;
        scheduler_shed_runs (self, task);
        scheduler_queue (self, now_ms, task, true);
    }
}

/* ---- Ends ----------------------------------------------------------------------------------- */

/* Off the queue or the worker, wherever it is. */
static void take_out (scheduler_t *self, task_t *task)
{
    if (task->state == TASK_FINISHED || dp_list_is_empty (&task->in_place))
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
    uint64_t n_told = scheduler_n_told_of (task);
    wire_result_t result = {
        .attempt = scheduler_attempt_of (task),
        .status = status,
        .is_final = true,
        .first = n_told < scheduler_n_items_of (task) ? n_told : 0,
        .n_items = 1,
        .payload = { self->scratch.data, self->scratch.len, 0 },
    };
    scheduler_hold (self, task, &result, NULL);
}

void scheduler_cancel (scheduler_t *self, task_t *task)
{
    scheduler_mark_cancelled (task);
    if (task->state == TASK_QUEUED && scheduler_attempt_of (task) > 0)
        scheduler_fail (self, task, OUTCOME_KILLED, "cancelled before it started once more");
    else if (task->state == TASK_QUEUED)
        scheduler_fail (self, task, OUTCOME_CANCELLED, "cancelled before it started");
    else if (task->state == TASK_ASSIGNED
             && !scheduler_worker_of (task)->is_listing) { /* else RUNS is answered so */
        wire_run_t run = scheduler_run_of (task);
        scheduler_tell_run (self, scheduler_worker_of (task), WIRE_CANCEL, &run);
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
    self->stats.payload_bytes -= task->payload_len;
    dp_map_take (&scheduler_session_of (task)->tasks, task->by_id.key);
    if (task->has_lane)
        scheduler_let_go_lane (self, task->of.lane);
    scheduler_free_record (self, task);
}
