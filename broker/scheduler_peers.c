/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_peers.c - peers and their connections, and who may say what. */
#include "broker/scheduler_internal.h"

#include <stdio.h>
#include <string.h>

enum { REFUSAL = 512 }; /* room for the reason */

/* ---- Peers ---------------------------------------------------------------------------------- */

static peer_t *peer_of (const scheduler_t *self, uint64_t connection)
{
    dp_map_node_t *node = dp_map_get (&self->connections, connection);
    return node != NULL ? DP_CONTAINER (node, peer_t, by_connection) : NULL;
}

bool scheduler_knows (const scheduler_t *self, uint64_t connection)
{
    return peer_of (self, connection) != NULL;
}

void scheduler_forget (scheduler_t *self, uint64_t connection)
{
    dp_map_take (&self->connections, connection);
    scheduler_drop_connection (self, connection);
}

/* A CLAIM that was complete holds until the next: workers may still list what it names. */
static void break_session (session_record_t *session)
{
    scheduler_drop_orders (session);
    if (!session->is_claimed)
        scheduler_forget_claims (session);
}

/* The peer keeps its tasks, and may come back on another connection. */
static void break_peer (scheduler_t *self, int64_t now_ms, peer_t *peer)
{
    scheduler_forget (self, peer->connection);
    peer->connection = 0;
    peer->broken_at_ms = now_ms;
    dp_list_remove (&peer->in_touched);
    dp_list_remove (&peer->in_acking);
    scheduler_drop_questions (peer);
    if (peer->role == WIRE_ROLE_WORKER)
        scheduler_rank (self, DP_CONTAINER (peer, worker_record_t, peer));
    else
        break_session (DP_CONTAINER (peer, session_record_t, peer));
    self->is_counting_processes |= peer->role == WIRE_ROLE_WORKER;
}

void scheduler_disconnected (scheduler_t *self, int64_t now_ms, uint64_t connection)
{
    peer_t *peer = peer_of (self, connection);
    if (peer != NULL)
        break_peer (self, now_ms, peer);
}

void scheduler_ask_anew (scheduler_t *self, int64_t now_ms, peer_t *peer)
{
    if (peer->connection == 0)
        return;
    wire_put_bare (&self->outbox, peer->connection, WIRE_WHO, 0);
    break_peer (self, now_ms, peer);
}

/* Whoever comes again and again to be refused shall not fill the log. */
static void log_refusal (scheduler_t *self, int64_t now_ms, const char *text)
{
    enum { TOLD = 10, EVERY_MS = 60000 };
    if (self->n_refusals == 0 || now_ms - self->refusals_since_ms >= EVERY_MS) {
        if (self->n_refusals > TOLD)
            scheduler_log (self, "%llu more peers were refused",
                           (unsigned long long) self->n_refusals - TOLD);
        self->n_refusals = 0;
        self->refusals_since_ms = now_ms;
    }
    if (++self->n_refusals <= TOLD)
        scheduler_log (self, "a peer was refused: %s", text);
}

void scheduler_refuse (scheduler_t *self, int64_t now_ms, uint64_t connection, wire_refusal_t code,
                       const char *text)
{
    wire_put_refused (&self->outbox, connection, code, text);
    log_refusal (self, now_ms, text);
    peer_t *peer = peer_of (self, connection);
    if (peer != NULL)
        break_peer (self, now_ms, peer);
    else
        scheduler_drop_connection (self, connection);
}

void scheduler_malformed (scheduler_t *self, int64_t now_ms, uint64_t connection, const char *why)
{
    char text[256];
    snprintf (text, sizeof text, "malformed message: %s", why);
    scheduler_refuse (self, now_ms, connection, WIRE_REFUSED_MALFORMED, text);
}

/* Until it was heard last: what it says nothing for is a matter of its silence. */
bool scheduler_refuse_unlisted (scheduler_t *self, int64_t now_ms, peer_t *peer, const char *text)
{
    if (self->config.is_embedded || peer->heard_at_ms - peer->hello_at_ms < SCHEDULER_LIST_MS)
        return false;
    scheduler_refuse (self, now_ms, peer->connection, WIRE_REFUSED_LIMIT, text);
    return true;
}

void scheduler_deny (scheduler_t *self, int64_t now_ms, uint64_t connection, wire_refusal_t code,
                     const char *why)
{
    scheduler_refuse (self, now_ms, connection, code, why);
}

void scheduler_set_owner (scheduler_t *self, const char *owner)
{
    size_t len = strnlen (owner, sizeof self->owner - 1);
    memcpy (self->owner, owner, len);
    self->owner[len] = '\0';
}

static void copy_line (char *target, size_t size, wire_text_t text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;
    memcpy (target, text.data, len);
    target[len] = '\0';
}

static void put_welcome (scheduler_t *self, uint64_t connection, const wire_hello_t *hello,
                         const peer_t *peer)
{
    wire_welcome_t welcome = {
        .version = WIRE_VERSION,
        .epoch = self->config.epoch,
        .is_session_kept = peer != NULL,
        .max_payload = self->config.max_payload_bytes,
        .heartbeat_ms = LINK_HEARTBEAT_MS,
        .processes = self->n_processes,
        .name = { self->name, strlen (self->name) },
        .room = scheduler_room_at_hello (self, hello->role, peer),
    };
    if (hello->role == WIRE_ROLE_CLIENT)
        scheduler_allow (self, peer, hello, &welcome);
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
    wire_hello_t *hello = &message->hello; /* of another version only its versions are read */
    hello->id = scheduler_own_id (self, hello);
    peer_t *peer = known_peer (self, hello);
    char why[REFUSAL];
    if (scheduler_over_hellos (self, now_ms, peer, hello->role, why, sizeof why) != NULL) {
        scheduler_refuse (self, now_ms, connection, WIRE_REFUSED_LIMIT, why);
        return;
    }
    if (!wire_is_spoken (hello)) {
        char text[256];
        snprintf (text, sizeof text,
                  "it speaks the protocol versions %llu to %llu, this broker %d to %d: update the older one",
                  (unsigned long long) hello->version_min, (unsigned long long) hello->version_max,
                  WIRE_VERSION_MIN, WIRE_VERSION);
        scheduler_refuse (self, now_ms, connection, WIRE_REFUSED_VERSION, text);
        return;
    }
    if (peer_of (self, connection) != NULL)
        return; /* said already */
    if (self->is_dismissing && hello->role == WIRE_ROLE_WORKER)
        return; /* it is for the next broker */
    if (peer != NULL && strcmp (peer->owner, self->owner) != 0) {
        scheduler_refuse (self, now_ms, connection, WIRE_REFUSED_DUPLICATE,
                          "a peer with another key has this id already");
        return;
    }
    if (peer != NULL && hello->connection <= peer->hello) {
        scheduler_drop_connection (self, connection); /* overtaken by a later one of the same peer (R1) */
        return;
    }
    if (scheduler_over_names (self, hello, why, sizeof why) != NULL
        || scheduler_over_args (self, now_ms, peer, hello, why, sizeof why) != NULL) {
        scheduler_refuse (self, now_ms, connection, WIRE_REFUSED_LIMIT, why);
        return;
    }
    put_welcome (self, connection, hello, peer);
    if (peer != NULL && peer->connection != 0)
        break_peer (self, now_ms, peer);
    bool is_client = hello->role == WIRE_ROLE_CLIENT;
    peer = is_client ? scheduler_hello_client (self, connection, message)
                     : scheduler_hello_worker (self, connection, message);
    peer->hello = hello->connection;
    memcpy (peer->owner, self->owner, sizeof peer->owner);
    scheduler_join_account (self, peer);
    peer->hello_at_ms = peer->heard_at_ms = now_ms;
    peer->pinged_at_ms = peer->patience_ms = 0;
    peer->acks = (dp_acks_t) { 0 };
    peer->pid = hello->pid;
    copy_line (peer->host, sizeof peer->host, hello->host);
    copy_line (peer->name, sizeof peer->name, hello->name.len > 0 ? hello->name : hello->host);
    dp_map_put (&self->connections, connection, &peer->by_connection);
    if (is_client)
        scheduler_drain_newcomer (self, DP_CONTAINER (peer, session_record_t, peer));
    if (is_client && !DP_CONTAINER (peer, session_record_t, peer)->is_watcher)
        scheduler_log (self, "client '%s' (pid %llu on %s) connected", peer->name,
                       (unsigned long long) peer->pid, peer->host);
}

/* ---- The table ------------------------------------------------------------------------------ */

static void on_nothing (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    (void) self, (void) now_ms, (void) peer,
        (void) message; /* PONG, ACK: the sign of life and the ack were taken */
}

static void on_large (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    (void) now_ms;
    uint64_t most = self->config.max_payload_bytes + WIRE_MAX_ENVELOPE;
    peer->patience_ms = (int64_t) ((message->large < most ? message->large : most) / LINK_BYTES_A_MS);
}

static void on_bye (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    (void) message;
    wire_put_bare (&self->outbox, peer->connection, WIRE_BYE, peer->acks.n_received);
    if (peer->role == WIRE_ROLE_CLIENT)
        scheduler_end_session (self, DP_CONTAINER (peer, session_record_t, peer), "left");
    else
        scheduler_part_worker (self, now_ms, DP_CONTAINER (peer, worker_record_t, peer));
}

/* Why the peer's key may not call it; NULL when it may. */
static const char *forbid (const scheduler_t *self, const peer_t *peer, wire_text_t function, char *text,
                           size_t size)
{
    const access_entry_t *entry = peer->account->entry;
    if (self->access == NULL || (entry != NULL && access_may_use (entry, function)))
        return NULL;
    if (entry != NULL)
        access_explain_function (entry, "call", function, text, size);
    else
        snprintf (text, size, "the broker does not know the key any more");
    return text;
}

/* It ends with the reason; all others go on, since a mistake shall cost nobody else's work. False: whoever
   takes no results, and so would have more and more refusals held, is refused itself. */
static bool reject (scheduler_t *self, int64_t now_ms, session_record_t *session, const wire_task_t *task,
                    outcome_status_t status, const char *why)
{
    if (session->is_full) {
        scheduler_refuse (self, now_ms, session->peer.connection, WIRE_REFUSED_LIMIT,
                          "it submits what is refused, and does not take the results that say so");
        return false;
    }
    scheduler_reject (self, session, task, status, why);
    return true;
}

static bool submit_group (scheduler_t *self, int64_t now_ms, session_record_t *session,
                          wire_message_t *message, const wire_group_t *group, dp_blob_t *const *blobs)
{
    char text[REFUSAL];
    wire_task_t task;
    const char *forbidden = forbid (self, &session->peer, group->function, text, sizeof text);
    lane_t *lane = forbidden == NULL ? scheduler_lane (self, session, group) : NULL;
    if (lane != NULL)
        scheduler_hold_lane (lane); /* its tasks may all end at once */
    bool goes_on = true;
    while (goes_on && wire_next_task (message, &task)) {
        size_t frame = task.payload.frame;
        const char *why = forbidden;
        if (scheduler_task (session, task.id) != NULL)
            continue;
        if (why == NULL)
            why = scheduler_over_tasks (self, now_ms, session->peer.account, task.payload.len, text,
                                        sizeof text);
        if (why != NULL)
            goes_on = reject (self, now_ms, session, &task,
                              forbidden != NULL ? OUTCOME_REFUSED : OUTCOME_QUOTA, why);
        else if (scheduler_is_excess (self, session, task.payload.len))
            scheduler_turn_away (self, session, task.id);
        else
            scheduler_submit (self, now_ms, lane, group, &task,
                              frame > 0 && blobs != NULL ? blobs[frame] : NULL);
    }
    if (lane != NULL)
        scheduler_let_go_lane (self, lane);
    return goes_on;
}

static void on_submit (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message,
                       dp_blob_t *const *blobs)
{
    session_record_t *session = DP_CONTAINER (peer, session_record_t, peer);
    wire_group_t group;
    while (wire_next_group (message, &group))
        if (!submit_group (self, now_ms, session, message, &group, blobs))
            return;
}

typedef void (handler_t) (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message);

/* Who may say what. SUBMIT and RESULTS bring payloads and stand apart. */
static const struct {
    handler_t *of_client, *of_worker;
} handlers[WIRE_KINDS] = {
    [WIRE_PING] = { scheduler_on_ping, scheduler_on_ping },
    [WIRE_PONG] = { on_nothing, on_nothing },
    [WIRE_ACK] = { on_nothing, on_nothing },
    [WIRE_BYE] = { on_bye, on_bye },
    [WIRE_LARGE] = { on_large, on_large },
    [WIRE_CLAIM] = { scheduler_on_claim, NULL },
    [WIRE_CANCEL] = { scheduler_on_cancel, NULL },
    [WIRE_REVOKE] = { scheduler_on_revoke, NULL },
    [WIRE_QUERY] = { scheduler_on_query, NULL },
    [WIRE_RUNS] = { NULL, scheduler_on_runs },
    [WIRE_RELEASE] = { NULL, scheduler_on_release },
    [WIRE_DRAIN] = { scheduler_on_drained, scheduler_on_drain },
    [WIRE_PROGRESS] = { NULL, scheduler_on_progress },
};

/* It said that it only asks, and so stands in no log and no state: then it has nothing done either. */
static bool is_watcher_with_work (const peer_t *peer, const wire_message_t *message)
{
    return peer->role == WIRE_ROLE_CLIENT && DP_CONTAINER (peer, session_record_t, peer)->is_watcher
           && (message->kind == WIRE_SUBMIT || (message->kind == WIRE_CLAIM && message->n_records > 0));
}

static void handle (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message,
                    dp_blob_t *const *blobs)
{
    bool is_client = peer->role == WIRE_ROLE_CLIENT;
    if (is_watcher_with_work (peer, message)) {
        scheduler_refuse (self, now_ms, peer->connection, WIRE_REFUSED_KIND,
                          "a client that said that it only asks (watcher) may have no tasks");
        return;
    }
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
        scheduler_refuse (self, now_ms, peer->connection, WIRE_REFUSED_KIND, text);
    }
}

static void clear_suspicion (scheduler_t *self, worker_record_t *worker)
{
    if (!worker->is_suspect)
        return;
    worker->is_suspect = false;
    scheduler_rank (self, worker);
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
    peer->heard_at_ms = now_ms;
    peer->pinged_at_ms = peer->patience_ms = 0;
    if (peer->role == WIRE_ROLE_CLIENT)
        scheduler_on_ack (self, DP_CONTAINER (peer, session_record_t, peer), message->ack);
    else
        clear_suspicion (self, DP_CONTAINER (peer, worker_record_t, peer));
    handle (self, now_ms, peer, message, blobs);
}
