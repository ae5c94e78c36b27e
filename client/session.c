/* SPDX-License-Identifier: MPL-2.0 */
#include "client/session_internal.h"

#include "core/memory.h"

#include <stdio.h>
#include <string.h>

/* ---- Life ----------------------------------------------------------------------------------- */

session_t *session_new (const session_config_t *config, int64_t now_ms)
{
    session_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        return NULL;
    dp_link_init (&self->link, config->n_endpoints, config->id, now_ms);
    dp_list_init (&self->submitted);
    dp_list_init (&self->again);
    dp_list_init (&self->jobs);
    dp_list_init (&self->done);
    dp_list_init (&self->ready);
    dp_list_init (&self->changed);
    dp_list_init (&self->calls_in_use);
    dp_list_init (&self->cancelling);
    dp_list_init (&self->questions);
    self->id = config->id;
    self->pid = config->pid;
    self->machine = config->machine;
    self->seed = config->seed;
    self->max_tasks_per_child = config->max_tasks_per_child;
    self->max_tasks = config->max_tasks;
    self->max_bytes = config->max_bytes;
    self->broker_timeout_ms = config->broker_timeout_ms;
    self->max_payload = DP_DEFAULT_MAX_PAYLOAD;
    self->host = dp_strdup (config->host);
    self->name = dp_strdup (config->name);
    self->initializer = dp_strdup (config->initializer != NULL ? config->initializer : "");
    self->initializer_args_len = config->initializer_args_len;
    self->initializer_args = dp_alloc (config->initializer_args_len + 1);
    if (self->host == NULL || self->name == NULL || self->initializer == NULL
        || self->initializer_args == NULL)
        session_destroy (&self);
    else if (config->initializer_args_len > 0)
        memcpy (self->initializer_args, config->initializer_args, config->initializer_args_len);
    return self;
}

static void destroy_jobs (dp_list_t *jobs)
{
    DP_LIST_EACH (jobs, node) {
        job_t *job = DP_CONTAINER (node, job_t, in_session);
        job_destroy (&job);
    }
}

void session_destroy (session_t **self_p)
{
    session_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    DP_LIST_EACH (&self->submitted, node)
        session_drop_task (self, DP_CONTAINER (node, job_task_t, in_order));
    DP_LIST_EACH (&self->again, node)
        session_drop_task (self, DP_CONTAINER (node, job_task_t, in_order));
    destroy_jobs (&self->jobs);
    destroy_jobs (&self->done);
    DP_LIST_EACH (&self->ready, node)
        dp_free (DP_CONTAINER (node, session_level_t, in_ready));
    wire_batch_fini (&self->submits);
    wire_batch_fini (&self->claims);
    wire_batch_fini (&self->cancels);
    wire_batch_fini (&self->recalls);
    dp_outbox_fini (&self->outbox);
    dp_map_fini (&self->tasks);
    dp_map_fini (&self->calls);
    dp_buffer_fini (&self->scratch);
    dp_buffer_fini (&self->texts);
    dp_free (self->host);
    dp_free (self->name);
    dp_free (self->initializer);
    dp_free (self->initializer_args);
    dp_free (self->refusal_text);
    dp_free (self);
}

void session_tidy (session_t *self)
{
    dp_map_shrink (&self->tasks);
    dp_map_shrink (&self->calls);
    DP_LIST_EACH (&self->calls_in_use, node)
        job_shrink (DP_CONTAINER (node, job_t, in_use));
}

/* ---- Jobs ----------------------------------------------------------------------------------- */

void session_touch (session_t *self, job_t *job)
{
    if (!job->is_released && dp_list_is_empty (&job->in_changed))
        dp_list_append (&self->changed, &job->in_changed);
}

void session_settle (session_t *self, job_t *job)
{
    if ((job->is_released && job->n_tasks == 0) || session_is_over (job)) {
        job_destroy (&job);
        return;
    }
    if (job->unsent < job->next && !job->is_cancelled)
        session_make_ready (self, job);
    if (job_is_finished (job) && job->n_tasks == 0) {
        dp_list_remove (&job->in_session);
        dp_list_append (&self->done, &job->in_session);
    }
    job->is_closed = job_is_finished (job);
    session_touch (self, job);
}

bool session_may_have_run (const session_t *self, const job_task_t *task)
{
    return task->base > 0 || (task->n_submissions > 0 && task->incarnation != self->incarnation);
}

static const char terminated[] = "the pool was terminated before it finished";

void session_add (session_t *self, job_t *job)
{
    job->number = ++self->last_job;
    /* A child's items are counted one by one, so none may come in a row that is longer than what it has left.
     */
    job->is_single = self->max_tasks_per_child > 0;
    dp_list_append (&self->jobs, &job->in_session);
    session_more (self, job);
}

job_t *session_next_changed (session_t *self)
{
    dp_list_t *node = dp_list_pop (&self->changed);
    return node != NULL ? DP_CONTAINER (node, job_t, in_changed) : NULL;
}

bool session_is_idle (const session_t *self)
{
    for (const dp_list_t *node = self->jobs.next; node != &self->jobs; node = node->next) {
        const job_t *job = DP_CONTAINER (node, job_t, in_session);
        if (job->n_finished < job->next) /* a stream may be idle and not ended */
            return false;
    }
    return true;
}

void session_mark (session_t *self)
{
    DP_LIST_EACH (&self->jobs, node) {
        job_t *job = DP_CONTAINER (node, job_t, in_session);
        job->n_marked = job->next;
        job->is_eager = true;
        if (job->unsent < job->next)
            session_make_ready (self, job);
    }
}

bool session_is_past_mark (const session_t *self)
{
    for (const dp_list_t *node = self->jobs.next; node != &self->jobs; node = node->next) {
        const job_t *job = DP_CONTAINER (node, job_t, in_session);
        if (job->n_finished < job->n_marked)
            return false;
    }
    return true;
}

/* What was never sent, or is known not to be at the broker, ends here and now. */
static void fail_unsent (session_t *self, job_t *job, outcome_status_t status, const char *message)
{
    dp_list_remove (&job->in_ready);
    for (size_t i = job->unsent; i < job->next; i++)
        job_fail_as (job, i, status, message);
    job->unsent = job->next;
    DP_LIST_EACH (&job->tasks, node) {
        job_task_t *task = DP_CONTAINER (node, job_task_t, in_job);
        if (task->is_sent)
            continue;
        if (status == OUTCOME_CANCELLED && session_may_have_run (self, task))
            session_fail_task (self, task, OUTCOME_KILLED, "cancelled before it started once more");
        else
            session_fail_task (self, task, status, message);
    }
}

void session_more (session_t *self, job_t *job)
{
    bool has_new = job->unsent < job->next;
    if (self->end_status != OUTCOME_VALUE && !job->is_closed) {
        const char *message = self->end_status == OUTCOME_REFUSED ? self->refusal_text : terminated;
        session_end_job (self, job, self->end_status, message);
    } else if (has_new && job->is_cancelled) {
        fail_unsent (self, job, OUTCOME_CANCELLED, "cancelled before it started");
        session_settle (self, job);
    } else if (has_new) {
        bool is_ready = !dp_list_is_empty (&job->in_ready);
        if (!is_ready && job_has_room (job, self->processes)) /* without room its next result does that */
            session_make_ready (self, job);
    } else if (job_is_finished (job) && !job->is_closed)
        session_settle (self, job); /* an empty list, or the end of a stream came behind its last result */
}

bool session_has_ready (const session_t *self)
{
    return !dp_list_is_empty (&self->ready);
}

void session_cancel (session_t *self, int64_t now_ms, job_t *job)
{
    if (job->is_cancelled || job_is_finished (job))
        return;
    job->is_cancelled = job->is_ended = true;
    fail_unsent (self, job, OUTCOME_CANCELLED, "cancelled before it started");
    DP_LIST_EACH (&job->tasks, node)
        session_cancel_task (self, now_ms, DP_CONTAINER (node, job_task_t, in_job));
    session_settle (self, job);
}

void session_release (session_t *self, int64_t now_ms, job_t *job)
{
    dp_list_remove (&job->in_changed);
    job->is_released = true;
    if (job->is_cancelled || job_is_finished (job))
        session_settle (self, job);
    else
        session_cancel (self, now_ms, job);
}

void session_end_job (session_t *self, job_t *job, outcome_status_t status, const char *message)
{
    job->is_ended = job->is_cancelled = true;
    fail_unsent (self, job, status, message);
    DP_LIST_EACH (&job->tasks, node) {
        job_task_t *task = DP_CONTAINER (node, job_task_t, in_job);
        wire_range_t range = { task->id, task->id, false };
        if (self->link.state == LINK_UP)
            wire_add_range (&self->cancels, &self->outbox, 0, WIRE_CANCEL, &range);
        session_fail_task (self, task, status, message);
    }
    session_settle (self, job);
}

void session_terminate (session_t *self, int64_t now_ms)
{
    (void) now_ms;
    if (self->end_status == OUTCOME_VALUE)
        self->end_status = OUTCOME_TERMINATED;
    DP_LIST_EACH (&self->jobs, node)
        session_end_job (self, DP_CONTAINER (node, job_t, in_session), OUTCOME_TERMINATED, terminated);
    wire_flush (&self->cancels, &self->outbox, self->acks.n_received, 0, 0);
}

/* ---- The connection ------------------------------------------------------------------------- */

static void put_command (session_t *self, dp_link_command_t command)
{
    if (self->n_commands < sizeof self->commands / sizeof self->commands[0])
        self->commands[self->n_commands++] = command;
}

dp_link_command_t session_next_command (session_t *self)
{
    if (self->n_commands == 0)
        return LINK_NOTHING;
    dp_link_command_t command = self->commands[0];
    memmove (self->commands, self->commands + 1, --self->n_commands * sizeof self->commands[0]);
    return command;
}

static wire_text_t text_of (const char *text)
{
    return (wire_text_t) { text, strlen (text) };
}

/* What was meant for a connection must not go out on the next; the counters of results belong to it too. */
static void forget_connection (session_t *self)
{
    dp_outbox_fini (&self->outbox);
    wire_batch_fini (&self->submits);
    wire_batch_fini (&self->claims);
    wire_batch_fini (&self->cancels);
    wire_batch_fini (&self->recalls);
    self->acks = (dp_acks_t) { 0 };
    self->processes = 0;
}

static void say_hello (session_t *self)
{
    forget_connection (self);
    wire_hello_t hello = {
        .version_min = WIRE_VERSION_MIN,
        .version_max = WIRE_VERSION,
        .role = WIRE_ROLE_CLIENT,
        .id = self->id,
        .connection = self->link.connection,
        .host = text_of (self->host),
        .name = text_of (self->name),
        .pid = self->pid,
        .machine = self->machine,
        .initializer = text_of (self->initializer),
        .initializer_args = { self->initializer_args, self->initializer_args_len, 0 },
        .seed = self->seed,
        .max_tasks_per_child = self->max_tasks_per_child,
        .heeds_drain = true,
    };
    wire_put_hello (&self->outbox, 0, &hello, NULL, NULL);
}

void session_broken (session_t *self, int64_t now_ms)
{
    if (self->link.state == LINK_DOWN)
        return;
    dp_link_broken (&self->link, now_ms);
    forget_connection (self);
    session_end_questions (self);
}

static void run_link (session_t *self, int64_t now_ms)
{
    /* Who was refused only closes: it would be refused again. */
    while (self->refusal == 0 || self->link.must_close) {
        dp_link_command_t command = dp_link_tick (&self->link, now_ms);
        if (command == LINK_NOTHING)
            return;
        if (command == LINK_PING)
            wire_put_bare (&self->outbox, 0, WIRE_PING, self->acks.n_received);
        else
            put_command (self, command);
        if (command == LINK_CLOSE) {
            forget_connection (self);
            session_end_questions (self);
        }
        if (command == LINK_OPEN)
            say_hello (self);
    }
}

/* R8: a cancel that nobody confirms is final after a while. */
static int64_t expire_cancels (session_t *self, int64_t now_ms)
{
    while (!dp_list_is_empty (&self->cancelling)) {
        job_task_t *task = DP_CONTAINER (self->cancelling.next, job_task_t, in_cancelling);
        job_t *job = task->job;
        if (now_ms < task->cancel_at_ms)
            return task->cancel_at_ms;
        if (task->is_recalled)
            session_expire_recall (task);
        else
            session_fail_task (self, task, OUTCOME_KILLED,
                               "cancelled; the broker did not say whether it had started");
        session_settle (self, job);
    }
    return DP_NEVER;
}

/* Close the batches. The last of them carries the ack; without one it goes by itself in a while (R3). Returns
   when that is. */
static int64_t send_out (session_t *self, int64_t now_ms)
{
    bool has_carrier
        = self->cancels.message != NULL || self->recalls.message != NULL || self->submits.message != NULL;
    wire_flush (&self->recalls, &self->outbox, self->acks.n_received, 0, 0);
    wire_flush (&self->cancels, &self->outbox, self->acks.n_received, 0, 0);
    wire_flush (&self->submits, &self->outbox, self->acks.n_received, 0, 0);
    if (!has_carrier && dp_acks_due_ms (&self->acks) <= now_ms) {
        wire_put_bare (&self->outbox, 0, WIRE_ACK, self->acks.n_received);
        has_carrier = true;
    }
    if (has_carrier)
        dp_acks_said (&self->acks);
    if (self->outbox.count > 0)
        dp_link_sent (&self->link, now_ms);
    return dp_acks_due_ms (&self->acks);
}

/* What waits for a broker that does not come ends after a while, if the user wants that. */
static int64_t give_up_broker (session_t *self, int64_t now_ms)
{
    if (self->broker_timeout_ms == 0 || self->link.state == LINK_UP || dp_list_is_empty (&self->jobs))
        return DP_NEVER;
    int64_t end_ms = self->link.down_since_ms + self->broker_timeout_ms;
    if (now_ms < end_ms)
        return end_ms;
    char message[128];
    snprintf (message, sizeof message, "the broker is gone, and did not return within %lld ms",
              (long long) self->broker_timeout_ms);
    DP_LIST_EACH (&self->jobs, node)
        session_end_job (self, DP_CONTAINER (node, job_t, in_session), OUTCOME_BROKER_LOST, message);
    return DP_NEVER;
}

int64_t session_tick (session_t *self, int64_t now_ms)
{
    run_link (self, now_ms);
    int64_t deadline_ms = expire_cancels (self, now_ms);
    int64_t broker_ms = give_up_broker (self, now_ms);
    deadline_ms = broker_ms < deadline_ms ? broker_ms : deadline_ms;
    if (self->link.state == LINK_UP) {
        session_submit_ready (self, now_ms);
        int64_t ack_ms = send_out (self, now_ms);
        deadline_ms = ack_ms < deadline_ms ? ack_ms : deadline_ms;
    }
    int64_t link_ms = self->refusal != 0 ? DP_NEVER : dp_link_deadline_ms (&self->link);
    return link_ms < deadline_ms ? link_ms : deadline_ms;
}

void session_leave (session_t *self)
{
    if (self->link.state == LINK_UP)
        wire_put_bare (&self->outbox, 0, WIRE_BYE, self->acks.n_received);
}

bool session_has_tried_all (const session_t *self)
{
    return self->link.connection >= self->link.n_endpoints;
}

size_t session_endpoint (const session_t *self)
{
    return self->link.endpoint;
}

dp_outbox_t *session_outbox (session_t *self)
{
    return &self->outbox;
}

bool session_is_connected (const session_t *self)
{
    return self->link.state == LINK_UP;
}

int64_t session_down_since_ms (const session_t *self)
{
    return self->link.down_since_ms;
}

size_t session_processes (const session_t *self)
{
    return self->link.state == LINK_UP ? (size_t) self->processes : 0;
}

uint64_t session_max_payload (const session_t *self)
{
    return self->max_payload;
}

wire_refusal_t session_refusal (const session_t *self, const char **text)
{
    *text = self->refusal_text;
    return self->refusal;
}
