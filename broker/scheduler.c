/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler.c - life, what the edge is told, the tick. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Life ----------------------------------------------------------------------------------- */

static int64_t or_default (int64_t value, int64_t default_value)
{
    return value != 0 ? value : default_value;
}

scheduler_t *scheduler_new (const scheduler_config_t *config, int64_t now_ms)
{
    scheduler_t *self = dp_must_alloc (sizeof *self);
    self->config = *config;
    self->name = dp_must_strdup (config->name != NULL ? config->name : "dpool-broker");
    if (self->config.max_payload_bytes == 0)
        self->config.max_payload_bytes = 64u * 1024 * 1024;
    if (self->config.least_room_bytes == 0)
        self->config.least_room_bytes = 256 * 1024;
    self->config.answers_a_second = or_default (config->answers_a_second, 1000);
    self->config.looks_a_second = or_default (config->looks_a_second, 250000);
    if (self->config.most_orphans == 0)
        self->config.most_orphans = 1u << 21;
    self->config.grace_ms = or_default (config->grace_ms, 2000);
    self->config.worker_return_ms = or_default (config->worker_return_ms, 1000);
    self->config.worker_silence_ms = or_default (config->worker_silence_ms, 5000);
    self->config.client_lease_ms = or_default (config->client_lease_ms, 60000);
    self->config.no_worker_ms = or_default (config->no_worker_ms, 30000);
    self->is_in_grace = !config->is_embedded; /* an embedded broker has no earlier life */
    self->started_at_ms = now_ms;
    self->grace_until_ms = now_ms + self->config.grace_ms;
    self->ticked_at_ms = self->check_at_ms = self->no_worker_since_ms = now_ms;
    self->secret.key = config->secret;
    dp_map_t *maps[]
        = { &self->connections, &self->sessions, &self->workers, &self->orphans, &self->accounts };
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        maps[i]->secret = &self->secret;
    dp_list_init (&self->all_accounts);
    dp_list_init (&self->offered_functions);
    dp_list_init (&self->offered_labels);
    dp_list_init (&self->all_workers);
    dp_list_init (&self->touched);
    dp_list_init (&self->acking);
    dp_list_init (&self->asking);
    dp_list_init (&self->ordering);
    self->answer_at_ms = self->order_at_ms = DP_NEVER;
    dp_list_init (&self->events);
    scheduler_init_records (self);
    return self;
}

static void free_offers (scheduler_t *self)
{
    for (dp_map_node_t *node; (node = dp_map_first (&self->offers)) != NULL;) {
        dp_map_take (&self->offers, node->key);
        for (offer_t *offer = DP_CONTAINER (node, offer_t, by_hash), *next; offer != NULL; offer = next) {
            next = offer->next_same;
            dp_free (offer);
        }
    }
    dp_map_fini (&self->offers);
}

void scheduler_destroy (scheduler_t **self_p)
{
    scheduler_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    for (dp_map_node_t *node; (node = dp_map_first (&self->sessions)) != NULL;)
        scheduler_end_session (self, DP_CONTAINER (node, session_record_t, peer.by_id), "dropped");
    for (dp_map_node_t *node; (node = dp_map_first (&self->workers)) != NULL;)
        scheduler_lose_worker (self, 0, DP_CONTAINER (node, worker_record_t, peer.by_id), "dropped");
    free_offers (self);
    scheduler_free_accounts (self);
    dp_map_fini (&self->sessions);
    dp_map_fini (&self->workers);
    dp_map_fini (&self->connections);
    dp_map_fini (&self->orphans);
    dp_outbox_fini (&self->outbox);
    dp_buffer_fini (&self->scratch);
    scheduler_trim_records (self);
    for (dp_list_t *node; (node = dp_list_pop (&self->events)) != NULL;)
        dp_free (DP_CONTAINER (node, event_t, in_events));
    dp_free (self->event);
    dp_free (self->dropped);
    dp_free (self->name);
    dp_free (self);
}

/* ---- What the edge is told ------------------------------------------------------------------- */

dp_outbox_t *scheduler_outbox (scheduler_t *self)
{
    return &self->outbox;
}

void scheduler_touch (scheduler_t *self, peer_t *peer)
{
    if (dp_list_is_empty (&peer->in_touched))
        dp_list_append (&self->touched, &peer->in_touched);
}

void scheduler_log (scheduler_t *self, const char *format, ...)
{
    enum { LINE = 1024, MOST = 1000 };
    if (self->n_events == MOST)
        return; /* nobody reads them */
    event_t *event = dp_must_alloc (sizeof *event + LINE);
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (event->line, LINE, format, arguments);
    va_end (arguments);
    dp_list_append (&self->events, &event->in_events);
    self->n_events++;
}

bool scheduler_next_event (scheduler_t *self, const char **line)
{
    dp_free (self->event);
    self->event = NULL;
    dp_list_t *node = dp_list_pop (&self->events);
    if (node == NULL)
        return false;
    self->n_events--;
    self->event = DP_CONTAINER (node, event_t, in_events);
    *line = self->event->line;
    return true;
}

void scheduler_drop_connection (scheduler_t *self, uint64_t connection)
{
    if (self->n_dropped == self->dropped_capacity) {
        self->dropped_capacity = self->dropped_capacity * 2 + 8;
        self->dropped = dp_must_realloc (self->dropped, self->dropped_capacity * sizeof *self->dropped);
    }
    self->dropped[self->n_dropped++] = connection;
}

bool scheduler_next_dropped (scheduler_t *self, uint64_t *connection)
{
    if (self->n_dropped == 0)
        return false;
    *connection = self->dropped[--self->n_dropped];
    return true;
}

void scheduler_set_shared (scheduler_t *self, uint64_t in, uint64_t out)
{
    self->stats.shared_in = in;
    self->stats.shared_out = out;
}

void scheduler_stats (const scheduler_t *self, scheduler_stats_t *stats)
{
    *stats = self->stats;
    stats->n_workers = self->workers.count;
    stats->n_sessions = self->sessions.count;
    stats->n_processes = self->n_processes;
}

uint64_t scheduler_weight (const scheduler_t *self)
{
    enum { RECORD = 128 };
    const scheduler_stats_t *stats = &self->stats;
    return stats->payload_bytes + (stats->n_queued + stats->n_assigned + stats->n_finished) * RECORD;
}

void scheduler_tidy (scheduler_t *self)
{
    scheduler_trim_records (self);
    dp_buffer_fini (&self->scratch);
    dp_map_shrink (&self->offers);
    for (dp_map_node_t *node = dp_map_first (&self->sessions); node != NULL;
         node = dp_map_next (&self->sessions, node)) {
        session_record_t *session = DP_CONTAINER (node, session_record_t, peer.by_id);
        dp_map_shrink (&session->tasks);
        dp_map_shrink (&session->routes);
    }
}

/* ---- The tick ------------------------------------------------------------------------------- */

static int64_t later (int64_t then_ms, int64_t lag_ms, int64_t now_ms)
{
    return lag_ms < now_ms - then_ms ? then_ms + lag_ms : now_ms;
}

static void forgive (const dp_map_t *peers, int64_t now_ms, int64_t lag_ms)
{
    for (dp_map_node_t *node = dp_map_first (peers); node != NULL; node = dp_map_next (peers, node)) {
        peer_t *peer = DP_CONTAINER (node, peer_t, by_id);
        peer->heard_at_ms = later (peer->heard_at_ms, lag_ms, now_ms);
        peer->hello_at_ms = later (peer->hello_at_ms, lag_ms, now_ms);
        if (peer->connection == 0)
            peer->broken_at_ms = later (peer->broken_at_ms, lag_ms, now_ms);
    }
}

/* A loop of ours that came late says nothing about the peers. */
static void forgive_lag (scheduler_t *self, int64_t now_ms)
{
    int64_t lag_ms = now_ms - self->ticked_at_ms - LINK_MAX_LAG_MS;
    self->ticked_at_ms = now_ms;
    if (lag_ms <= 0)
        return;
    forgive (&self->sessions, now_ms, lag_ms);
    forgive (&self->workers, now_ms, lag_ms);
}

/* Ask a peer that has been quiet. */
static void check_quiet (scheduler_t *self, int64_t now_ms, peer_t *peer)
{
    if (peer->connection == 0 || self->config.is_embedded)
        return;
    int64_t last_ms = peer->heard_at_ms > peer->pinged_at_ms ? peer->heard_at_ms : peer->pinged_at_ms;
    if (now_ms - last_ms < LINK_HEARTBEAT_MS + SCHEDULER_CHECK_MS)
        return;
    peer->pinged_at_ms = now_ms;
    wire_put_bare (&self->outbox, peer->connection, WIRE_PING, peer->acks.n_received);
}

static void check_peers (scheduler_t *self, int64_t now_ms)
{
    self->check_at_ms = now_ms + SCHEDULER_CHECK_MS;
    self->is_sharing_room = true;
    for (dp_map_node_t *node = dp_map_first (&self->sessions), *next; node != NULL; node = next) {
        next = dp_map_next (&self->sessions, node);
        check_quiet (self, now_ms, DP_CONTAINER (node, peer_t, by_id));
        scheduler_check_session (self, now_ms, DP_CONTAINER (node, session_record_t, peer.by_id));
    }
    DP_LIST_EACH (&self->all_workers, node) {
        worker_record_t *worker = DP_CONTAINER (node, worker_record_t, in_workers);
        check_quiet (self, now_ms, &worker->peer);
        scheduler_check_worker (self, now_ms, worker);
    }
    scheduler_check_routes (self, now_ms);
}

static void tell_processes (scheduler_t *self)
{
    for (dp_map_node_t *node = dp_map_first (&self->sessions); node != NULL;
         node = dp_map_next (&self->sessions, node)) {
        session_record_t *session = DP_CONTAINER (node, session_record_t, peer.by_id);
        if (session->peer.connection == 0 || session->told_processes == self->n_processes)
            continue;
        session->told_processes = self->n_processes;
        wire_put_workers (&self->outbox, session->peer.connection, session->peer.acks.n_received,
                          self->n_processes);
    }
}

/* In the row of those that are due in a while: mostly at its end. */
static void wait_to_acknowledge (scheduler_t *self, peer_t *peer)
{
    dp_list_t *behind = self->acking.previous;
    while (behind != &self->acking
           && DP_CONTAINER (behind, peer_t, in_acking)->acks.since_ms > peer->acks.since_ms)
        behind = behind->previous;
    dp_list_prepend (behind, &peer->in_acking);
}

/* Touch those whose results were not acknowledged for a while. */
static void touch_acking (scheduler_t *self, int64_t now_ms)
{
    DP_LIST_EACH (&self->acking, node) {
        peer_t *peer = DP_CONTAINER (node, peer_t, in_acking);
        if (dp_acks_due_ms (&peer->acks) > now_ms)
            return;
        scheduler_touch (self, peer);
    }
}

static int64_t deadline_ms (const scheduler_t *self)
{
    int64_t due_ms = self->answer_at_ms < self->check_at_ms ? self->answer_at_ms : self->check_at_ms;
    if (self->order_at_ms < due_ms)
        due_ms = self->order_at_ms;
    if (dp_list_is_empty (&self->acking))
        return due_ms;
    int64_t ack_ms = dp_acks_due_ms (&DP_CONTAINER (self->acking.next, peer_t, in_acking)->acks);
    return ack_ms < due_ms ? ack_ms : due_ms;
}

/* Close a peer's batches, in the order in which they must arrive; an ack alone if nothing else carries it in
   time. */
static void flush_peer (scheduler_t *self, int64_t now_ms, peer_t *peer)
{
    size_t before = self->outbox.count;
    wire_batch_t *batches[4];
    size_t n = 0;
    if (peer->role == WIRE_ROLE_CLIENT) {
        session_record_t *session = DP_CONTAINER (peer, session_record_t, peer);
        batches[n++] = &session->missing;
        batches[n++] = &session->progress;
        batches[n++] = &session->results;
    } else {
        worker_record_t *worker = DP_CONTAINER (peer, worker_record_t, peer);
        batches[n++] = &worker->adopts;
        batches[n++] = &worker->tasks;
        batches[n++] = &worker->revokes;
        batches[n++] = &worker->cancels;
    }
    for (size_t i = 0; i < n; i++)
        wire_flush (batches[i], &self->outbox, peer->acks.n_received, 0, 0);
    if (self->outbox.count == before && dp_acks_due_ms (&peer->acks) <= now_ms)
        wire_put_bare (&self->outbox, peer->connection, WIRE_ACK, peer->acks.n_received);
    dp_list_remove (&peer->in_acking);
    if (self->outbox.count > before)
        dp_acks_said (&peer->acks);
    else if (dp_acks_due_ms (&peer->acks) != DP_NEVER)
        wait_to_acknowledge (self, peer);
}

int64_t scheduler_tick (scheduler_t *self, int64_t now_ms)
{
    forgive_lag (self, now_ms);
    if (self->is_in_grace && now_ms >= self->grace_until_ms)
        scheduler_end_grace (self, now_ms);
    if (now_ms >= self->check_at_ms)
        check_peers (self, now_ms);
    if (self->is_checking_routes)
        scheduler_check_routes (self, now_ms);
    scheduler_order_late (self, now_ms);
    scheduler_dispatch (self, now_ms);
    scheduler_share_room (self);
    if (self->is_counting_processes) {
        scheduler_count_processes (self);
        tell_processes (self);
    }
    scheduler_answer_late (self, now_ms);
    touch_acking (self, now_ms);
    scheduler_dismiss_workers (self);
    for (dp_list_t *node; (node = dp_list_pop (&self->touched)) != NULL;)
        flush_peer (self, now_ms, DP_CONTAINER (node, peer_t, in_touched));
    bool is_alone = self->sessions.count == 0 && self->workers.count == 0 && !self->is_in_grace;
    return is_alone ? DP_NEVER : deadline_ms (self);
}

void scheduler_shutdown (scheduler_t *self, int64_t now_ms)
{
    (void) now_ms;
    scheduler_log (self, "the broker ends: clients connected: %zu, workers: %zu", self->sessions.count,
                   self->workers.count);
    for (dp_map_node_t *node = dp_map_first (&self->connections); node != NULL;
         node = dp_map_next (&self->connections, node))
        wire_put_bare (&self->outbox, node->key, WIRE_BYE,
                       DP_CONTAINER (node, peer_t, by_connection)->acks.n_received);
}
