/* SPDX-License-Identifier: MPL-2.0 */
/* session_tasks.c - the tasks that are under way: cut, sent, sent again, claimed, cancelled, dropped. */
#include "client/session_internal.h"

#include "core/memory.h"

#include <stdio.h>
#include <string.h>

/* ---- Books ---------------------------------------------------------------------------------- */

static job_task_t *new_task (job_t *job, uint64_t id, size_t first, size_t n)
{
    job_task_t *task = dp_must_alloc (sizeof *task);
    dp_list_init (&task->in_order);
    dp_list_init (&task->in_job);
    dp_list_init (&task->in_cancelling);
    task->job = job;
    task->id = id;
    task->first = first;
    task->n = n;
    task->payload_len = job_payload_len (job, first, n);
    for (size_t i = first; i < first + n; i++) {
        job_item (job, i)->state = ITEM_SENT;
        if (job->is_calls)
            job_call (job, i)->task = task;
    }
    dp_list_append (&job->tasks, &task->in_job);
    job->n_tasks++;
    return task;
}

job_task_t *session_find_task (const session_t *self, uint64_t id)
{
    dp_map_node_t *node = dp_map_get (&self->tasks, id);
    return node != NULL ? DP_CONTAINER (node, job_task_t, by_id) : NULL;
}

/* It is at the broker now, or no more. */
static void weigh (session_t *self, const job_task_t *task, bool is_coming)
{
    uint64_t bytes = task->payload_len + WIRE_RECORD_BYTES;
    self->sent_bytes += is_coming ? bytes : 0 - bytes;
    self->n_sent += is_coming ? 1 : 0 - UINT64_C (1);
}

static void note_unsent (session_t *self, job_task_t *task)
{
    if (task->is_sent)
        weigh (self, task, false);
    task->is_sent = false;
}

void session_drop_task (session_t *self, job_task_t *task)
{
    note_unsent (self, task);
    if (task->is_known) {
        dp_map_take (&self->tasks, task->id);
        self->n_bytes -= task->payload_len;
    }
    if (task->running_at_ms != 0)
        task->job->n_running--;
    task->job->n_tasks--;
    dp_list_remove (&task->in_cancelling);
    dp_list_remove (&task->in_order);
    dp_list_remove (&task->in_job);
    dp_free (task);
}

void session_fail_task (session_t *self, job_task_t *task, outcome_status_t status, const char *message)
{
    for (size_t i = task->first; i < task->first + task->n; i++)
        job_fail_as (task->job, i, status, message);
    session_drop_task (self, task);
}

/* ---- Once more ------------------------------------------------------------------------------ */

static void retry (session_t *self, job_t *job, size_t first, size_t n, session_count_t count)
{
    job_task_t *task = new_task (job, ++self->last_id, first, n);
    task->base = count.base;
    task->n_starts = count.n_starts;
    dp_list_append (&self->again, &task->in_order);
}

/* Will its next start be its first that it could be blamed for, and does anybody want it? */
static bool is_innocent (const job_t *job, size_t index)
{
    const job_item_t *item = job_item (job, index);
    return job_is_unfinished (job, index) && item->n_blames == 0 && !item->is_cancelled;
}

void session_fail_cancelled (job_t *job, size_t index, bool may_have_run)
{
    if (may_have_run)
        job_fail_as (job, index, OUTCOME_KILLED, "cancelled before it started once more");
    else
        job_fail_as (job, index, OUTCOME_CANCELLED, "cancelled before it started");
}

void session_retry_items (session_t *self, job_t *job, size_t first, size_t end, session_count_t blamed,
                          session_count_t rest)
{
    /* Calls that were thought to be short, and are not, are shared out among all processes. */
    size_t most = job->is_calls ? job_share (job, end - first, self->processes) : end - first;
    for (size_t i = first, n; i < end; i += n) {
        n = 1;
        if (!job_is_unfinished (job, i))
            continue;
        if (!is_innocent (job, i)) {
            session_count_t count = job_item (job, i)->n_blames > 0 ? blamed : rest;
            if (job_item (job, i)->is_cancelled)
                session_fail_cancelled (job, i, count.base > 0);
            else
                retry (self, job, i, 1, count);
            continue;
        }
        while (n < most && i + n < end && is_innocent (job, i + n))
            n++;
        retry (self, job, i, n, rest);
    }
}

void session_retry_task (session_t *self, job_task_t *task, session_count_t blamed, session_count_t rest)
{
    session_retry_items (self, task->job, task->first, task->first + task->n, blamed, rest);
    session_drop_task (self, task);
}

void session_resubmit_task (session_t *self, job_task_t *task)
{
    if (task->is_partial || task->is_recalled) {
        /* Where it was, if it was anywhere, all may have run, and more than once. */
        session_count_t all = { task->base + (uint64_t) SESSION_SUBMISSION_STEP * task->n_submissions,
                                task->n_starts + (task->n_submissions > 0) };
        session_retry_task (self, task, all, all);
        return;
    }
    if (task->running_at_ms != 0)
        task->job->n_running--;
    task->running_at_ms = 0;
    note_unsent (self, task);
    dp_list_remove (&task->in_order);
    dp_list_append (&self->again, &task->in_order);
}

/* ---- Sending -------------------------------------------------------------------------------- */

static void send_task (session_t *self, int64_t now_ms, job_task_t *task)
{
    job_t *job = task->job;
    wire_group_t group = {
        .function = { job->function, strlen (job->function) },
        .require = { job->require, strlen (job->require) },
        .priority = job->priority,
        .time_limit_ms = job->time_limit_ms,
        .is_at_most_once = job->is_at_most_once,
        .is_loose = job->is_calls,
    };
    dp_blob_t *blob = NULL;
    wire_task_t record
        = { task->id,    task->base, job->number,
            task->first, task->n,    job_payload (job, task->first, task->n, &self->scratch, &blob) };
    if (!task->is_known) {
        if (dp_map_put (&self->tasks, task->id, &task->by_id) < 0)
            dp_no_memory (sizeof task->by_id);
        self->n_bytes += task->payload_len;
        task->is_known = true;
    }
    if (task->n_submissions == 0) {
        task->incarnation = self->incarnation;
        task->sent_at_ms = now_ms;
        task->is_first = self->n_sent < self->processes;
    } else
        record.attempt = task->base + (uint64_t) SESSION_SUBMISSION_STEP * task->n_submissions;
    task->n_submissions++;
    task->is_sent = true;
    weigh (self, task, true);
    dp_list_append (&self->submitted, &task->in_order);
    wire_add_task (&self->submits, &self->outbox, 0, WIRE_SUBMIT, &group, &record, blob);
}

static void fail_too_large (const session_t *self, job_t *job, size_t index, size_t len)
{
    char message[160];
    snprintf (message, sizeof message, "its arguments have %zu bytes packed; the broker takes %llu at most",
              len, (unsigned long long) self->max_payload);
    job_fail_as (job, index, OUTCOME_TOO_LARGE, message);
}

/* One of the tasks that go before all others. It may have been cut for a broker that takes more. */
static void send_again (session_t *self, int64_t now_ms, job_task_t *task)
{
    job_t *job = task->job;
    if (task->is_partial) { /* some of its calls were cancelled while it waited */
        session_count_t all = { task->base, task->n_starts };
        session_retry_task (self, task, all, all);
        session_settle (self, job);
        return;
    }
    if (task->payload_len <= self->max_payload) {
        send_task (self, now_ms, task);
        return;
    }
    for (size_t i = 0; task->n > 1 && i < task->n; i++)
        retry (self, job, task->first + i, 1, (session_count_t) { task->base, task->n_starts });
    if (task->n == 1)
        fail_too_large (self, job, task->first, task->payload_len);
    session_drop_task (self, task);
    session_settle (self, job);
}

/* At the broker, whose memory it is, and within the quota. Whoever has nothing there may send anything. */
static bool has_room (const session_t *self, size_t payload_len)
{
    if (self->most_tasks != 0 && self->n_sent >= self->most_tasks)
        return false;
    return self->room == 0 || self->sent_bytes == 0
           || self->sent_bytes + payload_len + WIRE_RECORD_BYTES <= self->room;
}

static bool has_window (const session_t *self, size_t payload_len)
{
    if (!has_room (self, payload_len))
        return false;
    if (self->tasks.count >= self->max_tasks)
        return false;
    return self->n_bytes == 0 || self->n_bytes + payload_len <= self->max_bytes;
}

/* Send as many tasks of a job as it may have under way. False when the window is full. */
static bool submit_job (session_t *self, int64_t now_ms, job_t *job)
{
    job->max_payload = (size_t) self->max_payload;
    job->path_ms = self->path_ms > self->link.round_trip_ms ? self->path_ms : self->link.round_trip_ms;
    while (job_has_room (job, self->processes)) {
        job_skip_cancelled (job);
        size_t n = job_cut (job, self->processes);
        if (n == 0)
            break;
        size_t first = job->unsent, len = job_payload_len (job, first, n);
        if (len > self->max_payload) { /* a single item */
            job->unsent++;
            fail_too_large (self, job, first, len);
            session_touch (self, job);
            continue;
        }
        if (!has_window (self, len))
            return false;
        job->unsent += n;
        send_task (self, now_ms, new_task (job, ++self->last_id, first, n));
    }
    return true;
}

static session_level_t *level_of (dp_list_t *node)
{
    return DP_CONTAINER (node, session_level_t, in_ready);
}

void session_make_ready (session_t *self, job_t *job)
{
    if (!dp_list_is_empty (&job->in_ready))
        return;
    dp_list_t *place = self->ready.next;
    while (place != &self->ready && level_of (place)->priority > job->priority)
        place = place->next;
    if (place == &self->ready || level_of (place)->priority != job->priority) {
        session_level_t *level = dp_must_alloc (sizeof *level);
        dp_list_init (&level->jobs);
        level->priority = job->priority;
        dp_list_append (place, &level->in_ready);
        place = &level->in_ready;
    }
    dp_list_append (&level_of (place)->jobs, &job->in_ready);
}

void session_submit_ready (session_t *self, int64_t now_ms)
{
    if (self->is_broker_draining)
        return;
    /* What was submitted before and is missing goes out whatever the window says: it was within it once. */
    while (!dp_list_is_empty (&self->again)) {
        job_task_t *task = DP_CONTAINER (self->again.next, job_task_t, in_order);
        if (!has_room (self, task->payload_len))
            return;
        dp_list_remove (&task->in_order);
        send_again (self, now_ms, task);
    }
    DP_LIST_EACH (&self->ready, node) {
        session_level_t *level = level_of (node);
        DP_LIST_EACH (&level->jobs, job_node) {
            job_t *job = DP_CONTAINER (job_node, job_t, in_ready);
            if (!submit_job (self, now_ms, job))
                return;
            dp_list_remove (job_node); /* comes back with its next result, or with new items */
            if (job_is_finished (job))
                session_settle (self, job);
        }
        dp_list_remove (node);
        dp_free (level);
    }
}

/* ---- Claim and cancel ----------------------------------------------------------------------- */

void session_claim (session_t *self, int64_t now_ms)
{
    wire_range_t range = { 0, 0, false };
    DP_LIST_EACH (&self->submitted, node) {
        const job_task_t *task = DP_CONTAINER (node, job_task_t, in_order);
        bool is_at_most_once = task->job->is_at_most_once;
        if (range.first != 0 && task->id == range.last + 1 && is_at_most_once == range.is_at_most_once) {
            range.last = task->id;
            continue;
        }
        if (range.first != 0)
            wire_add_range (&self->claims, &self->outbox, 0, WIRE_CLAIM, &range);
        range = (wire_range_t) { task->id, task->id, is_at_most_once };
    }
    if (range.first != 0)
        wire_add_range (&self->claims, &self->outbox, 0, WIRE_CLAIM, &range);
    wire_end_list (&self->claims, &self->outbox, 0, WIRE_CLAIM, 0);

    DP_LIST_EACH (&self->cancelling, node)
        session_cancel_task (self, now_ms, DP_CONTAINER (node, job_task_t, in_cancelling));
}

void session_cancel_task (session_t *self, int64_t now_ms, job_task_t *task)
{
    if (task->cancel_at_ms == 0) {
        task->cancel_at_ms = now_ms + SESSION_CANCEL_MS;
        dp_list_append (&self->cancelling, &task->in_cancelling);
    }
    wire_range_t range = { task->id, task->id, false };
    if (self->link.state == LINK_UP && task->is_recalled)
        wire_add_range (&self->recalls, &self->outbox, 0, WIRE_REVOKE, &range);
    else if (self->link.state == LINK_UP)
        wire_add_range (&self->cancels, &self->outbox, 0, WIRE_CANCEL, &range);
}
