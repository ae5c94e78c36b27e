/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_drain.c - an end that was planned costs nobody a task.
 *
 * What runs, or waits at a worker, is adopted by the next broker, and what waits here is submitted there
 * again. Only a task that may run at most once cannot be: of one that the next broker does not know, the
 * client cannot tell whether it has started. So the clients send nothing more, and get such tasks back: *not
 * started*.
 * Then the workers are told to go (BYE), since what they are about to give back must not get lost on its way
 * here: when their connections have ended, all that they have said has been heard.
 */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

static void ask (scheduler_t *self, session_record_t *session)
{
    if (session->peer.connection != 0 && session->heeds_drain && !session->is_drained)
        wire_put_bare (&self->outbox, session->peer.connection, WIRE_DRAIN, session->peer.acks.n_received);
}

void scheduler_drain (scheduler_t *self)
{
    self->is_draining = true;
    for (dp_map_node_t *node = dp_map_first (&self->sessions); node != NULL;
         node = dp_map_next (&self->sessions, node))
        ask (self, DP_CONTAINER (node, session_record_t, peer.by_id));
}

void scheduler_drain_newcomer (scheduler_t *self, session_record_t *session)
{
    if (self->is_draining)
        ask (self, session);
}

/* What a worker has stays there; should the worker give it back, it goes on to its client. */
static void give_back (scheduler_t *self, task_t *task)
{
    if (!task->is_at_most_once || task->is_cancelled || task->state == TASK_FINISHED)
        return;
    task->is_recalled = true;
    if (task->state == TASK_QUEUED && !task->is_graced)
        scheduler_give_back (self, task);
}

void scheduler_on_drained (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    (void) now_ms, (void) message;
    session_record_t *session = DP_CONTAINER (peer, session_record_t, peer);
    if (!self->is_draining)
        return;
    session->is_drained = true;
    scheduler_say_excess (self, session);
    known_tasks_t known = scheduler_known_tasks (session, &(wire_range_t) { .last = UINT64_MAX }, 1);
    for (size_t i = 0; i < known.n; i++)
        give_back (self, known.tasks[i]);
    dp_free (known.tasks);
}

static bool has_all_answers (const scheduler_t *self)
{
    for (dp_map_node_t *node = dp_map_first (&self->sessions); node != NULL;
         node = dp_map_next (&self->sessions, node)) {
        const session_record_t *session = DP_CONTAINER (node, session_record_t, peer.by_id);
        bool is_asked = session->peer.connection != 0 && session->heeds_drain;
        if (is_asked && (!session->is_drained || !dp_list_is_empty (&session->unsent)))
            return false;
    }
    return true;
}

void scheduler_dismiss_workers (scheduler_t *self)
{
    if (!self->is_draining || self->is_dismissing || !has_all_answers (self))
        return;
    self->is_dismissing = true;
    DP_LIST_EACH (&self->all_workers, node) {
        const peer_t *peer = &DP_CONTAINER (node, worker_record_t, in_workers)->peer;
        if (peer->connection != 0)
            wire_put_bare (&self->outbox, peer->connection, WIRE_BYE, peer->acks.n_received);
    }
}

bool scheduler_is_drained (const scheduler_t *self)
{
    for (const dp_list_t *node = self->all_workers.next; node != &self->all_workers; node = node->next)
        if (DP_CONTAINER (node, worker_record_t, in_workers)->peer.connection != 0)
            return false;
    return self->is_dismissing && has_all_answers (self);
}
