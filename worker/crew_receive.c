/* SPDX-License-Identifier: MPL-2.0 */
/* crew_receive.c - what a broker says: one handler a message. */
#include "worker/crew_internal.h"

/* A message in hand. */
typedef struct received_s {
    int64_t now_ms;
    crew_broker_t *broker;
    wire_message_t *message;
    dp_blob_t *const *blobs;
} received_t;

static void on_welcome (crew_t *self, const received_t *received)
{
    crew_broker_welcome (self, received->now_ms, received->broker, &received->message->welcome);
}

static void on_who (crew_t *self, const received_t *received)
{
    crew_broker_down (self, received->now_ms, received->broker);
}

/* Refused at the door, it will be refused again: the link's back-off paces that. Else only one message was.
 */
static void on_refused (crew_t *self, const received_t *received)
{
    wire_text_t text = received->message->refused.text;
    crew_log_error (self, "the broker refused what this worker said: %.*s", (int) text.len,
                    text.data ? text.data : "");
    bool is_over = received->message->refused.code == WIRE_REFUSED_KEY;
    if (received->broker->link.state == LINK_GREETING || is_over)
        crew_broker_down (self, received->now_ms, received->broker);
}

static void on_ping (crew_t *self, const received_t *received)
{
    wire_put_bare (&self->outbox, received->broker->number, WIRE_PONG, 0);
    dp_link_sent (&received->broker->link, received->now_ms);
}

static void on_pong (crew_t *self, const received_t *received)
{
    (void) self;
    dp_link_answered (&received->broker->link, received->now_ms);
}

static void on_bye (crew_t *self, const received_t *received)
{
    crew_broker_down (self, received->now_ms, received->broker);
}

static void on_session (crew_t *self, const received_t *received)
{
    crew_tenant_announce (self, received->broker, &received->message->session);
}

static void on_session_end (crew_t *self, const received_t *received)
{
    crew_tenant_end (self, received->now_ms, received->broker, received->message->session.session);
}

static void on_drain (crew_t *self, const received_t *received)
{
    crew_drain (self, received->now_ms, false);
}

/* ---- Tasks ------------------------------------------------------------------------------------- */

static crew_tenant_t *tenant_of (crew_t *self, const received_t *received, uint64_t session)
{
    crew_tenant_t *tenant = crew_tenant_get (self, session);
    if (!tenant) {
        /* Its SESSION should have come before: it is then one without anything special. */
        wire_session_t plain = { .session = session, .initializer = { "", 0 } };
        crew_tenant_announce (self, received->broker, &plain);
        tenant = crew_tenant_get (self, session);
    }
    return tenant;
}

/* A run that we have already starts nothing (R7). Where its result would not reach this broker, say so. */
static void on_known_task (crew_t *self, crew_broker_t *broker, const crew_run_t *run, const wire_run_t *name)
{
    if (run->broker != broker || run->is_orphan || run->is_unwanted)
        crew_broker_adopt (self, broker, name);
}

static void on_task (crew_t *self, const received_t *received, const wire_group_t *group,
                     const wire_task_t *task)
{
    crew_broker_t *broker = received->broker;
    wire_run_t name = { .session = group->session, .id = task->id, .attempt = task->attempt };
    crew_run_t *run = crew_run_find (self, name.session, name.id, name.attempt);
    if (run) {
        on_known_task (self, broker, run, &name);
        return;
    }
    if (self->is_draining || broker->n_unfinished >= self->processes + CREW_MAX_EXTRA) {
        crew_broker_say_released (self, broker, name.session, name.id, name.attempt);
        return;
    }
    run = crew_run_new (self, broker, tenant_of (self, received, group->session), group, task,
                        received->blobs);
    if (run->pool->is_broken)
        crew_run_end (self, run, OUTCOME_INITIALIZER, run->pool->failure);
    else if (run->n_items == 0)
        crew_run_finish (self, run, OUTCOME_VALUE);
    else
        crew_run_wait (self, received->now_ms, run);
}

static void on_tasks (crew_t *self, const received_t *received)
{
    if (received->broker->bye_at_ms != 0)
        return; /* our BYE gave them back */
    wire_group_t group;
    wire_task_t task;
    while (wire_next_group (received->message, &group))
        while (wire_next_task (received->message, &task))
            on_task (self, received, &group, &task);
}

/* ---- Runs -------------------------------------------------------------------------------------- */

static void on_adopt (crew_t *self, const received_t *received)
{
    wire_run_t name;
    while (wire_next_run (received->message, &name))
        crew_broker_adopt (self, received->broker, &name);
}

static void on_cancel (crew_t *self, const received_t *received)
{
    wire_run_t name;
    while (wire_next_run (received->message, &name)) {
        crew_run_t *run = crew_run_find (self, name.session, name.id, name.attempt);
        if (!run)
            continue;
        if (run->is_orphan) /* the answer to our RUNS: it is not wanted */
            crew_drop_run (self, received->now_ms, run);
        else if (run->broker == received->broker)
            crew_cancel_run (self, received->now_ms, run);
    }
}

static void on_revoke (crew_t *self, const received_t *received)
{
    wire_run_t name;
    while (wire_next_run (received->message, &name)) {
        crew_run_t *run = crew_run_find (self, name.session, name.id, name.attempt);
        if (run && !run->is_orphan && run->broker == received->broker)
            crew_revoke_run (self, run);
    }
}

static void on_room (crew_t *self, const received_t *received)
{
    (void) self;
    crew_broker_make_room (received->broker, received->message);
}

static void on_large (crew_t *self, const received_t *received)
{
    (void) self;
    dp_link_expect (&received->broker->link, received->message->large);
}

/* ---- The table --------------------------------------------------------------------------------- */

typedef void (handler_t) (crew_t *self, const received_t *received);

static handler_t *const handlers[WIRE_KINDS] = {
    [WIRE_PING] = on_ping,       [WIRE_PONG] = on_pong,     [WIRE_TASKS] = on_tasks,
    [WIRE_SESSION] = on_session, [WIRE_ADOPT] = on_adopt,   [WIRE_SESSION_END] = on_session_end,
    [WIRE_CANCEL] = on_cancel,   [WIRE_REVOKE] = on_revoke, [WIRE_DRAIN] = on_drain,
    [WIRE_ROOM] = on_room,       [WIRE_LARGE] = on_large,   [WIRE_BYE] = on_bye,
};

/* These come before, or instead of, a welcome. */
static handler_t *const greetings[WIRE_KINDS] = {
    [WIRE_WELCOME] = on_welcome,
    [WIRE_WHO] = on_who,
    [WIRE_REFUSED] = on_refused,
};

void crew_receive (crew_t *self, int64_t now_ms, size_t broker, wire_message_t *message,
                   dp_blob_t *const *blobs)
{
    if (broker >= self->n_brokers || message->kind >= WIRE_KINDS)
        return;
    received_t received = { now_ms, &self->brokers[broker], message, blobs };
    dp_link_t *link = &received.broker->link;
    if (link->state == LINK_DOWN || received.broker->has_left)
        return;
    dp_link_received (link, now_ms);
    handler_t *handler = greetings[message->kind];
    if (!handler && link->state == LINK_UP) {
        handler = handlers[message->kind];
        crew_broker_acked (self, received.broker, message->ack);
    }
    if (handler)
        handler (self, &received);
}
