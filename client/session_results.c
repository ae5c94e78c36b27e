/* SPDX-License-Identifier: MPL-2.0 */
/* session_results.c - what became of the items of a task, and which of them are tried again. */
#include "client/session_internal.h"

#include "core/error.h"
#include "core/memory.h"

#include <stdio.h>
#include <string.h>

/* What one result's row of outcomes is applied with. */
typedef struct delivery_s {
    job_task_t *task;
    const wire_result_t *result;
    dp_blob_t *blob;       /* the row's bytes: values share it, */
    size_t n_holds;        /* and take over these holds */
    const uint8_t *row;    /* the same, in the message */
    uint64_t n_starts;     /* how often the items were started, this run included */
    bool has_culprit;      /* the row names the item that ended the task */
    size_t n_given_back;   /* items of the row that will not start in a run that goes on */
    dpool_error_t *reason; /* of the task's end, as told of its first item: it goes for all */
} delivery_t;

uint64_t session_starts_of (const job_task_t *task, uint64_t attempt)
{
    if (attempt <= task->base)
        return task->n_starts;
    return task->n_starts + (attempt - task->base - 1) % SESSION_SUBMISSION_STEP + 1;
}

/* Is the task over for something that happened to one of its items, so that the others may be tried again? */
static bool is_siblings_fault (outcome_status_t status)
{
    return status == OUTCOME_CRASHED || status == OUTCOME_TIMED_OUT || status == OUTCOME_VALUE
           || status == OUTCOME_NOT_STARTED;
}

/* Its worker or its broker cancelled this run before it started: but there were others before it. */
static bool may_have_run (const delivery_t *delivery)
{
    return delivery->task->base > 0 || delivery->n_starts > 1
           || delivery->result->attempt >= SESSION_SUBMISSION_STEP;
}

static void fail_cancelled (const delivery_t *delivery, size_t index)
{
    session_fail_cancelled (delivery->task->job, index, may_have_run (delivery));
}

static bool is_cancelled (const job_t *job, const job_item_t *item)
{
    return job->is_cancelled || item->is_cancelled;
}

/* A crash is charged to its item, which is tried again alone, up to its limit (R14). */
static void on_crash (delivery_t *delivery, size_t index, const dpool_error_t *error)
{
    job_t *job = delivery->task->job;
    job_item_t *item = job_item (job, index);
    delivery->has_culprit = true;
    if (item->n_blames < UINT16_MAX)
        item->n_blames++;
    if (is_cancelled (job, item)) {
        job_fail_as (job, index, OUTCOME_KILLED, "cancelled while it ran");
        return;
    }
    if (!job->is_at_most_once && item->n_blames <= job->max_retries) {
        job_try_again (job, index, error);
        return;
    }
    char message[1024];
    snprintf (message, sizeof message, "'%s', item %zu: %s", job->function, job_told_index (job, index),
              error->message);
    dpool_error_t last = *error;
    last.message = message;
    job_fail (job, index, &last);
}

static void fail_malformed (job_t *job, size_t index)
{
    job_fail_as (job, index, OUTCOME_REFUSED,
                 "its result came back malformed: the worker's version may differ");
}

static void apply_error (session_t *self, delivery_t *delivery, size_t index, outcome_status_t status,
                         const uint8_t *body, size_t body_len)
{
    job_t *job = delivery->task->job;
    dpool_error_t error;
    memset (&error, 0, sizeof error);
    if (outcome_read_error (status, body, body_len, &self->texts, &error) < 0) {
        fail_malformed (job, index);
        return;
    }
    /* A worker counts attempts as they are numbered on the wire. */
    if (error.attempts == 0 || error.attempts >= SESSION_SUBMISSION_STEP)
        error.attempts = (unsigned) delivery->n_starts;
    if (status == OUTCOME_CRASHED) {
        on_crash (delivery, index, &error);
        return;
    }
    char message[1024];
    if (status == OUTCOME_INITIALIZER) {
        snprintf (message, sizeof message, "initializer '%s': %s", self->initializer, error.message);
        error.message = message;
    }
    delivery->has_culprit |= status == OUTCOME_TIMED_OUT;
    bool is_reason = status == delivery->result->status && delivery->reason == NULL && delivery->task->n > 1;
    if (is_reason && !is_siblings_fault (status))
        delivery->reason = dp_error_copy (&error);
    job_fail (job, index, &error);
}

static void apply_outcome (session_t *self, delivery_t *delivery, size_t index, outcome_status_t status,
                           const uint8_t *body, size_t body_len)
{
    job_t *job = delivery->task->job;
    job_item_t *item = job_item (job, index);
    if (item == NULL || item->state == ITEM_FINISHED)
        return;
    if (status == OUTCOME_VALUE) {
        const uint8_t *data = dp_blob_data (delivery->blob) + (body - delivery->row);
        delivery->n_holds -= job_succeed (job, index, delivery->blob, data, body_len);
    } else if (item->state != ITEM_SENT)
        return;
    else if (status == OUTCOME_CANCELLED)
        fail_cancelled (delivery, index);
    else if (status != OUTCOME_NOT_STARTED)
        apply_error (self, delivery, index, status, body, body_len);
    else if (delivery->result->is_final)
        item->state = ITEM_WAITING;
    else
        delivery->n_given_back++;
}

static void apply_row (session_t *self, delivery_t *delivery)
{
    const wire_result_t *result = delivery->result;
    const job_task_t *task = delivery->task;
    if (result->first >= task->n)
        return;
    size_t first = (size_t) result->first;
    size_t n = result->n_items < task->n - first ? (size_t) result->n_items : task->n - first;
    dp_reader_t row;
    dp_reader_init (&row, delivery->row, result->payload.len);
    bool is_malformed = false;
    dp_blob_hold_many (delivery->blob, n);
    delivery->n_holds = n;
    for (size_t i = task->first + first; i < task->first + first + n; i++) {
        outcome_status_t status;
        const uint8_t *body;
        size_t body_len;
        /* They ran, and would give the same again. */
        is_malformed = is_malformed || outcome_next (&row, &status, &body, &body_len) < 0;
        if (is_malformed)
            fail_malformed (task->job, i);
        else
            apply_outcome (self, delivery, i, status, body, body_len);
    }
    dp_blob_drop_many (delivery->blob, delivery->n_holds);
}

/* ---- The end of a task ---------------------------------------------------------------------- */

static const char *message_of (outcome_status_t status)
{
    switch (status) {
    case OUTCOME_KILLED:
        return "cancelled while it ran";
    case OUTCOME_LOST:
        return "its worker is gone, and it may not be run again";
    case OUTCOME_TIMED_OUT:
        return "it ran longer than its time limit";
    default:
        return "its worker gave no further reason";
    }
}

/* The task ended by a fault of one of its items, and the row does not say which: items run in their order. */
static void find_culprit (delivery_t *delivery)
{
    const job_task_t *task = delivery->task;
    outcome_status_t status = delivery->result->status;
    if (delivery->has_culprit || (status != OUTCOME_CRASHED && status != OUTCOME_TIMED_OUT))
        return;
    size_t i = task->first, end = task->first + task->n;
    while (i < end && (job_item (task->job, i) == NULL || job_item (task->job, i)->state != ITEM_SENT))
        i++;
    if (i == end)
        return;
    dpool_error_t error = { .code = outcome_code (status),
                            .message = message_of (status),
                            .host = "",
                            .stderr_tail = "",
                            .attempts = (unsigned) delivery->n_starts };
    if (status == OUTCOME_CRASHED)
        on_crash (delivery, i, &error);
    else
        job_fail (task->job, i, &error);
}

/* The task is over and said nothing final of this item: end it, unless it may be tried again. */
static void judge_rest (const delivery_t *delivery, size_t index, job_item_t *item)
{
    job_t *job = delivery->task->job;
    outcome_status_t status = delivery->result->status;
    bool is_unwanted = is_cancelled (job, item);
    /* That it did not start, or that its crash is forgiven. */
    bool was_told = item->state == ITEM_WAITING || status == OUTCOME_NOT_STARTED;
    if (was_told && status == OUTCOME_LOST && !is_unwanted)
        return;
    if (status == OUTCOME_CANCELLED)
        fail_cancelled (delivery, index);
    else if (!is_siblings_fault (status) && delivery->reason != NULL)
        job_fail (job, index, delivery->reason);
    else if (!is_siblings_fault (status))
        job_fail_as (job, index, status, message_of (status));
    else if (is_unwanted && (was_told || status != OUTCOME_VALUE))
        fail_cancelled (delivery, index);
    else if (is_unwanted)
        job_fail_as (job, index, OUTCOME_KILLED, message_of (OUTCOME_KILLED));
    else if (was_told)
        return;
    else if (job->is_at_most_once)
        job_fail_as (job, index, OUTCOME_LOST,
                     "its task ended without a word on it, and it may not be run again");
    else if (++item->n_losses > SESSION_MAX_LOSSES)
        job_fail_as (job, index, OUTCOME_LOST, "its task ended without a word on it, again and again");
}

/* Items that did not start in this run. */
static session_count_t count_of_rest (const delivery_t *delivery)
{
    uint64_t n_starts = delivery->n_starts, attempt = delivery->result->attempt, base = delivery->task->base;
    return (session_count_t) { attempt > base ? attempt - 1 : base, n_starts > 0 ? n_starts - 1 : 0 };
}

/* Is this of a run before the task was submitted again? All of it may run there once more. */
static bool is_of_old (const job_task_t *task, uint64_t attempt)
{
    uint64_t n_before = task->n_submissions > 0 ? task->n_submissions - 1 : 0;
    return n_before > 0 && attempt <= task->base + SESSION_SUBMISSION_STEP * n_before;
}

/* The run goes on without its last items, which did not start: they are other tasks from now on. */
static void shorten_task (session_t *self, delivery_t *delivery)
{
    job_task_t *task = delivery->task;
    const wire_result_t *result = delivery->result;
    if (is_of_old (task, result->attempt) || result->is_final || delivery->n_given_back == 0
        || result->first + result->n_items < task->n || delivery->n_given_back != task->n - result->first)
        return;
    job_t *job = task->job;
    size_t first = task->first + (size_t) result->first, end = task->first + task->n;
    session_count_t count = count_of_rest (delivery);
    task->n = (size_t) result->first;
    job_learn (job, task->n, result->run_us);
    for (size_t i = first; i < end; i++) {
        job_item (job, i)->state = ITEM_WAITING;
        if (is_cancelled (job, job_item (job, i)))
            fail_cancelled (delivery, i);
    }
    session_retry_items (self, job, first, end, count, count);
}

static void finish_task (session_t *self, delivery_t *delivery)
{
    job_task_t *task = delivery->task;
    find_culprit (delivery);
    for (size_t i = task->first; i < task->first + task->n; i++) {
        job_item_t *item = job_item (task->job, i);
        if (item != NULL && item->state != ITEM_FINISHED)
            judge_rest (delivery, i, item);
    }
    /* The rest did not start in this run. */
    uint64_t n_starts = delivery->n_starts, attempt = delivery->result->attempt;
    session_count_t blamed = { attempt > task->base ? attempt : task->base, n_starts };
    session_retry_task (self, task, blamed, count_of_rest (delivery));
}

/* ---- Results -------------------------------------------------------------------------------- */

/* How long tasks are on their way: to the broker, on to a worker, and back. Only such a task tells it that
   found, as far as we know, a process that had nothing else to do; others have waited in the broker's queue,
   too, which it is for us to keep short. The shortest counts: even those may have waited, for another
   client's tasks or for a process that was just starting. */
static void learn_path (session_t *self, int64_t now_ms, const job_task_t *task)
{
    if (!task->is_first || task->n_submissions != 1)
        return;
    int64_t path_ms = now_ms - task->sent_at_ms - (int64_t) (task->run_us / 1000);
    path_ms = path_ms < 0 ? 0 : path_ms < SESSION_MAX_PATH_MS ? path_ms : SESSION_MAX_PATH_MS;
    if (self->is_path_old || path_ms < self->path_ms)
        self->path_ms = path_ms;
    self->is_path_old = false;
}

static void receive_result (session_t *self, int64_t now_ms, const wire_result_t *result,
                            dp_blob_t *const *blobs)
{
    dp_acks_take (&self->acks, now_ms, result->payload.len);
    job_task_t *task = session_find_task (self, result->id);
    if (task == NULL) {
        self->n_late++;
        return;
    }
    job_t *job = task->job;
    delivery_t delivery = { .task = task,
                            .result = result,
                            .row = result->payload.data,
                            .n_starts = session_starts_of (task, result->attempt) };
    if (result->payload.frame > 0 && blobs != NULL && blobs[result->payload.frame] != NULL)
        delivery.blob = dp_blob_hold (blobs[result->payload.frame]);
    else
        delivery.blob = dp_blob_copy (result->payload.data, result->payload.len);
    if (delivery.blob == NULL) {
        session_fail_task (self, task, OUTCOME_REFUSED, "out of memory for its result");
        session_settle (self, job);
        return;
    }
    apply_row (self, &delivery);
    if (result->status == OUTCOME_VALUE && delivery.n_given_back == 0) {
        job_learn (job, (size_t) result->n_items, result->run_us);
        task->run_us += result->run_us;
        if (result->is_final)
            learn_path (self, now_ms, task);
    }
    shorten_task (self, &delivery);
    task->is_partial |= result->n_items > 0;
    if (result->is_final)
        finish_task (self, &delivery);
    else if (job->is_calls && !job->is_cancelled)
        session_stop_calls (self, now_ms, task);
    dp_free (delivery.reason);
    dp_blob_release (&delivery.blob);
    session_settle (self, job);
}

void session_receive_results (session_t *self, int64_t now_ms, wire_message_t *message,
                              dp_blob_t *const *blobs)
{
    wire_result_t result;
    while (wire_next_result (message, &result))
        receive_result (self, now_ms, &result, blobs);
}
