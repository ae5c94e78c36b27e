/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_sessions.c - clients come, claim, acknowledge, and go. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- Coming --------------------------------------------------------------------------------- */

static session_record_t *new_session (scheduler_t *self, const wire_hello_t *hello)
{
    session_record_t *session = dp_must_alloc (sizeof *session);
    dp_list_init (&session->peer.in_touched);
    dp_list_init (&session->lanes);
    dp_list_init (&session->waiting);
    dp_list_init (&session->graced);
    dp_list_init (&session->held);
    session->peer.role = WIRE_ROLE_CLIENT;
    session->peer.id = hello->id;
    session->initializer = dp_must_alloc (hello->initializer.len + 1);
    memcpy (session->initializer, hello->initializer.data, hello->initializer.len);
    session->initializer_args = dp_must_alloc (hello->initializer_args.len + 1);
    if (hello->initializer_args.len > 0)
        memcpy (session->initializer_args, hello->initializer_args.data, hello->initializer_args.len);
    session->config = (wire_session_t) {
        .session = hello->id,
        .seed = hello->seed,
        .max_tasks_per_child = hello->max_tasks_per_child,
        .initializer = { session->initializer, hello->initializer.len },
        .initializer_args = { session->initializer_args, hello->initializer_args.len, 0 },
        .has_own_children = hello->initializer.len > 0 || hello->max_tasks_per_child > 0,
    };
    dp_map_put (&self->sessions, hello->id, &session->peer.by_id);
    return session;
}

void scheduler_hello_client (scheduler_t *self, int64_t now_ms, uint64_t connection, wire_message_t *message)
{
    (void) now_ms;
    const wire_hello_t *hello = &message->hello;
    dp_map_node_t *node = dp_map_get (&self->sessions, hello->id);
    session_record_t *session
        = node != NULL ? DP_CONTAINER (node, session_record_t, peer.by_id) : new_session (self, hello);
    wire_batch_fini (&session->results);
    wire_batch_fini (&session->missing);
    wire_batch_fini (&session->progress);
    session->n_claims = 0;
    session->peer.connection = connection;
    session->peer.broken_at_ms = 0;
    session->told_processes = self->n_processes;
    /* What was sent on the old connection and not acknowledged goes again, after CLAIM says what is wanted
     * (R3, R4). */
    session->n_sent = 0;
    session->n_forgotten = 0;
    DP_LIST_EACH (&session->held, held_node)
    {
        held_t *held = DP_CONTAINER (held_node, held_t, in_session);
        if (held->task == NULL) { /* dropped while it was under way */
            dp_list_remove (held_node);
            dp_blob_release (&held->blob);
            dp_free (held);
        }
    }
    session->is_claimed = false;
    scheduler_log (self, "client '%s' (pid %llu on %s) connected", session->peer.name,
                   (unsigned long long) session->peer.pid, session->peer.host);
}

/* ---- Results under way ---------------------------------------------------------------------- */

/* Send what is held and was not sent on this connection. Nothing before CLAIM: it may not be wanted any more.
 */
void scheduler_send_held (scheduler_t *self, session_record_t *session)
{
    if (session->peer.connection == 0 || !session->is_claimed)
        return;
    /* The unsent ones are at the end: walk back to the first of them. */
    dp_list_t *first = &session->held;
    size_t n_held = 0;
    for (dp_list_t *node = session->held.previous; node != &session->held; node = node->previous) {
        if (DP_CONTAINER (node, held_t, in_session)->is_sent)
            break;
        first = node;
        n_held++;
    }
    for (dp_list_t *node = first; n_held > 0 && node != &session->held; node = node->next) {
        held_t *held = DP_CONTAINER (node, held_t, in_session);
        wire_result_t result = {
            .id = held->task->by_id.key,
            .attempt = held->attempt,
            .status = held->status,
            .is_final = held->is_final,
            .first = held->first,
            .n_items = held->n_items,
            .run_us = held->run_us,
            .payload = { dp_blob_data (held->blob), dp_blob_len (held->blob), 0 },
        };
        wire_add_result (&session->results, &self->outbox, session->peer.connection, &result, held->blob);
        held->is_sent = true;
        session->n_sent++;
    }
    scheduler_touch (self, &session->peer);
}

void scheduler_on_ack (scheduler_t *self, session_record_t *session, uint64_t ack)
{
    while (session->n_forgotten < ack && session->n_sent > 0) {
        held_t *held = DP_CONTAINER (session->held.next, held_t, in_session);
        session->n_forgotten++;
        session->n_sent--;
        dp_list_remove (&held->in_session);
        self->stats.payload_bytes -= held->task != NULL ? dp_blob_len (held->blob) : 0;
        if (held->task != NULL && --held->task->n_held == 0 && held->is_final)
            scheduler_drop_task (self, held->task);
        dp_blob_release (&held->blob);
        dp_free (held);
    }
}

/* ---- Claim ---------------------------------------------------------------------------------- */

static int compare_ranges (const void *a, const void *b)
{
    const wire_range_t *left = a, *right = b;
    return left->first < right->first ? -1 : left->first > right->first;
}

static int compare_ids (const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

static const wire_range_t *find_claim (const session_record_t *session, uint64_t id)
{
    size_t low = 0, high = session->n_claims;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const wire_range_t *range = &session->claims[middle];
        if (id < range->first)
            high = middle;
        else if (id > range->last)
            low = middle + 1;
        else
            return range;
    }
    return NULL;
}

void scheduler_say_missing (scheduler_t *self, session_record_t *session, uint64_t first, uint64_t last)
{
    if (session->peer.connection == 0)
        return;
    wire_range_t range = { first, last, false };
    wire_add_range (&session->missing, &self->outbox, session->peer.connection, WIRE_MISSING, &range);
    scheduler_touch (self, &session->peer);
}

/* The ids that we know of a session, ascending. Free them. */
static uint64_t *known_ids (const session_record_t *session, size_t *n)
{
    uint64_t *ids = dp_must_alloc ((session->tasks.count + 1) * sizeof *ids);
    *n = 0;
    for (dp_map_node_t *node = dp_map_first (&session->tasks); node != NULL;
         node = dp_map_next (&session->tasks, node))
        ids[(*n)++] = node->key;
    qsort (ids, *n, sizeof *ids, compare_ids);
    return ids;
}

/* Name the claimed ids that are not here: the gaps between the known ones. */
static void say_gaps (scheduler_t *self, session_record_t *session, const wire_range_t *range,
                      const uint64_t *ids, size_t n)
{
    uint64_t next = range->first;
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ids[middle] < range->first)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < n && ids[low] <= range->last; low++) {
        if (ids[low] > next)
            scheduler_say_missing (self, session, next, ids[low] - 1);
        next = ids[low] + 1;
    }
    if (next <= range->last && next != 0)
        scheduler_say_missing (self, session, next, range->last);
}

/* R6: whether an at-most-once task is missing is known only when the workers have had time to come back. */
static void settle_claims (scheduler_t *self, session_record_t *session)
{
    size_t n, n_left = 0;
    uint64_t *ids = known_ids (session, &n);
    for (size_t i = 0; i < session->n_claims; i++) {
        wire_range_t range = session->claims[i];
        if (self->is_in_grace && range.is_at_most_once)
            session->claims[n_left++] = range;
        else
            say_gaps (self, session, &range, ids, n);
    }
    session->n_claims = n_left;
    dp_free (ids);
}

static void drop_unclaimed (scheduler_t *self, session_record_t *session)
{
    size_t n;
    uint64_t *ids = known_ids (session, &n);
    for (size_t i = 0; i < n; i++) {
        if (find_claim (session, ids[i]) != NULL)
            continue;
        task_t *task = scheduler_task (session, ids[i]);
        if (task->state == TASK_ASSIGNED)
            scheduler_cancel (self, task);
        scheduler_drop_task (self, task);
    }
    dp_free (ids);
}

/* Runs that workers listed before their client came back. */
static void adopt_claimed (scheduler_t *self, int64_t now_ms, session_record_t *session)
{
    DP_LIST_EACH (&self->all_workers, worker_node)
    {
        worker_record_t *worker = DP_CONTAINER (worker_node, worker_record_t, in_workers);
        DP_LIST_EACH (&worker->orphans, node)
        {
            const orphan_t *orphan = DP_CONTAINER (node, orphan_t, in_worker);
            const wire_range_t *claim
                = orphan->run.session == session->peer.id ? find_claim (session, orphan->run.id) : NULL;
            if (claim == NULL)
                continue;
            uint64_t id = orphan->run.id;
            bool is_at_most_once = claim->is_at_most_once;
            task_t *task = scheduler_task (session, id);
            if ((task == NULL || task->state == TASK_QUEUED)
                && scheduler_adopt_orphan (self, now_ms, session, id))
                scheduler_task (session, id)->is_at_most_once = is_at_most_once;
        }
    }
}

void scheduler_on_claim (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    session_record_t *session = DP_CONTAINER (peer, session_record_t, peer);
    wire_range_t range;
    while (wire_next_range (message, &range)) {
        if (session->n_claims == session->claims_capacity) {
            session->claims_capacity = session->claims_capacity * 2 + 16;
            session->claims = dp_must_realloc (session->claims, session->claims_capacity * sizeof range);
        }
        session->claims[session->n_claims++] = range;
    }
    if (!message->is_last)
        return;
    qsort (session->claims, session->n_claims, sizeof range, compare_ranges);
    adopt_claimed (self, now_ms, session);
    drop_unclaimed (self, session);
    scheduler_settle_orphans (self, session);
    session->is_claimed = true;
    settle_claims (self, session);
    DP_LIST_EACH (&session->held, node)
    DP_CONTAINER (node, held_t, in_session)->is_sent = false;
    scheduler_send_held (self, session);
}

void scheduler_end_grace (scheduler_t *self, int64_t now_ms)
{
    self->is_in_grace = false;
    self->is_checking_lanes = true;
    for (dp_map_node_t *node = dp_map_first (&self->sessions); node != NULL;
         node = dp_map_next (&self->sessions, node)) {
        session_record_t *session = DP_CONTAINER (node, session_record_t, peer.by_id);
        settle_claims (self, session);
        DP_LIST_EACH (&session->graced, task_node)
        {
            task_t *task = DP_CONTAINER (task_node, task_t, in_lane);
            dp_list_remove (task_node);
            task->session->n_queued--;
            self->stats.n_queued--;
            task->lane->n_queued--;
            scheduler_queue (self, now_ms, task, false);
        }
    }
}

/* ---- Going ---------------------------------------------------------------------------------- */

static void free_lanes (session_record_t *session)
{
    DP_LIST_EACH (&session->lanes, node)
    dp_free (DP_CONTAINER (node, lane_t, in_session));
}

void scheduler_end_session (scheduler_t *self, session_record_t *session, const char *why)
{
    size_t n_queued = session->n_queued, n_assigned = session->n_assigned, n;
    uint64_t *ids = known_ids (session, &n);
    for (size_t i = 0; i < n; i++) {
        task_t *task = scheduler_task (session, ids[i]);
        if (task->state == TASK_ASSIGNED)
            scheduler_cancel (self, task);
        scheduler_drop_task (self, task);
    }
    dp_free (ids);
    DP_LIST_EACH (&session->held, node)
    {
        held_t *held = DP_CONTAINER (node, held_t, in_session);
        dp_blob_release (&held->blob);
        dp_free (held);
    }
    scheduler_settle_orphans (self, session);
    DP_LIST_EACH (&self->all_workers, node)
    {
        worker_record_t *worker = DP_CONTAINER (node, worker_record_t, in_workers);
        dp_map_node_t *known = dp_map_take (&worker->sessions, session->peer.id);
        if (known == NULL)
            continue;
        dp_free (DP_CONTAINER (known, known_session_t, by_id));
        wire_flush (&worker->cancels, &self->outbox, worker->peer.n_received, 0, 0);
        wire_put_session_end (&self->outbox, worker->peer.connection, worker->peer.n_received,
                              session->peer.id);
    }
    scheduler_log (self,
                   "client '%s' (pid %llu on %s) %s: %zu queued tasks dropped, %zu running ones cancelled",
                   session->peer.name, (unsigned long long) session->peer.pid, session->peer.host, why,
                   n_queued, n_assigned);
    if (session->peer.connection != 0)
        scheduler_forget (self, session->peer.connection);
    dp_heap_remove (&self->hungry, &session->by_use);
    wire_batch_fini (&session->results);
    wire_batch_fini (&session->missing);
    wire_batch_fini (&session->progress);
    free_lanes (session);
    dp_map_take (&self->sessions, session->peer.id);
    dp_map_fini (&session->tasks);
    dp_list_remove (&session->peer.in_touched);
    dp_free (session->claims);
    dp_free (session->initializer);
    dp_free (session->initializer_args);
    dp_free (session);
}

void scheduler_check_session (scheduler_t *self, int64_t now_ms, session_record_t *session)
{
    if (!self->config.is_embedded && now_ms - session->peer.heard_at_ms >= self->config.client_lease_ms)
        scheduler_end_session (self, session, "is gone (no sign of life for its lease)");
}
