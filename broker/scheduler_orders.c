/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_orders.c - CANCEL and REVOKE: what clients want done to ranges of ids, and how much of that they
 * may have done.
 *
 * To stop a task, or give it back, is done at once: each was submitted, which took longer. What is looked at
 * in vain (ids that are not here, and tasks that were stopped before) costs us the more the less it costs
 * whoever names it, so that it takes a share of our time that is bounded for each session. What he orders
 * beyond it waits, is put together with what he orders meanwhile, and is done as one. Nothing of it is lost:
 * a connection that breaks before was no different from one that breaks while the message is on its way (the
 * client says it again), and whoever has too much of it waiting is told that his connection is over.
 */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <stdio.h>

enum {
    MOST_WAITING = 65536 /* ranges of each kind, half of them when none names what another does */
};

typedef struct orders_s orders_t;

static int64_t due_ms (const session_record_t *session)
{
    return scheduler_share_due_ms (session->ordered_until_us);
}

static bool is_due (const scheduler_t *self, int64_t now_ms, const session_record_t *session)
{
    return self->config.is_embedded || due_ms (session) <= now_ms;
}

static void charge (const scheduler_t *self, int64_t now_ms, session_record_t *session, uint64_t n_in_vain)
{
    uint64_t takes_us = n_in_vain * 1000000 / (uint64_t) self->config.looks_a_second;
    session->ordered_until_us = scheduler_share_after (session->ordered_until_us, now_ms, (int64_t) takes_us);
}

/* ---- What is done ---------------------------------------------------------------------------- */

static void cancel (scheduler_t *self, int64_t now_ms, session_record_t *session, const wire_range_t *ranges,
                    size_t n)
{
    uint64_t n_claims = session->n_claims, n_done = 0;
    scheduler_unclaim (session, ranges, n);
    known_tasks_t known = scheduler_known_tasks (session, ranges, n);
    for (size_t i = 0; i < known.n; i++) {
        n_done += known.tasks[i]->state != TASK_FINISHED && !known.tasks[i]->is_cancelled;
        scheduler_cancel (self, known.tasks[i]);
    }
    scheduler_say_gaps (self, session, ranges, n, &known);
    dp_free (known.tasks);
    charge (self, now_ms, session, n_claims + known.n_looked_at - n_done);
}

/* Of ids that are not here nothing is said. */
static void revoke (scheduler_t *self, int64_t now_ms, session_record_t *session, const wire_range_t *ranges,
                    size_t n)
{
    uint64_t n_done = 0;
    known_tasks_t known = scheduler_known_tasks (session, ranges, n);
    for (size_t i = 0; i < known.n; i++) {
        const task_t *task = known.tasks[i];
        n_done += task->state != TASK_FINISHED && !task->is_cancelled && !task->is_recalled;
        scheduler_recall (self, known.tasks[i]);
    }
    dp_free (known.tasks);
    charge (self, now_ms, session, known.n_looked_at - n_done);
}

/* ---- What waits ------------------------------------------------------------------------------ */

static void drop (orders_t *orders)
{
    dp_free (orders->ranges);
    *orders = (orders_t) { 0 };
}

void scheduler_drop_orders (session_record_t *session)
{
    drop (&session->cancels);
    drop (&session->revokes);
    dp_list_remove (&session->in_ordering);
}

static void collect (orders_t *orders, wire_message_t *message)
{
    size_t most = orders->n + message->n_records;
    if (most > orders->capacity) {
        orders->capacity = most + orders->n / 2;
        orders->ranges = dp_must_realloc (orders->ranges, orders->capacity * sizeof *orders->ranges);
    }
    while (orders->n < most && wire_next_range (message, &orders->ranges[orders->n]))
        orders->n++;
}

/* Not at each message: many are put together for what one takes. */
static bool has_room (orders_t *orders)
{
    if (orders->n <= MOST_WAITING)
        return true;
    orders->n = scheduler_normalise (orders->ranges, orders->n);
    return orders->n <= MOST_WAITING / 2;
}

static void wait_until_due (scheduler_t *self, session_record_t *session)
{
    if (dp_list_is_empty (&session->in_ordering))
        dp_list_append (&self->ordering, &session->in_ordering);
    int64_t at_ms = due_ms (session);
    self->order_at_ms = at_ms < self->order_at_ms ? at_ms : self->order_at_ms;
}

/* What was cancelled needs not come back. */
static void carry_out (scheduler_t *self, int64_t now_ms, session_record_t *session)
{
    orders_t cancels = session->cancels, revokes = session->revokes;
    session->cancels = session->revokes = (orders_t) { 0 };
    if (cancels.n > 0)
        cancel (self, now_ms, session, cancels.ranges, scheduler_normalise (cancels.ranges, cancels.n));
    if (revokes.n > 0)
        revoke (self, now_ms, session, revokes.ranges, scheduler_normalise (revokes.ranges, revokes.n));
    dp_free (cancels.ranges);
    dp_free (revokes.ranges);
}

static void order (scheduler_t *self, int64_t now_ms, session_record_t *session, orders_t *orders,
                   wire_message_t *message)
{
    collect (orders, message);
    if (dp_list_is_empty (&session->in_ordering) && is_due (self, now_ms, session))
        carry_out (self, now_ms, session);
    else if (has_room (orders))
        wait_until_due (self, session);
    else {
        char text[256];
        snprintf (text, sizeof text,
                  "it cancels (CANCEL, REVOKE) again and again what is not here or was cancelled before: %zu "
                  "ranges of ids wait; cancel each task once",
                  orders->n);
        scheduler_refuse (self, now_ms, session->peer.connection, WIRE_REFUSED_LIMIT, text);
    }
}

void scheduler_on_cancel (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    session_record_t *session = DP_CONTAINER (peer, session_record_t, peer);
    order (self, now_ms, session, &session->cancels, message);
}

void scheduler_on_revoke (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    session_record_t *session = DP_CONTAINER (peer, session_record_t, peer);
    order (self, now_ms, session, &session->revokes, message);
}

void scheduler_order_late (scheduler_t *self, int64_t now_ms)
{
    if (now_ms < self->order_at_ms)
        return;
    self->order_at_ms = DP_NEVER;
    DP_LIST_EACH (&self->ordering, node) {
        session_record_t *session = DP_CONTAINER (node, session_record_t, in_ordering);
        if (is_due (self, now_ms, session)) {
            dp_list_remove (&session->in_ordering);
            carry_out (self, now_ms, session);
        } else
            wait_until_due (self, session);
    }
}
