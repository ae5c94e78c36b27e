/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler.c - life, peers and their connections, the table of messages, the tick. */
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
    self->config.grace_ms = or_default (config->grace_ms, 2000);
    self->config.worker_return_ms = or_default (config->worker_return_ms, 1000);
    self->config.worker_silence_ms = or_default (config->worker_silence_ms, 5000);
    self->config.client_lease_ms = or_default (config->client_lease_ms, 60000);
    self->config.no_worker_ms = or_default (config->no_worker_ms, 30000);
    self->is_in_grace = !config->is_embedded; /* an embedded broker has no earlier life */
    self->grace_until_ms = now_ms + self->config.grace_ms;
    self->ticked_at_ms = self->check_at_ms = self->no_worker_since_ms = now_ms;
    dp_list_init (&self->all_workers);
    dp_list_init (&self->touched);
    return self;
}

static void free_offers (scheduler_t *self)
{
    for (dp_map_node_t *node; (node = dp_map_first (&self->offers)) != NULL;) {
        dp_map_take (&self->offers, node->key);
        for (offer_t *offer = DP_CONTAINER (node, offer_t, by_hash), *next; offer != NULL; offer = next) {
            next = offer->next_same;
            dp_free (offer->name);
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
    dp_map_fini (&self->sessions);
    dp_map_fini (&self->workers);
    dp_map_fini (&self->connections);
    dp_map_fini (&self->orphans);
    dp_heap_fini (&self->hungry);
    dp_heap_fini (&self->idle);
    dp_outbox_fini (&self->outbox);
    dp_buffer_fini (&self->scratch);
    for (size_t i = 0; i < self->n_events; i++)
        dp_free (self->events[i]);
    dp_free (self->events);
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

void scheduler_log (scheduler_t *self, const char *format, ...)
{
    enum { LINE = 1024, MOST = 1000 };
    if (self->n_events == MOST)
        return; /* nobody reads them */
    if (self->n_events == self->events_capacity) {
        self->events_capacity = self->events_capacity * 2 + 8;
        self->events = dp_must_realloc (self->events, self->events_capacity * sizeof (char *));
    }
    char *line = dp_must_alloc (LINE);
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (line, LINE, format, arguments);
    va_end (arguments);
    self->events[self->n_events++] = line;
}

bool scheduler_next_event (scheduler_t *self, const char **line)
{
    dp_free (self->event);
    self->event = NULL;
    if (self->n_events == 0)
        return false;
    *line = self->event = self->events[0];
    memmove (self->events, self->events + 1, --self->n_events * sizeof (char *));
    return true;
}

static void drop_connection (scheduler_t *self, uint64_t connection)
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

void scheduler_stats (const scheduler_t *self, scheduler_stats_t *stats)
{
    *stats = self->stats;
    stats->n_workers = self->workers.count;
    stats->n_sessions = self->sessions.count;
    stats->n_processes = self->n_processes;
}

/* ---- Peers ---------------------------------------------------------------------------------- */

static peer_t *peer_of (const scheduler_t *self, uint64_t connection)
{
    dp_map_node_t *node = dp_map_get (&self->connections, connection);
    return node != NULL ? DP_CONTAINER (node, peer_t, by_connection) : NULL;
}

void scheduler_touch (scheduler_t *self, peer_t *peer)
{
    if (dp_list_is_empty (&peer->in_touched))
        dp_list_append (&self->touched, &peer->in_touched);
}

void scheduler_forget (scheduler_t *self, uint64_t connection)
{
    dp_map_take (&self->connections, connection);
    drop_connection (self, connection);
}

/* The peer keeps its tasks, and may come back on another connection. */
static void break_peer (scheduler_t *self, int64_t now_ms, peer_t *peer)
{
    scheduler_forget (self, peer->connection);
    peer->connection = 0;
    peer->broken_at_ms = now_ms;
    dp_list_remove (&peer->in_touched);
    if (peer->role == WIRE_ROLE_WORKER)
        scheduler_rank (self, DP_CONTAINER (peer, worker_record_t, peer));
    self->check_at_ms = now_ms;
}

void scheduler_disconnected (scheduler_t *self, int64_t now_ms, uint64_t connection)
{
    peer_t *peer = peer_of (self, connection);
    if (peer != NULL)
        break_peer (self, now_ms, peer);
}

static void refuse (scheduler_t *self, int64_t now_ms, uint64_t connection, wire_refusal_t code,
                    const char *text)
{
    wire_put_refused (&self->outbox, connection, code, text);
    scheduler_log (self, "a peer was refused: %s", text);
    peer_t *peer = peer_of (self, connection);
    if (peer != NULL)
        break_peer (self, now_ms, peer);
    else
        drop_connection (self, connection);
}

void scheduler_malformed (scheduler_t *self, int64_t now_ms, uint64_t connection, const char *why)
{
    char text[256];
    snprintf (text, sizeof text, "malformed message: %s", why);
    refuse (self, now_ms, connection, WIRE_REFUSED_MALFORMED, text);
}

static void copy_line (char *target, size_t size, wire_text_t text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;
    memcpy (target, text.data, len);
    target[len] = '\0';
}

static void put_welcome (scheduler_t *self, uint64_t connection, bool is_kept)
{
    wire_welcome_t welcome = {
        .version = WIRE_VERSION,
        .epoch = self->config.epoch,
        .is_session_kept = is_kept,
        .max_payload = self->config.max_payload_bytes,
        .heartbeat_ms = LINK_HEARTBEAT_MS,
        .processes = self->n_processes,
        .name = { self->name, strlen (self->name) },
    };
    wire_put_welcome (&self->outbox, connection, &welcome);
}

static peer_t *known_peer (const scheduler_t *self, const wire_hello_t *hello)
{
    dp_map_node_t *node
        = dp_map_get (hello->role == WIRE_ROLE_CLIENT ? &self->sessions : &self->workers, hello->id);
    return node != NULL ? DP_CONTAINER (node, peer_t, by_id) : NULL;
}

static void on_hello (scheduler_t *self, int64_t now_ms, uint64_t connection, wire_message_t *message)
{
    const wire_hello_t *hello = &message->hello;
    if (hello->version_max < WIRE_VERSION_MIN || hello->version_min > WIRE_VERSION) {
        char text[256];
        snprintf (text, sizeof text,
                  "it speaks the protocol versions %llu to %llu, this broker %d to %d: update the older one",
                  (unsigned long long) hello->version_min, (unsigned long long) hello->version_max,
                  WIRE_VERSION_MIN, WIRE_VERSION);
        refuse (self, now_ms, connection, WIRE_REFUSED_VERSION, text);
        return;
    }
    peer_t *peer = known_peer (self, hello);
    if (peer_of (self, connection) != NULL || (peer != NULL && hello->connection <= peer->hello))
        return; /* said already, or overtaken by a later connection of the same peer (R1) */
    put_welcome (self, connection, peer != NULL);
    if (peer != NULL && peer->connection != 0)
        break_peer (self, now_ms, peer);
    if (hello->role == WIRE_ROLE_CLIENT)
        scheduler_hello_client (self, now_ms, connection, message);
    else
        scheduler_hello_worker (self, now_ms, connection, message);
    peer = known_peer (self, hello);
    peer->hello = hello->connection;
    peer->heard_at_ms = now_ms;
    peer->pinged_at_ms = 0;
    peer->n_received = peer->n_acked = 0;
    peer->pid = hello->pid;
    copy_line (peer->host, sizeof peer->host, hello->host);
    copy_line (peer->name, sizeof peer->name, hello->name.len > 0 ? hello->name : hello->host);
    dp_map_put (&self->connections, connection, &peer->by_connection);
}

/* ---- The table ------------------------------------------------------------------------------ */

static void on_ping (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    (void) now_ms, (void) message;
    wire_put_bare (&self->outbox, peer->connection, WIRE_PONG, peer->n_received);
    peer->n_acked = peer->n_received;
}

static void on_nothing (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    (void) self, (void) now_ms, (void) peer,
        (void) message; /* PONG, ACK: the sign of life and the ack were taken */
}

static void on_bye (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    (void) message;
    wire_put_bare (&self->outbox, peer->connection, WIRE_BYE, peer->n_received);
    if (peer->role == WIRE_ROLE_CLIENT)
        scheduler_end_session (self, DP_CONTAINER (peer, session_record_t, peer), "left");
    else
        scheduler_lose_worker (self, now_ms, DP_CONTAINER (peer, worker_record_t, peer), "left");
}

static void on_submit (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message,
                       dp_blob_t *const *blobs)
{
    session_record_t *session = DP_CONTAINER (peer, session_record_t, peer);
    wire_group_t group;
    wire_task_t task;
    while (wire_next_group (message, &group)) {
        lane_t *lane = scheduler_lane (self, session, &group);
        while (wire_next_task (message, &task))
            if (scheduler_task (session, task.id) == NULL)
                scheduler_submit (self, now_ms, lane, &task,
                                  task.payload.frame > 0 && blobs != NULL ? blobs[task.payload.frame] : NULL);
    }
}

static void cancel_range (scheduler_t *self, session_record_t *session, const wire_range_t *range)
{
    if (range->last - range->first < session->tasks.count) {
        for (uint64_t id = range->first;; id++) {
            task_t *task = scheduler_task (session, id);
            if (task != NULL)
                scheduler_cancel (self, task);
            else
                scheduler_say_missing (self, session, id, id);
            if (id == range->last)
                return;
        }
    }
    for (dp_map_node_t *node = dp_map_first (&session->tasks); node != NULL;
         node = dp_map_next (&session->tasks, node))
        if (node->key >= range->first && node->key <= range->last)
            scheduler_cancel (self, DP_CONTAINER (node, task_t, by_id));
}

static void on_cancel (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    (void) now_ms;
    wire_range_t range;
    while (wire_next_range (message, &range))
        cancel_range (self, DP_CONTAINER (peer, session_record_t, peer), &range);
}

static void on_release (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    worker_record_t *worker = DP_CONTAINER (peer, worker_record_t, peer);
    if (message->window_tasks > 0)
        worker->window = message->window_tasks;
    wire_run_t run;
    while (wire_next_run (message, &run)) {
        dp_map_node_t *node = dp_map_get (&self->sessions, run.session);
        task_t *task = node != NULL
                           ? scheduler_task (DP_CONTAINER (node, session_record_t, peer.by_id), run.id)
                           : NULL;
        if (task == NULL || task->state != TASK_ASSIGNED || task->worker != worker
            || task->attempt != run.attempt)
            continue;
        scheduler_unassign (self, task);
        scheduler_return (self, now_ms, task, false);
    }
    scheduler_rank (self, worker);
}

typedef void (handler_t) (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);

/* Who may say what. SUBMIT and RESULTS bring payloads and stand apart. */
static const struct {
    handler_t *of_client, *of_worker;
} handlers[WIRE_KINDS] = {
    [WIRE_PING] = { on_ping, on_ping },          [WIRE_PONG] = { on_nothing, on_nothing },
    [WIRE_ACK] = { on_nothing, on_nothing },     [WIRE_BYE] = { on_bye, on_bye },
    [WIRE_CLAIM] = { scheduler_on_claim, NULL }, [WIRE_CANCEL] = { on_cancel, NULL },
    [WIRE_QUERY] = { scheduler_on_query, NULL }, [WIRE_RUNS] = { NULL, scheduler_on_runs },
    [WIRE_RELEASE] = { NULL, on_release },       [WIRE_PROGRESS] = { NULL, scheduler_on_progress },
};

static void handle (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message,
                    dp_blob_t *const *blobs)
{
    bool is_client = peer->role == WIRE_ROLE_CLIENT;
    handler_t *handler = is_client ? handlers[message->kind].of_client : handlers[message->kind].of_worker;
    if (handler != NULL)
        handler (self, now_ms, peer, message);
    else if (message->kind == WIRE_SUBMIT && is_client)
        on_submit (self, now_ms, peer, message, blobs);
    else if (message->kind == WIRE_RESULTS && !is_client)
        scheduler_on_results (self, now_ms, peer, message, blobs);
    else {
        char text[128];
        snprintf (text, sizeof text, "a %s may not send %s", is_client ? "client" : "worker",
                  wire_kind_name (message->kind));
        refuse (self, now_ms, peer->connection, WIRE_REFUSED_KIND, text);
    }
}

void scheduler_receive (scheduler_t *self, int64_t now_ms, uint64_t connection, wire_message_t *message,
                        dp_blob_t *const *blobs)
{
    if (message->kind == WIRE_HELLO) {
        on_hello (self, now_ms, connection, message);
        return;
    }
    peer_t *peer = peer_of (self, connection);
    if (peer == NULL) {
        if (message->kind != WIRE_BYE)
            wire_put_bare (&self->outbox, connection, WIRE_WHO, 0);
        return;
    }
    bool was_suspect = peer->role == WIRE_ROLE_WORKER && now_ms - peer->heard_at_ms >= SCHEDULER_SUSPECT_MS;
    peer->heard_at_ms = now_ms;
    peer->pinged_at_ms = 0;
    if (was_suspect)
        scheduler_rank (self, DP_CONTAINER (peer, worker_record_t, peer));
    if (peer->role == WIRE_ROLE_CLIENT)
        scheduler_on_ack (self, DP_CONTAINER (peer, session_record_t, peer), message->ack);
    handle (self, now_ms, peer, message, blobs);
}

/* ---- The tick ------------------------------------------------------------------------------- */

/* A loop of ours that came late says nothing about the peers. */
static void forgive_lag (scheduler_t *self, int64_t now_ms)
{
    int64_t lag_ms = now_ms - self->ticked_at_ms - LINK_MAX_LAG_MS;
    self->ticked_at_ms = now_ms;
    if (lag_ms <= 0)
        return;
    for (dp_map_node_t *node = dp_map_first (&self->sessions); node != NULL;
         node = dp_map_next (&self->sessions, node))
        DP_CONTAINER (node, peer_t, by_id)->heard_at_ms += lag_ms;
    for (dp_map_node_t *node = dp_map_first (&self->workers); node != NULL;
         node = dp_map_next (&self->workers, node)) {
        DP_CONTAINER (node, peer_t, by_id)->heard_at_ms += lag_ms;
        DP_CONTAINER (node, peer_t, by_id)->broken_at_ms += lag_ms;
    }
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
    wire_put_bare (&self->outbox, peer->connection, WIRE_PING, peer->n_received);
}

static void check_peers (scheduler_t *self, int64_t now_ms)
{
    self->check_at_ms = now_ms + SCHEDULER_CHECK_MS;
    for (dp_map_node_t *node = dp_map_first (&self->sessions), *next; node != NULL; node = next) {
        next = dp_map_next (&self->sessions, node);
        check_quiet (self, now_ms, DP_CONTAINER (node, peer_t, by_id));
        scheduler_check_session (self, now_ms, DP_CONTAINER (node, session_record_t, peer.by_id));
    }
    DP_LIST_EACH (&self->all_workers, node)
    {
        worker_record_t *worker = DP_CONTAINER (node, worker_record_t, in_workers);
        check_quiet (self, now_ms, &worker->peer);
        scheduler_check_worker (self, now_ms, worker);
    }
    scheduler_check_lanes (self, now_ms);
}

static void tell_processes (scheduler_t *self)
{
    self->is_processes_changed = false;
    for (dp_map_node_t *node = dp_map_first (&self->sessions); node != NULL;
         node = dp_map_next (&self->sessions, node)) {
        session_record_t *session = DP_CONTAINER (node, session_record_t, peer.by_id);
        if (session->peer.connection == 0 || session->told_processes == self->n_processes)
            continue;
        session->told_processes = self->n_processes;
        wire_put_workers (&self->outbox, session->peer.connection, session->peer.n_received,
                          self->n_processes);
    }
}

/* Close a peer's batches, in the order in which they must arrive; an ack alone if nothing else carries it. */
static void flush_peer (scheduler_t *self, peer_t *peer)
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
        wire_flush (batches[i], &self->outbox, peer->n_received, 0, 0);
    if (self->outbox.count == before && peer->n_acked != peer->n_received)
        wire_put_bare (&self->outbox, peer->connection, WIRE_ACK, peer->n_received);
    peer->n_acked = peer->n_received;
}

int64_t scheduler_tick (scheduler_t *self, int64_t now_ms)
{
    forgive_lag (self, now_ms);
    if (self->is_in_grace && now_ms >= self->grace_until_ms)
        scheduler_end_grace (self, now_ms);
    if (now_ms >= self->check_at_ms)
        check_peers (self, now_ms);
    if (self->is_checking_lanes)
        scheduler_check_lanes (self, now_ms);
    scheduler_dispatch (self, now_ms);
    if (self->is_processes_changed)
        tell_processes (self);
    for (dp_list_t *node; (node = dp_list_pop (&self->touched)) != NULL;)
        flush_peer (self, DP_CONTAINER (node, peer_t, in_touched));
    bool is_alone = self->sessions.count == 0 && self->workers.count == 0 && !self->is_in_grace;
    return is_alone ? DP_NEVER : self->check_at_ms;
}

void scheduler_shutdown (scheduler_t *self, int64_t now_ms)
{
    (void) now_ms;
    for (dp_map_node_t *node = dp_map_first (&self->connections); node != NULL;
         node = dp_map_next (&self->connections, node))
        wire_put_bare (&self->outbox, node->key, WIRE_BYE,
                       DP_CONTAINER (node, peer_t, by_connection)->n_received);
}
