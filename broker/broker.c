/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/broker.h"

#include "broker/commons.h"
#include "broker/endpoint.h"
#include "broker/monitor.h"
#include "broker/peers.h"
#include "core/error.h"
#include "core/items.h"
#include "core/memory.h"
#include "net/clock.h"
#include "net/message.h"
#include "net/tidy.h"
#include "net/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    TURNED_AWAY_EVERY_MS = 10000,
    MOST_ON_FD = 64,     /* more connections of one descriptor are not probed */
    STRANGER_MS = 10000, /* a connection may be silent about who it is for so long */
    HANDSHAKE_MS = 3000,
    BACKLOG = 4096,      /* all peers return at once after a restart */
    MOST_UNSENT = 5000,  /* messages for one peer: more than answer the longest CLAIM */
    MOST_UNREAD = 1000,  /* of one peer, who has to wait then */
    FAULT_REFUSED = 200, /* what a message weighs that is refused … */
    FAULT_STRAY = 1, /* … and one of whoever has not said HELLO, or says it again: many may be under way … */
    MOST_FAULTS = 2000, /* … until the connection is closed */
    KEEPALIVE_IDLE_S = 10,
    KEEPALIVE_EVERY_S = 5,
    MAX_RETRANSMIT_MS = 20000,
    GOODBYE_MS = 500,     /* for the last messages to leave */
    TURN_MESSAGES = 1000, /* a turn takes in so many at most … */
    TURN_MS = 10,         /* … for about so long … */
    LONG_ENVELOPE = 65536,
    CLOCK_MESSAGES = 16 /* … looking at the clock after so many, and after each that may take long */
};

struct broker_s {
    dp_exchange_t *exchange; /* NULL: the peers come by the router */
    void *router;
    dp_watch_t mail; /* of the router */
    monitor_t *monitor;
    gate_t *gate; /* NULL: all are let in */
    scheduler_t *scheduler;
    peers_t *peers;
    size_t most_peers;
    int64_t turned_away_at_ms; /* that one was told last; 0 = never */
    endpoint_t **endpoints;
    size_t n_endpoints;
    commons_t *commons; /* where long payloads lie for the peers of this machine */
    uint64_t max_payload;
    int64_t now_ms; /* of this turn */
    bool is_quiet;
    void (*log) (const char *line);
    dp_incoming_t incoming;
    dp_tidy_t tidy;
};

/* ---- From birth to death --------------------------------------------------------------------- */

static void set_int (void *socket, int option, int value)
{
    zmq_setsockopt (socket, option, &value, sizeof value);
}

static void set_options (void *router, uint64_t max_payload)
{
    int64_t max_frame = (int64_t) max_payload + WIRE_MAX_ENVELOPE;
    set_int (router, ZMQ_ROUTER_MANDATORY, 1);
    set_int (router, ZMQ_LINGER, 0);
    set_int (router, ZMQ_SNDHWM, MOST_UNSENT);
    set_int (router, ZMQ_RCVHWM, MOST_UNREAD);
    set_int (router, ZMQ_BACKLOG, BACKLOG);
    set_int (router, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    zmq_setsockopt (router, ZMQ_MAXMSGSIZE, &max_frame, sizeof max_frame);
    set_int (router, ZMQ_TCP_KEEPALIVE, 1);
    set_int (router, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S);
    set_int (router, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_EVERY_S);
    set_int (router, ZMQ_TCP_MAXRT, MAX_RETRANSMIT_MS);
}

static int bind_all (broker_t *self, const broker_config_t *config)
{
    self->endpoints = dp_alloc ((config->n_endpoints + 1) * sizeof *self->endpoints);
    if (self->endpoints == NULL)
        return dp_fail (ENOMEM, "no memory for the broker");
    for (size_t i = 0; i < config->n_endpoints; i++) {
        self->endpoints[i] = endpoint_bind (self->router, config->endpoints[i]);
        if (self->endpoints[i] == NULL)
            return -1;
        self->n_endpoints++;
        if (self->gate != NULL && gate_test (self->gate, endpoint_way (self->endpoints[i])) < 0)
            return -1;
    }
    return 0;
}

/* Before anything is bound. */
static int open_gate (broker_t *self, void *context, const broker_config_t *config)
{
    self->gate = gate_new (context, config->keys, config->access_p, config->log);
    if (self->gate == NULL)
        return -1;
    scheduler_admit (self->scheduler, self->now_ms, gate_access (self->gate));
    return gate_guard (self->gate, self->router);
}

static int open_router (broker_t *self, void *context, const broker_config_t *config)
{
    if (config->n_endpoints == 0)
        return dp_fail (EINVAL, "the broker has no endpoint to listen at");
    self->router = zmq_socket (context, ZMQ_ROUTER);
    if (self->router == NULL)
        return dp_fail_errno ("the broker cannot make a ZeroMQ socket");
    set_options (self->router, self->max_payload);
    if (config->keys != NULL && open_gate (self, context, config) < 0)
        return -1;
    if (dp_watch_begin (&self->mail, self->router) < 0)
        return dp_fail_errno ("the broker cannot watch its ZeroMQ socket");
    self->monitor = monitor_new (context, self->router);
    if (self->monitor == NULL)
        return dp_fail_errno ("the broker cannot watch its connections");
    self->most_peers = config->most_peers > 0 ? config->most_peers : BROKER_MOST_PEERS;
    self->peers = peers_new (self->most_peers);
    self->commons = commons_new (self->peers, self->log);
    return self->peers != NULL && self->commons != NULL ? 0 : dp_fail (ENOMEM, "no memory for the broker");
}

static int start (broker_t *self, void *context, const broker_config_t *config)
{
    scheduler_config_t scheduler = config->scheduler;
    if (scheduler.epoch == 0)
        scheduler.epoch = dp_random ();
    scheduler.secret = (dp_hash_key_t) { dp_random (), dp_random () };
    if (config->keys != NULL)
        scheduler.cluster_secret = gate_secret (config->keys);
    if (scheduler.max_payload_bytes == 0)
        scheduler.max_payload_bytes = DP_DEFAULT_MAX_PAYLOAD;
    self->max_payload = scheduler.max_payload_bytes;
    self->is_quiet = config->is_quiet;
    self->log = config->log;
    self->tidy = dp_tidy_new ();
    if (config->malloc_trim != 0)
        self->tidy.is_malloc_left = config->malloc_trim < 0;
    self->now_ms = dp_clock_ms ();
    self->exchange = config->exchange;
    self->scheduler = scheduler_new (&scheduler, self->now_ms);
    if (self->exchange != NULL)
        return 0;
    if (open_router (self, context, config) < 0)
        return -1;
    return bind_all (self, config); /* last: from here on peers are answered */
}

broker_t *broker_new (void *context, const broker_config_t *config)
{
    broker_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        dp_fail (ENOMEM, "no memory for the broker");
    else if (start (self, context, config) < 0)
        broker_destroy (&self);
    return self;
}

void broker_destroy (broker_t **self_p)
{
    broker_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    monitor_destroy (&self->monitor);
    if (self->router != NULL)
        zmq_close (self->router);
    gate_destroy (&self->gate);
    for (size_t i = 0; i < self->n_endpoints; i++)
        endpoint_destroy (&self->endpoints[i]);
    dp_free (self->endpoints);
    if (self->scheduler != NULL)
        scheduler_destroy (&self->scheduler);
    peers_destroy (&self->peers);
    commons_destroy (&self->commons);
    dp_free (self);
}

const char *broker_endpoint (const broker_t *self, size_t i)
{
    return i < self->n_endpoints ? endpoint_address (self->endpoints[i]) : NULL;
}

void broker_admit (broker_t *self, access_t **access_p)
{
    gate_change (self->gate, access_p);
    scheduler_admit (self->scheduler, self->now_ms, gate_access (self->gate));
}

size_t broker_poll (const broker_t *self, struct pollfd *items)
{
    if (self->exchange != NULL)
        return 0;
    items[0] = dp_watch_item (&self->mail);
    items[1] = dp_watch_item (monitor_watch (self->monitor));
    if (self->gate == NULL)
        return 2;
    items[2] = dp_watch_item (gate_watch (self->gate));
    return BROKER_POLL;
}

void broker_hear (broker_t *self, const struct pollfd *items)
{
    if (self->exchange != NULL)
        return;
    dp_watch_hear (&self->mail, &items[0]);
    dp_watch_hear (monitor_watch (self->monitor), &items[1]);
    if (self->gate != NULL)
        dp_watch_hear (gate_watch (self->gate), &items[2]);
}

/* ---- In -------------------------------------------------------------------------------------- */

static void disconnect (broker_t *self, uint64_t connection)
{
    if (self->peers != NULL)
        peers_forget (self->peers, connection);
    scheduler_disconnected (self->scheduler, self->now_ms, connection);
}

/* Who goes on with what is refused is hung up on: such messages cost us more than him. ZeroMQ cannot do that,
   but takes it as if he had closed the connection. The descriptor may be another's by now: of one who has
   said HELLO that is known, any other comes back. */
static void blame (broker_t *self, int fd, unsigned weight)
{
    if (peers_blame (self->peers, fd, weight) < MOST_FAULTS || peers_on_fd (self->peers, fd, NULL, 0) > 0)
        return;
    shutdown (fd, SHUT_RDWR);
    peers_absolve (self->peers, fd); /* what is left of him shall not end whoever has the descriptor next */
}

/* 0, or -1 when the peer is gone or takes nothing more: the connection is over. Whoever does not read is hung
   up on, which frees what ZeroMQ has kept for him. */
static int send_to (broker_t *self, dp_outgoing_t *message)
{
    size_t len;
    const uint8_t *routing_id = peers_routing_id (self->peers, message->to, &len);
    if (routing_id == NULL)
        return 0; /* it was told already that this one is gone */
    dp_sharing_t *sharing = peers_sharing (self->peers, message->to);
    if (!dp_sharing_lend_ahead (sharing, message, scheduler_outbox (self->scheduler)->first))
        return 0;
    dp_watch_used (&self->mail);
    if (dp_outgoing_send (message, self->router, routing_id, len) == 0)
        return 0;
    int fd = errno == EAGAIN ? peers_fd (self->peers, message->to) : -1;
    disconnect (self, message->to);
    blame (self, fd, MOST_FAULTS);
    return -1;
}

/* There is no room for another peer. */
static void turn_away (broker_t *self, const dp_incoming_t *incoming)
{
    char text[128];
    snprintf (text, sizeof text, "the broker has no room for more than %zu peers", self->most_peers);
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_refused (&out, 0, WIRE_REFUSED_LIMIT, text);
    dp_outgoing_t *message = dp_outbox_take (&out);
    dp_watch_used (&self->mail);
    dp_outgoing_send (message, self->router, incoming->routing_id, incoming->routing_id_len);
    dp_outgoing_destroy (&message);
    if (self->log == NULL
        || (self->turned_away_at_ms != 0 && self->now_ms - self->turned_away_at_ms < TURNED_AWAY_EVERY_MS))
        return;
    self->turned_away_at_ms = self->now_ms;
    snprintf (text, sizeof text, "peers are turned away: there is no room for more than %zu",
              self->most_peers);
    self->log (text);
}

/* Does the key of the message allow it? What is not allowed ends the connection. */
static bool is_admitted (broker_t *self, uint64_t connection, const dp_incoming_t *incoming)
{
    char why[512];
    const char *owner = gate_owner (incoming);
    if (incoming->malformed != NULL)
        return true; /* it is refused for that */
    wire_refusal_t refusal = gate_judge (self->gate, owner, &incoming->message, why, sizeof why);
    if (refusal != 0) {
        scheduler_deny (self->scheduler, self->now_ms, connection, refusal, why);
        return false;
    }
    if (incoming->message.kind == WIRE_HELLO)
        scheduler_set_owner (self->scheduler, owner);
    return true;
}

/* What could not be taken from where it lay counts as lost with the connection. */
static void give_up (broker_t *self, uint64_t connection, int fd)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_bare (&out, connection, WIRE_WHO, 0);
    dp_outgoing_t *message = dp_outbox_take (&out);
    send_to (self, message);
    dp_outgoing_destroy (&message);
    disconnect (self, connection);
    blame (self, fd, FAULT_REFUSED);
}

/* Whoever comes in is no stranger any more. To be refused, or to say it again, is cheap for nobody else. */
static void act_on_hello (broker_t *self, uint64_t connection, dp_incoming_t *incoming)
{
    uint64_t id = incoming->message.hello.id, machine = incoming->message.hello.machine;
    bool is_in = scheduler_knows (self->scheduler, connection);
    scheduler_receive (self->scheduler, self->now_ms, connection, &incoming->message, incoming->blobs);
    if (!scheduler_knows (self->scheduler, connection)) {
        blame (self, incoming->source_fd, FAULT_REFUSED);
        return;
    }
    if (is_in)
        blame (self, incoming->source_fd, FAULT_STRAY);
    peers_greet (self->peers, connection);
    commons_offer (self->commons, connection, id, machine, scheduler_outbox (self->scheduler));
}

static void act_on (broker_t *self, uint64_t connection, dp_incoming_t *incoming)
{
    if (incoming->message.kind == WIRE_HELLO) {
        act_on_hello (self, connection, incoming);
        return;
    }
    bool is_stranger = peers_is_stranger (self->peers, connection);
    if (is_stranger)
        blame (self, incoming->source_fd, FAULT_STRAY);
    if (incoming->message.kind == WIRE_MEMORY && !is_stranger)
        commons_hear (self->commons, connection, &incoming->message.memory,
                      scheduler_outbox (self->scheduler));
    else
        scheduler_receive (self->scheduler, self->now_ms, connection, &incoming->message, incoming->blobs);
}

/* Nothing is copied for whoever may not send it: it is refused for that. What a stranger sends may have been
   on its way since before the connection was ended: he is asked who he is. */
static bool may_refer (const broker_t *self, uint64_t connection, const dp_incoming_t *incoming)
{
    return incoming->malformed == NULL && !peers_is_stranger (self->peers, connection)
           && (self->gate == NULL || gate_may_send_payloads (self->gate, gate_owner (incoming)));
}

static void handle (broker_t *self, dp_incoming_t *incoming)
{
    uint64_t gone;
    uint64_t connection
        = peers_meet (self->peers, self->now_ms, incoming->routing_id, incoming->routing_id_len,
                      incoming->source_fd, self->gate != NULL ? gate_owner (incoming) : "", &gone);
    if (gone != 0)
        scheduler_disconnected (self->scheduler, self->now_ms, gone);
    if (connection == 0) {
        turn_away (self, incoming);
        return;
    }
    if (may_refer (self, connection, incoming)
        && !commons_take (self->commons, self->now_ms, connection, incoming, self->max_payload)) {
        give_up (self, connection, incoming->source_fd);
        return;
    }
    dp_incoming_decode (incoming);
    if (self->gate != NULL && !is_admitted (self, connection, incoming)) {
        blame (self, incoming->source_fd, FAULT_REFUSED);
        return;
    }
    if (incoming->malformed != NULL) {
        blame (self, incoming->source_fd, FAULT_REFUSED);
        scheduler_malformed (self->scheduler, self->now_ms, connection, incoming->malformed);
        return;
    }
    act_on (self, connection, incoming);
}

static void take_from_exchange (broker_t *self)
{
    uint64_t peer;
    dp_outgoing_t *message;
    while ((message = dp_exchange_next (self->exchange, &peer)) != NULL) {
        dp_incoming_take (&self->incoming, message);
        if (self->incoming.malformed != NULL)
            scheduler_malformed (self->scheduler, self->now_ms, peer, self->incoming.malformed);
        else
            scheduler_receive (self->scheduler, self->now_ms, peer, &self->incoming.message,
                               self->incoming.blobs);
        dp_incoming_fini (&self->incoming);
    }
}

/* Long ones, and such as cost more than their length tells. */
static bool may_take_long (dp_incoming_t *incoming)
{
    if (incoming->handed_over == NULL && zmq_msg_size (&incoming->envelope) > LONG_ENVELOPE)
        return true;
    wire_kind_t kind = incoming->malformed == NULL ? incoming->message.kind : WIRE_ACK;
    return kind == WIRE_CANCEL || kind == WIRE_REVOKE || kind == WIRE_CLAIM || kind == WIRE_BYE;
}

static void take_in (broker_t *self)
{
    if (self->exchange != NULL)
        take_from_exchange (self);
    for (int i = 1; i <= TURN_MESSAGES && self->mail.has_news; i++) {
        if (dp_incoming_fetch (&self->incoming, self->router, true, self->max_payload) <= 0) {
            dp_watch_emptied (&self->mail);
            break;
        }
        handle (self, &self->incoming);
        bool is_time = i % CLOCK_MESSAGES == 0 || may_take_long (&self->incoming);
        dp_incoming_fini (&self->incoming);
        if (is_time && dp_clock_ms () - self->now_ms >= TURN_MS)
            break;
    }
}

/* ---- Out ------------------------------------------------------------------------------------- */

static void send_by_exchange (broker_t *self)
{
    dp_outgoing_t *message;
    while ((message = dp_outbox_take (scheduler_outbox (self->scheduler))) != NULL) {
        uint64_t peer = message->to;
        if (dp_exchange_deliver (self->exchange, &message) < 0)
            disconnect (self, peer);
    }
}

/* Returns whether a connection was lost by it. */
static bool send_all (broker_t *self)
{
    if (self->exchange != NULL) {
        send_by_exchange (self);
        return false;
    }
    bool is_lost = false;
    dp_outgoing_t *message;
    while ((message = dp_outbox_take (scheduler_outbox (self->scheduler))) != NULL) {
        is_lost |= send_to (self, message) < 0;
        dp_outgoing_destroy (&message);
    }
    return is_lost;
}

/* ---- Who is gone ----------------------------------------------------------------------------- */

/* An answer nobody asked for: it harms nobody, and cannot be sent to who is gone. Returns whether he is. */
static bool probe (broker_t *self, uint64_t connection)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_put_bare (&out, connection, WIRE_PONG, 0);
    dp_outgoing_t *message = dp_outbox_take (&out);
    bool is_lost = send_to (self, message) < 0;
    dp_outgoing_destroy (&message);
    return is_lost;
}

/* Once all is sent, so that a probe never comes before a WELCOME. Returns whether a connection was lost. */
static bool look_after_suspects (broker_t *self)
{
    uint64_t connections[MOST_ON_FD];
    int fd, events;
    size_t len = sizeof events;
    bool is_lost = false;
    if (self->monitor == NULL)
        return false;
    monitor_read (self->monitor, self->now_ms);
    while (monitor_next_suspect (self->monitor, self->now_ms, &fd)) {
        size_t n = peers_on_fd (self->peers, fd, connections, MOST_ON_FD);
        peers_absolve (self->peers, fd);
        /* A send alone does not always look for news of closed connections. */
        zmq_getsockopt (self->router, ZMQ_EVENTS, &events, &len);
        dp_watch_used (&self->mail);
        for (size_t i = 0; i < n && i < MOST_ON_FD; i++)
            is_lost |= probe (self, connections[i]);
    }
    return is_lost;
}

/* Returns when the next one is due. */
static int64_t forget_strangers (broker_t *self)
{
    uint64_t stranger;
    int64_t met_at_ms;
    if (self->peers == NULL)
        return DP_NEVER;
    while ((stranger = peers_first_stranger (self->peers, &met_at_ms)) != 0) {
        if (met_at_ms + STRANGER_MS > self->now_ms)
            return met_at_ms + STRANGER_MS;
        disconnect (self, stranger);
    }
    return DP_NEVER;
}

static void forget_dropped (broker_t *self)
{
    for (uint64_t connection; scheduler_next_dropped (self->scheduler, &connection);)
        if (self->peers != NULL)
            peers_forget (self->peers, connection);
}

/* ---- A turn ---------------------------------------------------------------------------------- */

static void log_events (broker_t *self)
{
    const char *line;
    char text[160];
    while (scheduler_next_event (self->scheduler, &line))
        if (self->log != NULL && !self->is_quiet)
            self->log (line);
    while (self->monitor != NULL && self->log != NULL
           && monitor_next_line (self->monitor, self->now_ms, self->is_quiet, text, sizeof text))
        self->log (text);
}

void broker_tidy (broker_t *self)
{
    scheduler_tidy (self->scheduler);
}

/* It has nothing else to do. Returns when it is due again. An embedded one's program does this. */
static int64_t tidy (broker_t *self)
{
    if (self->exchange != NULL)
        return DP_NEVER;
    if (dp_tidy_is_due (&self->tidy, self->now_ms, scheduler_weight (self->scheduler))) {
        broker_tidy (self);
        dp_tidy_up (&self->tidy);
    }
    return dp_tidy_deadline_ms (&self->tidy);
}

int64_t broker_turn (broker_t *self)
{
    self->now_ms = dp_clock_ms ();
    if (self->gate != NULL)
        gate_answer (self->gate, self->now_ms);
    take_in (self);
    int64_t deadline_ms = forget_strangers (self);
    if (self->commons != NULL) {
        dp_sharing_totals_t shared = commons_totals (self->commons);
        scheduler_set_shared (self->scheduler, shared.n_taken, shared.n_lent);
    }
    int64_t tick_ms = scheduler_tick (self->scheduler, self->now_ms);
    bool is_lost = send_all (self);
    forget_dropped (self);
    is_lost |= look_after_suspects (self);
    log_events (self);
    if (is_lost || dp_watch_has_news (&self->mail)
        || (self->gate != NULL && dp_watch_has_news (gate_watch (self->gate))))
        return self->now_ms;
    if (tick_ms < deadline_ms)
        deadline_ms = tick_ms;
    int64_t tidy_ms = tidy (self);
    if (tidy_ms < deadline_ms)
        deadline_ms = tidy_ms;
    int64_t suspects_ms = self->monitor != NULL ? monitor_deadline_ms (self->monitor) : DP_NEVER;
    return suspects_ms < deadline_ms ? suspects_ms : deadline_ms;
}

void broker_stats (const broker_t *self, scheduler_stats_t *stats)
{
    scheduler_stats (self->scheduler, stats);
}

void broker_drain (broker_t *self)
{
    scheduler_drain (self->scheduler);
}

bool broker_is_drained (const broker_t *self)
{
    return scheduler_is_drained (self->scheduler);
}

void broker_shutdown (broker_t *self)
{
    self->now_ms = dp_clock_ms ();
    scheduler_shutdown (self->scheduler, self->now_ms);
    send_all (self);
    log_events (self);
    if (self->router != NULL)
        set_int (self->router, ZMQ_LINGER, GOODBYE_MS);
}
