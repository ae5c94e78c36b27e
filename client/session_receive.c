/* SPDX-License-Identifier: MPL-2.0 */
/* session_receive.c - what the broker says: one handler a message. */
#include "client/session_internal.h"

#include "core/memory.h"
#include "core/utf8.h"

#include <stdio.h>
#include <string.h>

static uint64_t believed (uint64_t processes)
{
    return processes < SESSION_MAX_PROCESSES ? processes : SESSION_MAX_PROCESSES;
}

static void on_welcome (session_t *self, int64_t now_ms, wire_message_t *message)
{
    const wire_welcome_t *welcome = &message->welcome;
    if (self->link.state != LINK_GREETING)
        return;
    /* A HELLO in between that got no answer may have made the session that is said to be kept. */
    bool is_next = self->link.connection == self->welcomed + 1;
    if (!welcome->is_session_kept || welcome->epoch != self->epoch || !is_next)
        self->incarnation++;
    self->welcomed = self->link.connection;
    self->epoch = welcome->epoch;
    self->max_payload = welcome->max_payload > 0 ? welcome->max_payload : DP_DEFAULT_MAX_PAYLOAD;
    self->processes = believed (welcome->processes);
    self->is_path_old = true;
    self->room = welcome->room;
    self->most_tasks = welcome->most_tasks;
    self->is_broker_draining = false;
    dp_link_welcomed (&self->link, now_ms);
    session_claim (self, now_ms);
}

static void on_who (session_t *self, int64_t now_ms, wire_message_t *message)
{
    (void) message;
    session_broken (self, now_ms);
}

static void on_refused (session_t *self, int64_t now_ms, wire_message_t *message)
{
    /* A limit that is reached now will not always be: what was submitted waits, and the link's back-off paces
       how often it is tried. Only who was never let in is told. */
    if (message->refused.code == WIRE_REFUSED_LIMIT && self->welcomed != 0) {
        session_broken (self, now_ms);
        return;
    }
    dp_free (self->refusal_text);
    wire_text_t text = message->refused.text;
    self->refusal_text = dp_must_alloc (text.len + 1);
    memcpy (self->refusal_text, text.data, text.len);
    self->refusal = message->refused.code;
    session_broken (self, now_ms);
    self->end_status = OUTCOME_REFUSED;
    /* Nobody else will take them. */
    DP_LIST_EACH (&self->jobs, node)
        session_end_job (self, DP_CONTAINER (node, job_t, in_session), OUTCOME_REFUSED, self->refusal_text);
}

static void on_ping (session_t *self, int64_t now_ms, wire_message_t *message)
{
    (void) now_ms, (void) message;
    wire_put_bare (&self->outbox, 0, WIRE_PONG, self->acks.n_received);
}

static void on_pong (session_t *self, int64_t now_ms, wire_message_t *message)
{
    (void) message;
    dp_link_answered (&self->link, now_ms);
}

static void on_bye (session_t *self, int64_t now_ms, wire_message_t *message)
{
    (void) message;
    session_broken (self, now_ms);
}

/* The answer tells it that nothing more comes behind. What may run at most once and has not started comes
   back, and waits here for the next connection. */
static void on_drain (session_t *self, int64_t now_ms, wire_message_t *message)
{
    (void) now_ms, (void) message;
    self->is_broker_draining = true;
    wire_flush (&self->submits, &self->outbox, self->acks.n_received, 0, 0);
    wire_put_bare (&self->outbox, 0, WIRE_DRAIN, self->acks.n_received);
}

static void on_workers (session_t *self, int64_t now_ms, wire_message_t *message)
{
    (void) now_ms;
    bool are_more = message->workers > self->processes;
    self->is_path_old = true;
    self->processes = believed (message->workers);
    if (!are_more)
        return;
    /* Jobs that had enough under way for fewer processes. */
    DP_LIST_EACH (&self->jobs, node) {
        job_t *job = DP_CONTAINER (node, job_t, in_session);
        if (job->unsent < job->next)
            session_make_ready (self, job);
    }
}

static void on_room (session_t *self, int64_t now_ms, wire_message_t *message)
{
    (void) now_ms;
    self->room = message->room;
    self->most_tasks = message->most_tasks;
}

static void on_large (session_t *self, int64_t now_ms, wire_message_t *message)
{
    (void) now_ms;
    dp_link_expect (&self->link, message->large);
}

/* ---- Missing and progress ------------------------------------------------------------------- */

static void on_missing_task (session_t *self, job_task_t *task)
{
    job_t *job = task->job;
    /* Another session had it, or something was heard of it: it has, or may have, been started. */
    bool may_have_run
        = task->incarnation != self->incarnation || task->running_at_ms != 0 || task->is_partial;
    bool is_cancelled = task->cancel_at_ms != 0 && !task->is_recalled;
    if (is_cancelled && (may_have_run || task->base > 0))
        session_fail_task (self, task, OUTCOME_KILLED, "cancelled; the broker does not know it any more");
    else if (is_cancelled)
        session_fail_task (self, task, OUTCOME_CANCELLED, "cancelled before it reached the broker");
    else if (job->is_at_most_once && may_have_run)
        session_fail_task (self, task, OUTCOME_LOST, "the broker that had it is gone: it may have run");
    else {
        task->n_submissions -= !may_have_run;
        session_resubmit_task (self, task);
    }
    session_settle (self, job);
}

static void on_missing (session_t *self, int64_t now_ms, wire_message_t *message)
{
    (void) now_ms;
    wire_range_t range;
    while (wire_next_range (message, &range)) {
        /* A range may be wide and mostly unknown: look at what we have, not at what it spans. */
        if (range.last - range.first < self->tasks.count) {
            for (uint64_t id = range.first;; id++) {
                job_task_t *task = session_find_task (self, id);
                if (task != NULL && task->is_sent)
                    on_missing_task (self, task);
                if (id == range.last)
                    break;
            }
            continue;
        }
        DP_LIST_EACH (&self->submitted, node) {
            job_task_t *task = DP_CONTAINER (node, job_task_t, in_order);
            if (task->id >= range.first && task->id <= range.last)
                on_missing_task (self, task);
        }
    }
}

static void on_progress (session_t *self, int64_t now_ms, wire_message_t *message)
{
    wire_run_t run;
    while (wire_next_run (message, &run)) {
        job_task_t *task = session_find_task (self, run.id);
        if (task == NULL)
            continue;
        if (run.state == WIRE_RUN_RUNNING && task->running_at_ms == 0) {
            task->running_at_ms = now_ms > (int64_t) run.since_ms ? now_ms - (int64_t) run.since_ms : 1;
            task->job->n_running++;
        } else if (run.state == WIRE_RUN_WAITING && task->running_at_ms != 0) {
            task->running_at_ms = 0;
            task->job->n_running--;
        }
        task->item = run.item;
        task->done = run.done;
        task->steps = run.steps;
    }
}

/* ---- The table ------------------------------------------------------------------------------ */

typedef void (handler_t) (session_t *self, int64_t now_ms, wire_message_t *message);

static const struct {
    handler_t *handler;
    bool is_always; /* not only behind the WELCOME */
} kinds[WIRE_KINDS] = {
    [WIRE_WELCOME] = { on_welcome, true },
    [WIRE_WHO] = { on_who, true },
    [WIRE_REFUSED] = { on_refused, true },
    [WIRE_PING] = { on_ping, true },
    [WIRE_PONG] = { on_pong, false },
    [WIRE_BYE] = { on_bye, true },
    [WIRE_DRAIN] = { on_drain, false },
    [WIRE_WORKERS] = { on_workers, false },
    [WIRE_MISSING] = { on_missing, false },
    [WIRE_PROGRESS] = { on_progress, false },
    [WIRE_ANSWER] = { session_receive_answer, false },
    [WIRE_ROOM] = { on_room, false },
    [WIRE_LARGE] = { on_large, false },
};

void session_receive (session_t *self, int64_t now_ms, wire_message_t *message, dp_blob_t *const *blobs)
{
    if (self->link.state == LINK_DOWN)
        return;
    dp_link_received (&self->link, now_ms);
    bool is_up = self->link.state == LINK_UP;
    if (message->kind == WIRE_RESULTS && is_up)
        session_receive_results (self, now_ms, message, blobs);
    else if (kinds[message->kind].handler != NULL && (is_up || kinds[message->kind].is_always))
        kinds[message->kind].handler (self, now_ms, message);
}
