/* SPDX-License-Identifier: MPL-2.0 */
/* outcomes.c - asking a result: wait, get, values, errors, progress, explain, cancel. */
#include "client/async_result.h"
#include "client/driver.h"
#include "core/error.h"
#include "core/memory.h"
#include "net/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Finished in the eyes of this thread: for all but the callback thread only after the callback. Under the
 * lock. */
static bool is_ready_here (const dpool_async_result_t *self)
{
    return self->is_ready || (self->is_finished && pool_is_callback_thread (self->pool));
}

static size_t count_of (const dpool_async_result_t *self)
{
    return self->is_call ? 1 : self->job->next;
}

static int check (const dpool_async_result_t *self)
{
    return self != NULL ? 0 : dp_fail (EINVAL, "the result is NULL: did the call that makes it fail?");
}

/* ---- Waiting -------------------------------------------------------------------------------- */

static bool is_ready_to_driver (const void *what)
{
    return is_ready_here (what);
}

static int wait_or_drive (dpool_async_result_t *self, int64_t deadline_ms)
{
    dpool_t *pool = self->pool;
    if (self->is_call && deadline_ms > dp_clock_ms () && driver_may_take (pool))
        return driver_wait (pool, &self->waiters, is_ready_to_driver, self, deadline_ms);
    if (pool->helm.is_resting)
        pool_wake_io (pool);
    return waiter_wait (&self->waiters, &pool->lock, deadline_ms);
}

/* Under the lock. 0, or -1 with the thread's last error. */
static int wait_ready (dpool_async_result_t *self, int timeout_ms)
{
    int64_t deadline_ms = waiter_deadline (timeout_ms);
    pool_deliver (self->pool);
    while (!is_ready_here (self)) {
        if (wait_or_drive (self, deadline_ms) == 0)
            continue;
        int code = errno;
        if (code == ETIMEDOUT && is_ready_here (self))
            return 0;
        return dp_fail (code, "%s",
                        code == ETIMEDOUT ? "not finished yet"
                        : code == EINTR   ? "interrupted by a signal"
                                          : "cannot wait");
    }
    return 0;
}

/* Without the lock: may its outcomes be read without it? */
static bool is_settled (const dpool_async_result_t *self)
{
    return atomic_load_explicit (&self->is_ready, memory_order_acquire);
}

int dpool_async_result_wait (dpool_async_result_t *self, int timeout_ms)
{
    if (check (self) < 0)
        return -1;
    pool_lock (self->pool);
    int rc = wait_ready (self, timeout_ms);
    pool_leave (self->pool);
    return rc < 0 ? dp_fail_again () : 0;
}

int dpool_async_result_get (dpool_async_result_t *self, int timeout_ms)
{
    if (check (self) < 0)
        return -1;
    if (is_settled (self) && async_result_failure (self) == NULL)
        return 0;
    pool_lock (self->pool);
    int rc = wait_ready (self, timeout_ms);
    const dpool_error_t *failure = rc == 0 ? async_result_failure (self) : NULL;
    if (failure != NULL)
        rc = dp_fail_with (failure);
    pool_leave (self->pool);
    return rc < 0 ? dp_fail_again () : 0;
}

bool dpool_async_result_ready (const dpool_async_result_t *self)
{
    if (check (self) < 0)
        return false;
    pool_lock (self->pool);
    bool is_ready = is_ready_here (self);
    pool_leave (self->pool);
    return is_ready;
}

bool dpool_async_result_successful (const dpool_async_result_t *self)
{
    if (check (self) < 0)
        return false;
    pool_lock (self->pool);
    bool is_ready = is_ready_here (self), is_successful = is_ready && async_result_failure (self) == NULL;
    pool_leave (self->pool);
    if (!is_ready)
        dp_fail (EAGAIN, "not finished yet");
    else
        errno = 0;
    return is_successful;
}

size_t dpool_async_result_count (const dpool_async_result_t *self)
{
    return self == NULL ? 0 : count_of (self);
}

/* ---- Items ---------------------------------------------------------------------------------- */

/* The finished item, or NULL with the thread's last error. Under the lock. */
static job_item_t *finished_item (const dpool_async_result_t *self, size_t index)
{
    if (index >= count_of (self)) {
        dp_fail (ERANGE, "there is no item %zu: the result has %zu", index, count_of (self));
        return NULL;
    }
    job_item_t *item = async_result_item (self, index);
    if (item->state != ITEM_FINISHED) {
        dp_fail (EAGAIN, "item %zu is not finished yet", index);
        return NULL;
    }
    return item;
}

static job_item_t *item_with_value (const dpool_async_result_t *self, size_t index)
{
    job_item_t *item = finished_item (self, index);
    if (item == NULL)
        return NULL;
    if (item->error != NULL) {
        dp_fail_with (item->error);
        return NULL;
    }
    if (item->is_taken) {
        dp_fail (ENOENT, "the value of item %zu was taken already", index);
        return NULL;
    }
    return item;
}

const dpool_value_t *dpool_async_result_value (const dpool_async_result_t *self, size_t index)
{
    if (check (self) < 0)
        return NULL;
    bool is_shared = !is_settled (self);
    if (is_shared)
        pool_lock (self->pool);
    const job_item_t *item = item_with_value (self, index);
    if (is_shared)
        pool_leave (self->pool);
    if (item == NULL)
        dp_fail_again ();
    return item != NULL ? &item->value : NULL;
}

const dpool_error_t *dpool_async_result_error (const dpool_async_result_t *self, size_t index)
{
    if (check (self) < 0)
        return NULL;
    pool_lock (self->pool);
    const job_item_t *item = finished_item (self, index);
    pool_leave (self->pool);
    if (item == NULL) {
        dp_fail_again ();
        return NULL;
    }
    errno = 0;
    return item->error;
}

dpool_value_t *dpool_async_result_take (dpool_async_result_t *self, size_t index)
{
    if (check (self) < 0)
        return NULL;
    pool_lock (self->pool);
    dpool_value_t *value = NULL;
    job_item_t *item = item_with_value (self, index);
    if (item != NULL) {
        value = dpool_value_copy (&item->value);
        if (value != NULL) {
            item->is_taken = true;
            dp_value_fini (&item->value);
        }
    }
    pool_leave (self->pool);
    if (value == NULL)
        dp_fail_again ();
    return value;
}

/* ---- Progress and cancel -------------------------------------------------------------------- */

static void tell_map (const job_t *job, dpool_progress_t *now)
{
    now->finished = job->n_finished;
    now->failed = job->n_failed;
    size_t unfinished = now->total - now->finished;
    now->running = job->n_running < unfinished ? job->n_running : unfinished;
    for (const dp_list_t *node = job->tasks.next; node != &job->tasks; node = node->next) {
        const job_task_t *task = DP_CONTAINER (node, job_task_t, in_job);
        now->done += task->done;
        now->steps += task->steps;
    }
}

static void tell_call (const dpool_async_result_t *self, dpool_progress_t *now)
{
    now->finished = self->is_finished;
    now->failed = self->is_finished && async_result_failure (self) != NULL;
    const job_task_t *task = self->job != NULL ? job_call (self->job, self->index)->task : NULL;
    if (task == NULL || task->running_at_ms == 0 || task->first + task->item != self->index)
        return;
    now->running = 1;
    now->done = task->done;
    now->steps = task->steps;
}

int dpool_async_result_progress (const dpool_async_result_t *self, dpool_progress_t *progress)
{
    if (check (self) < 0)
        return -1;
    if (progress == NULL || progress->size == 0)
        return dp_fail (EINVAL, "the progress struct's size is 0: start from DPOOL_PROGRESS_INIT");
    dpool_progress_t now = DPOOL_PROGRESS_INIT;
    pool_lock (self->pool);
    now.total = count_of (self);
    if (self->is_call)
        tell_call (self, &now);
    else
        tell_map (self->job, &now);
    now.waiting = now.total - now.finished - now.running;
    pool_unlock (self->pool);
    size_t size = progress->size;
    memcpy (progress, &now, size < sizeof now ? size : sizeof now);
    progress->size = size;
    return 0;
}

int dpool_async_result_cancel (dpool_async_result_t *self)
{
    if (check (self) < 0)
        return -1;
    pool_lock (self->pool);
    session_t *session = self->pool->session;
    if (!self->is_call)
        session_cancel (session, dp_clock_ms (), self->job);
    else if (self->job != NULL)
        session_cancel_call (session, dp_clock_ms (), self->job, self->index);
    pool_unlock (self->pool);
    return 0;
}

/* ---- Explain -------------------------------------------------------------------------------- */

/* Ask the broker, under the lock. 0 or -1 with EINTR. */
static int ask (dpool_async_result_t *self, dpool_explanation_t *why)
{
    enum { ANSWER_MS = 1000 };
    dpool_t *pool = self->pool;
    session_question_t question;
    int rc = 0;
    if (self->is_finished) {
        why->reason = DPOOL_REASON_FINISHED;
        snprintf (why->sentence, sizeof why->sentence, "it is finished");
        return 0;
    }
    session_explain (pool->session, dp_clock_ms (), self->job, self->is_call ? self->index : JOB_NONE,
                     &question);
    int64_t deadline_ms = waiter_deadline (ANSWER_MS);
    while (rc == 0 && !question.is_answered) {
        pool_wake_io (pool);
        rc = waiter_wait (&pool->waiters, &pool->lock, deadline_ms);
    }
    session_forget_question (&question);
    *why = question.answer;
    if (question.is_answered)
        return 0;
    if (errno == EINTR)
        return -1;
    why->reason = DPOOL_REASON_UNREACHABLE;
    why->since_ms = ANSWER_MS;
    snprintf (why->sentence, sizeof why->sentence, "the broker did not answer within a second");
    return 0;
}

int dpool_async_result_explain (dpool_async_result_t *self, dpool_explanation_t *why)
{
    if (check (self) < 0)
        return -1;
    if (why == NULL || why->size == 0)
        return dp_fail (EINVAL, "the explanation struct's size is 0: start from DPOOL_EXPLANATION_INIT");
    dpool_explanation_t now = DPOOL_EXPLANATION_INIT;
    pool_lock (self->pool);
    int rc = ask (self, &now);
    pool_unlock (self->pool);
    if (rc < 0)
        return dp_fail (EINTR, "interrupted by a signal");
    size_t size = why->size;
    memcpy (why, &now, size < sizeof now ? size : sizeof now);
    why->size = size;
    return 0;
}
