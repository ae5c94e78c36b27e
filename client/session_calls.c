/* SPDX-License-Identifier: MPL-2.0 */
/*
 * session_calls.c - applies. Those of one function with the same options are the items of one job, so that
 * they travel in chunks as those of a map do; but each has an owner, and can be cancelled alone.
 *
 * A call that is to be cancelled while others of its task are unfinished has the broker give back what has
 * not started of the task (REVOKE). In the end it is given back, and ends here; or it is the only one left,
 * and the task is cancelled.
 */
#include "client/session_internal.h"

#include <string.h>

enum {
    MAX_STRETCH
    = 65536, /* items between the oldest unfinished call of a job and the newest, mostly finished */
    SPARSE = 4
};

/* ---- The jobs of calls ---------------------------------------------------------------------- */

static uint64_t mix (uint64_t hash, uint64_t number)
{
    hash = (hash ^ number) * UINT64_C (0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t mix_text (uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char) *text) * UINT64_C (0x100000001b3);
    return mix (hash, 0);
}

static uint64_t hash_of (const job_spec_t *spec)
{
    uint64_t hash = mix_text (UINT64_C (0xcbf29ce484222325), spec->function);
    if (spec->require != NULL)
        hash = mix_text (hash, spec->require);
    hash = mix (hash, (uint64_t) spec->priority);
    hash = mix (hash, spec->time_limit_ms);
    return mix (hash, (uint64_t) spec->max_retries << 1 | spec->is_at_most_once);
}

static bool is_of_kind (const job_t *job, const job_spec_t *spec)
{
    return job->priority == spec->priority && job->time_limit_ms == spec->time_limit_ms
           && job->max_retries == spec->max_retries && job->is_at_most_once == spec->is_at_most_once
           && strcmp (job->function, spec->function) == 0
           && strcmp (job->require, spec->require != NULL ? spec->require : "") == 0;
}

static bool is_idle (const job_t *job)
{
    return job->n_forgotten == job->next && job->n_tasks == 0;
}

bool session_is_over (const job_t *job)
{
    return job->is_calls && dp_list_is_empty (&job->in_use) && is_idle (job);
}

/* It gets no more calls. */
static void retire (session_t *self, job_t *job)
{
    dp_map_take (&self->calls, job->options);
    dp_list_remove (&job->in_use);
    if (session_is_over (job))
        job_destroy (&job);
}

/* A slow call among quick ones holds the room of all that came after it. */
static bool is_sparse (const job_t *job)
{
    size_t stretch = job->next - job->base, n_held = job->next - job->n_forgotten;
    return stretch > MAX_STRETCH && n_held < stretch / SPARSE;
}

/* Of a few that were not used for long: with as many kinds as calls, looking at all each time would never
 * end. */
static void retire_idle (session_t *self)
{
    enum { TRIES = 8 };
    dp_list_t *latest = self->calls_in_use.previous;
    for (int i = 0; i < TRIES && self->calls_in_use.next != latest; i++) {
        job_t *job = DP_CONTAINER (self->calls_in_use.next, job_t, in_use);
        if (is_idle (job)) {
            retire (self, job);
            return;
        }
        dp_list_remove (&job->in_use);
        dp_list_append (latest, &job->in_use);
    }
}

/* Where the items of a job begin. Random numbers go by the job's number and the item's: another job of the
   kind goes on where the one before it ended. */
typedef struct origin_s {
    uint64_t number;
    size_t first;
} origin_t;

static job_t *add_job (session_t *self, const job_spec_t *spec, uint64_t options, origin_t origin)
{
    job_t *job = job_new (spec);
    if (job == NULL)
        return NULL;
    job->options = options;
    if (dp_map_put (&self->calls, options, &job->by_options) < 0) {
        job_destroy (&job);
        return NULL;
    }
    job->number = origin.number;
    job->base = job->next = job->unsent = job->n_finished = job->n_forgotten = origin.first;
    job->is_single = self->max_tasks_per_child > 0;
    job->is_closed = true;
    dp_list_append (&self->done, &job->in_session);
    return job;
}

static bool takes (const job_t *job, const job_spec_t *spec)
{
    return is_of_kind (job, spec) && !job->is_cancelled && !is_sparse (job);
}

/* There is one. */
static job_t *latest_of (const session_t *self)
{
    return DP_CONTAINER (self->calls_in_use.previous, job_t, in_use);
}

/* New pages for each burst would cost more than the calls. */
static void use (session_t *self, job_t *job)
{
    if (!dp_list_is_empty (&self->calls_in_use) && latest_of (self) != job) {
        latest_of (self)->keeps_room = false;
        job_shrink (latest_of (self));
    }
    job->keeps_room = true;
    dp_list_remove (&job->in_use);
    dp_list_append (&self->calls_in_use, &job->in_use);
}

/* The job of calls like this one. NULL with ENOMEM. */
static job_t *job_for (session_t *self, const job_spec_t *spec)
{
    if (!dp_list_is_empty (&self->calls_in_use) && takes (latest_of (self), spec))
        return latest_of (self);
    uint64_t options = hash_of (spec);
    dp_map_node_t *node = dp_map_get (&self->calls, options);
    job_t *job = node != NULL ? DP_CONTAINER (node, job_t, by_options) : NULL;
    if (job == NULL || !takes (job, spec)) {
        origin_t origin = { 0, 0 };
        if (job != NULL && is_of_kind (job, spec))
            origin = (origin_t) { job->number, job->next };
        else
            origin.number = ++self->last_job;
        if (job != NULL)
            retire (self, job);
        job = add_job (self, spec, options, origin);
        if (job == NULL)
            return NULL;
    }
    use (self, job);
    if (self->calls.count > SESSION_MAX_KINDS)
        retire_idle (self);
    return job;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

job_t *session_call (session_t *self, const job_spec_t *spec, const argument_t *arguments, void *owner,
                     size_t *index)
{
    job_t *job = job_for (self, spec);
    if (job == NULL || job_append_call (job, arguments, owner) < 0)
        return NULL;
    *index = job->next - 1;
    if (job->is_closed) {
        job->is_closed = false;
        dp_list_remove (&job->in_session);
        dp_list_append (&self->jobs, &job->in_session);
    }
    session_more (self, job);
    return job;
}

bool session_forget_call (session_t *self, job_t *job, size_t index)
{
    job_forget (job, index);
    if (session_is_over (job)) {
        job_destroy (&job);
        return true;
    }
    if (self->calls.count <= SESSION_MAX_KINDS || !is_idle (job))
        return false;
    retire (self, job);
    return true;
}

void session_stop_calls (session_t *self, int64_t now_ms, job_task_t *task)
{
    size_t n_cancelled = 0, n_wanted = 0;
    for (size_t i = task->first; i < task->first + task->n; i++) {
        if (job_is_unfinished (task->job, i))
            *(job_item (task->job, i)->is_cancelled ? &n_cancelled : &n_wanted) += 1;
    }
    bool must_recall = n_wanted > 0, is_said = task->cancel_at_ms != 0 && task->is_recalled == must_recall;
    if (is_said && n_cancelled > 0)
        return;
    if (task->is_recalled)
        session_end_recall (task);
    if (n_cancelled == 0)
        return;
    task->is_recalled = must_recall;
    session_cancel_task (self, now_ms, task);
}

void session_end_recall (job_task_t *task)
{
    dp_list_remove (&task->in_cancelling);
    task->cancel_at_ms = 0;
    task->is_recalled = false;
}

void session_expire_recall (job_task_t *task)
{
    job_t *job = task->job;
    session_end_recall (task);
    for (size_t i = task->first; i < task->first + task->n; i++)
        if (job_is_unfinished (job, i) && job_item (job, i)->is_cancelled)
            job_fail_as (job, i, OUTCOME_KILLED, "cancelled; the broker did not say whether it had started");
    task->is_partial = true;
}

void session_cancel_call (session_t *self, int64_t now_ms, job_t *job, size_t index)
{
    if (!job_is_unfinished (job, index) || job_item (job, index)->is_cancelled)
        return;
    job_item (job, index)->is_cancelled = true;
    job_task_t *task = job_call (job, index)->task;
    if (task != NULL && task->is_sent)
        session_stop_calls (self, now_ms, task);
    else
        session_fail_cancelled (job, index, task != NULL && session_may_have_run (self, task));
    if (task != NULL && !task->is_sent)
        task->is_partial = true;
    session_settle (self, job);
}

void session_release_call (session_t *self, int64_t now_ms, job_t *job, size_t index)
{
    job_call (job, index)->owner = NULL;
    session_cancel_call (self, now_ms, job, index);
}
