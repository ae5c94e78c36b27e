/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_held.c - results, from their arrival until the client's acknowledgement. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <string.h>

static uint64_t weight_of (const held_t *held)
{
    return held->len + WIRE_RECORD_BYTES;
}

static void free_held (scheduler_t *self, session_record_t *session, held_t *held)
{
    dp_list_remove (&held->in_session);
    dp_list_remove (&held->in_task);
    scheduler_weigh_held (self, session, held->len, false);
    session->sent_bytes -= held->is_sent ? weight_of (held) : 0;
    self->stats.payload_bytes -= held->len;
    if (held->has_blob)
        dp_blob_release (&held->payload.blob);
    dp_slabs_put (&self->held, held, held->number);
}

static void keep_payload (held_t *held, const wire_bytes_t *payload, dp_blob_t *blob)
{
    if (!held->has_blob) {
        if (payload->len > 0)
            memcpy (held->payload.bytes, payload->data, payload->len);
        return;
    }
    held->payload.blob = blob != NULL ? dp_blob_hold (blob) : dp_blob_copy (payload->data, payload->len);
    if (held->payload.blob == NULL)
        dp_no_memory (payload->len);
}

static void send_one (scheduler_t *self, session_record_t *session, held_t *held)
{
    dp_blob_t *blob = held->has_blob ? held->payload.blob : NULL;
    wire_result_t result = {
        .id = held->task->by_id.key,
        .attempt = held->attempt,
        .status = held->status,
        .is_final = held->is_final,
        .first = held->first,
        .n_items = held->n_items,
        .run_us = held->run_us,
        .payload = { blob != NULL ? dp_blob_data (blob) : held->payload.bytes, held->len, 0 },
    };
    wire_add_result (&session->results, &self->outbox, session->peer.connection, &result, blob);
    held->is_sent = true;
    session->sent_bytes += weight_of (held);
    dp_list_remove (&held->in_session);
    dp_list_append (&session->sent, &held->in_session);
    scheduler_touch (self, &session->peer);
}

/* Nothing goes out before CLAIM: it may not be wanted any more. */
static bool is_listening (const session_record_t *session)
{
    return session->peer.connection != 0 && session->is_claimed;
}

/* What there is room for on its way, oldest first. */
void scheduler_send_held (scheduler_t *self, session_record_t *session)
{
    while (is_listening (session) && !dp_list_is_empty (&session->unsent)) {
        held_t *held = DP_CONTAINER (session->unsent.next, held_t, in_session);
        if (!scheduler_may_send (self, session, held->len))
            return;
        send_one (self, session, held);
    }
}

/* Of its arguments and where it belongs nothing is needed any more. */
static void finish (scheduler_t *self, session_record_t *session, task_t *task)
{
    task->state = TASK_FINISHED;
    self->stats.n_finished++;
    self->stats.payload_bytes -= task->payload_len;
    scheduler_weigh_task (task, false);
    scheduler_drop_payload (task);
    if (task->has_lane)
        scheduler_let_go_lane (self, task->of.lane);
    task->has_lane = false;
    task->of.session = session;
}

/* Of the last result nobody asks that any more. */
static void note_told (task_runs_t *runs, const wire_result_t *result)
{
    if (!scheduler_is_cut (result) && result->first + result->n_items > runs->n_told)
        runs->n_told = result->first + result->n_items;
}

/* Take over a result; a final one finishes the task. */
void scheduler_hold (scheduler_t *self, task_t *task, const wire_result_t *result, dp_blob_t *blob)
{
    session_record_t *session = scheduler_session_of (task);
    uint8_t number;
    held_t *held = dp_slabs_take (&self->held, &number);
    held->task = task;
    held->attempt = result->attempt;
    held->first = result->first;
    held->n_items = result->n_items;
    held->run_us = result->run_us;
    held->status = result->status;
    held->is_final = result->is_final;
    held->is_sent = false;
    held->has_blob = result->payload.len > sizeof held->payload.bytes;
    held->number = number;
    held->len = result->payload.len;
    keep_payload (held, &result->payload, blob);
    self->stats.payload_bytes += held->len;
    scheduler_weigh_held (self, session, held->len, true);
    dp_list_append (&session->unsent, &held->in_session);
    if (!result->is_final)
        note_told (scheduler_need_runs (self, task), result);
    else
        finish (self, session, task);
    dp_list_append (scheduler_held_of (task), &held->in_task);
    scheduler_send_held (self, session);
}

/* A new connection: what was sent on the old one and not acknowledged goes again, numbered anew (R3). */
void scheduler_forget_sent (scheduler_t *self, session_record_t *session)
{
    session->n_forgotten = 0;
    session->sent_bytes = 0;
    while (!dp_list_is_empty (&session->sent)) { /* the youngest first, since each goes before the others */
        held_t *held = DP_CONTAINER (session->sent.previous, held_t, in_session);
        held->is_sent = false;
        dp_list_remove (&held->in_session);
        dp_list_prepend (&session->unsent, &held->in_session);
        if (held->task == NULL)
            free_held (self, session, held);
    }
}

void scheduler_on_ack (scheduler_t *self, session_record_t *session, uint64_t ack)
{
    while (session->n_forgotten < ack && !dp_list_is_empty (&session->sent)) {
        held_t *held = DP_CONTAINER (session->sent.next, held_t, in_session);
        task_t *task = held->task;
        session->n_forgotten++;
        free_held (self, session, held);
        if (task != NULL && task->state == TASK_FINISHED && dp_list_is_empty (scheduler_held_of (task)))
            scheduler_drop_task (self, task);
    }
    scheduler_send_held (self, session);
}

/* The task goes; what was sent of it stays until its acknowledgement was counted. */
void scheduler_drop_held (scheduler_t *self, task_t *task)
{
    dp_list_t *list = scheduler_held_of (task);
    if (list == NULL)
        return;
    session_record_t *session = scheduler_session_of (task);
    DP_LIST_EACH (list, node) {
        held_t *held = DP_CONTAINER (node, held_t, in_task);
        dp_list_remove (node);
        held->task = NULL;
        if (!held->is_sent)
            free_held (self, session, held);
    }
}

void scheduler_free_held (scheduler_t *self, session_record_t *session)
{
    DP_LIST_EACH (&session->sent, node)
        free_held (self, session, DP_CONTAINER (node, held_t, in_session));
    DP_LIST_EACH (&session->unsent, node)
        free_held (self, session, DP_CONTAINER (node, held_t, in_session));
}
