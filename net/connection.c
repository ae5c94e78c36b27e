/* SPDX-License-Identifier: MPL-2.0 */
#include "net/connection.h"

#include "core/memory.h"
#include "net/address.h"
#include "net/lookup.h"
#include "net/sharing.h"
#include "net/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct dp_connection_s {
    dp_exchange_t *exchange; /* NULL: by a socket */
    uint64_t peer;           /* our number there; 0 while closed */
    void *context;
    dp_keys_t keys; /* where is_secure */
    bool is_secure;
    void *socket;              /* NULL while closed */
    void *monitor;             /* likewise */
    dp_watch_t mail, events;   /* of the two */
    dp_lookup_t *lookup;       /* of the endpoint's name; kept while its name server is silent */
    bool is_looking_up;        /* and the socket is to be connected then */
    size_t address;            /* which of those that the name has: the next one after a failure */
    dp_outbox_t kept;          /* not sent yet, oldest first */
    dp_arena_t *arena, *inbox; /* NULL: nothing is shared */
    dp_sharing_t *sharing;     /* with the broker, once it has asked for it; else NULL */
    dp_sharing_totals_t totals;
    bool is_given_up; /* what it lent could not be read: nothing is shared any more */
    const char *complaint;
    dp_reach_t reach;
    bool is_broken, is_greeted; /* greeted: HELLO was written on this socket */
    bool is_writable;           /* it is up */
};

enum {
    CONNECT_TIMEOUT_MS = 2000,
    KEEPALIVE_IDLE_S = 10,
    KEEPALIVE_EVERY_S = 5,
    MAX_RETRANSMIT_MS = 20000,
    MEMORIES_A_TURN = 8
};

dp_connection_t *dp_connection_new (void *context)
{
    dp_connection_t *self = dp_alloc (sizeof *self);
    if (self != NULL)
        self->context = context;
    return self;
}

dp_connection_t *dp_connection_new_at (dp_exchange_t *exchange)
{
    dp_connection_t *self = dp_connection_new (NULL);
    if (self != NULL)
        self->exchange = exchange;
    return self;
}

void dp_connection_secure (dp_connection_t *self, const dp_keys_t *keys)
{
    self->keys = *keys;
    self->is_secure = true;
}

void dp_connection_share (dp_connection_t *self, dp_arena_t *arena, dp_arena_t *inbox)
{
    self->arena = dp_arena_hold (arena);
    self->inbox = dp_arena_hold (inbox);
}

void dp_connection_destroy (dp_connection_t **self_p)
{
    if (*self_p == NULL)
        return;
    dp_connection_close (*self_p, 0);
    dp_lookup_drop (&(*self_p)->lookup);
    dp_arena_release (&(*self_p)->arena);
    dp_arena_release (&(*self_p)->inbox);
    explicit_bzero (&(*self_p)->keys, sizeof (*self_p)->keys);
    dp_free (*self_p);
    *self_p = NULL;
}

static void set_int (void *socket, int option, int value)
{
    zmq_setsockopt (socket, option, &value, sizeof value);
}

static void set_options (void *socket)
{
    set_int (socket, ZMQ_LINGER, 0);
    set_int (socket, ZMQ_RECONNECT_IVL, -1);
    set_int (socket, ZMQ_IMMEDIATE, 1);
    set_int (socket, ZMQ_SNDHWM, 0); /* the windows bound what is under way, in tasks and bytes */
    set_int (socket, ZMQ_RCVHWM, 0);
    set_int (socket, ZMQ_IPV6, 1);
    set_int (socket, ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS);
    set_int (socket, ZMQ_TCP_KEEPALIVE, 1);
    set_int (socket, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S);
    set_int (socket, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_EVERY_S);
    set_int (socket, ZMQ_TCP_MAXRT, MAX_RETRANSMIT_MS);
}

/* The monitor must be there before the connect, or the first events are missed. */
static int open_monitor (dp_connection_t *self)
{
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "inproc://dpool-monitor-%p", self->socket);
    int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED
                 | ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
                 | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    if (zmq_socket_monitor (self->socket, endpoint, events) < 0)
        return -1;
    self->monitor = zmq_socket (self->context, ZMQ_PAIR);
    if (self->monitor == NULL)
        return -1;
    set_int (self->monitor, ZMQ_LINGER, 0);
    if (dp_watch_begin (&self->events, self->monitor) < 0)
        return -1;
    return zmq_connect (self->monitor, endpoint);
}

/* The address of the name, for now: the next connection asks again. */
static int look_up (dp_connection_t *self, const char *endpoint)
{
    if (self->lookup != NULL && !dp_lookup_is_of (self->lookup, endpoint))
        dp_lookup_drop (&self->lookup);
    if (self->lookup == NULL)
        self->lookup = dp_lookup_new (endpoint);
    self->is_looking_up = self->lookup != NULL;
    self->reach = DP_LOOKING_UP;
    return self->is_looking_up ? 0 : -1;
}

static int open_socket (dp_connection_t *self, const char *endpoint)
{
    self->socket = zmq_socket (self->context, ZMQ_DEALER);
    if (self->socket == NULL)
        return -1;
    set_options (self->socket);
    self->is_writable = false;
    if ((self->is_secure && dp_keys_apply (&self->keys, self->socket) < 0)
        || dp_watch_begin (&self->mail, self->socket) < 0 || open_monitor (self) < 0
        || zmq_connect (self->socket, endpoint) < 0) {
        int code = errno;
        dp_connection_close (self, 0);
        errno = code;
        return -1;
    }
    self->reach = DP_CONNECTING;
    return 0;
}

static int join (dp_connection_t *self)
{
    self->peer = dp_exchange_join (self->exchange);
    self->is_greeted = false;
    self->reach = DP_HANDSHAKEN;
    return self->peer != 0 ? 0 : -1;
}

int dp_connection_open (dp_connection_t *self, const char *endpoint)
{
    dp_connection_close (self, 0);
    if (self->exchange != NULL)
        return join (self);
    if (dp_address_fault (endpoint) != NULL) {
        errno = EINVAL;
        return -1;
    }
    self->is_broken = self->is_greeted = false;
    if (self->reach != DP_HANDSHAKEN && self->reach != DP_LOOKING_UP)
        self->address++;
    return dp_lookup_is_needed (endpoint) ? look_up (self, endpoint) : open_socket (self, endpoint);
}

void dp_connection_close (dp_connection_t *self, int linger_ms)
{
    dp_outbox_fini (&self->kept);
    dp_sharing_destroy (&self->sharing);
    self->is_looking_up = false;
    if (self->peer != 0)
        dp_exchange_leave (self->exchange, self->peer);
    self->peer = 0;
    if (self->monitor != NULL) {
        zmq_socket_monitor (self->socket, NULL, 0);
        zmq_close (self->monitor);
        self->monitor = NULL;
    }
    if (self->socket != NULL) {
        set_int (self->socket, ZMQ_LINGER, linger_ms);
        zmq_close (self->socket);
        self->socket = NULL;
    }
}

bool dp_connection_is_open (const dp_connection_t *self)
{
    return self->socket != NULL || self->is_looking_up || self->peer != 0;
}

/* The name is known now, or known to be none. */
static void end_lookup (dp_connection_t *self)
{
    char endpoint[DP_LOOKUP_ENDPOINT_MAX];
    dp_lookup_state_t state = dp_lookup_state (self->lookup);
    if (state == LOOKUP_PENDING)
        return;
    self->is_looking_up = false;
    if (state == LOOKUP_FOUND)
        dp_lookup_endpoint (self->lookup, self->address, endpoint);
    dp_lookup_drop (&self->lookup);
    if (state == LOOKUP_UNKNOWN)
        self->reach = DP_UNKNOWN;
    self->is_broken = state == LOOKUP_UNKNOWN || open_socket (self, endpoint) < 0;
}

/* Why the handshake failed, where that was told: the end of the connection, which comes behind it, says less.
 */
static void note_failure (dp_connection_t *self, uint16_t event, uint32_t value)
{
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        self->reach = DP_KEY_UNKNOWN;
    else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
             && value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
        self->reach = DP_OTHER_WAY;
    else if (self->reach == DP_CONNECTED)
        self->reach = DP_NOT_ZMQ;
}

static void note_event (dp_connection_t *self, uint16_t event, uint32_t value)
{
    switch (event) {
    case ZMQ_EVENT_CONNECTED:
        self->reach = DP_CONNECTED;
        return;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        self->reach = DP_HANDSHAKEN;
        return;
    case ZMQ_EVENT_CLOSED:
    case ZMQ_EVENT_CONNECT_RETRIED:
        if (self->reach == DP_CONNECTING)
            self->reach = DP_REFUSED;
        break;
    default: /* disconnected, or the handshake failed */
        note_failure (self, event, value);
        break;
    }
    self->is_broken = true;
}

bool dp_connection_is_broken (dp_connection_t *self)
{
    if (self->is_looking_up)
        end_lookup (self);
    while (self->monitor != NULL && self->events.has_news) {
        zmq_msg_t frame;
        zmq_msg_init (&frame);
        if (zmq_msg_recv (&frame, self->monitor, ZMQ_DONTWAIT) < 0) {
            bool is_interrupted = errno == EINTR;
            zmq_msg_close (&frame);
            if (!is_interrupted)
                dp_watch_emptied (&self->events);
            continue;
        }
        uint16_t event = 0;
        uint32_t value = 0;
        if (zmq_msg_size (&frame) >= sizeof event + sizeof value) {
            memcpy (&event, zmq_msg_data (&frame), sizeof event);
            memcpy (&value, (uint8_t *) zmq_msg_data (&frame) + sizeof event, sizeof value);
        }
        bool has_address = zmq_msg_more (&frame);
        zmq_msg_close (&frame);
        if (has_address) {
            zmq_msg_init (&frame);
            zmq_msg_recv (&frame, self->monitor, 0);
            zmq_msg_close (&frame);
        }
        note_event (self, event, value);
    }
    return self->is_broken;
}

dp_reach_t dp_connection_reach (const dp_connection_t *self)
{
    return self->reach;
}

size_t dp_connection_poll (const dp_connection_t *self, struct pollfd *items)
{
    size_t n_items = 0;
    if (self->is_looking_up)
        items[n_items++] = (struct pollfd) { dp_lookup_fd (self->lookup), POLLIN, 0 };
    if (self->socket != NULL)
        items[n_items++] = dp_watch_item (&self->mail);
    if (self->monitor != NULL && !self->is_broken)
        items[n_items++] = dp_watch_item (&self->events);
    return n_items;
}

size_t dp_connection_hear (dp_connection_t *self, const struct pollfd *items)
{
    size_t n_items = self->is_looking_up ? 1 : 0;
    if (self->socket != NULL)
        dp_watch_hear (&self->mail, &items[n_items++]);
    if (self->monitor != NULL && !self->is_broken)
        dp_watch_hear (&self->events, &items[n_items++]);
    return n_items;
}

bool dp_connection_is_lending (const dp_connection_t *self)
{
    return self->sharing != NULL && dp_sharing_is_lending (self->sharing);
}

const char *dp_connection_take_complaint (dp_connection_t *self)
{
    const char *complaint = self->complaint;
    self->complaint = NULL;
    return complaint;
}

bool dp_connection_has_mail (dp_connection_t *self)
{
    if (self->peer != 0)
        return dp_exchange_has_mail (self->exchange, self->peer);
    return self->socket != NULL && dp_watch_has_news (&self->mail);
}

static int collect (dp_connection_t *self, dp_incoming_t *message)
{
    dp_outgoing_t *collected = dp_exchange_collect (self->exchange, self->peer);
    if (collected == NULL)
        return 0;
    dp_incoming_take (message, collected);
    return 1;
}

static void hear_memory (dp_connection_t *self, const wire_memory_t *memory)
{
    if (self->sharing == NULL && !self->is_given_up)
        self->sharing = dp_sharing_new (self->arena, self->inbox, &self->totals);
    if (self->sharing != NULL)
        dp_sharing_hear (self->sharing, memory, &self->kept, 0);
}

/* Copy what the message refers to. 0, or -1 with errno when that cannot be: the connection is of no more use.
 */
static int take_payloads (dp_connection_t *self, dp_incoming_t *message, uint64_t max_payload)
{
    dp_taking_t taking = DP_TAKING_DONE;
    if (message->malformed == NULL)
        taking = dp_sharing_take (self->sharing, message, max_payload);
    if (taking == DP_TAKING_DONE)
        return 0;
    if (taking == DP_TAKING_UNREADABLE) {
        self->is_given_up = true;
        self->complaint = message->malformed;
    }
    self->is_broken = true;
    errno = EPROTO;
    return -1;
}

/* 1, 0 or -1, as dp_connection_receive; 2: it was for us, and is dealt with. */
static int receive (dp_connection_t *self, dp_incoming_t *message, uint64_t max_payload)
{
    int rc = dp_incoming_fetch (message, self->socket, false, max_payload);
    if (rc == 0)
        dp_watch_emptied (&self->mail);
    if (rc <= 0)
        return rc;
    if (take_payloads (self, message, max_payload) < 0) {
        dp_incoming_fini (message);
        return -1;
    }
    dp_incoming_decode (message);
    if (message->malformed != NULL || message->message.kind != WIRE_MEMORY)
        return 1;
    hear_memory (self, &message->message.memory);
    dp_incoming_fini (message);
    return 2;
}

int dp_connection_receive (dp_connection_t *self, dp_incoming_t *message, uint64_t max_payload)
{
    if (self->peer != 0)
        return collect (self, message);
    int rc = 2;
    /* What is left when there are more of our own than a broker has reason to send is for the next turn. */
    for (int i = 0; i < MEMORIES_A_TURN && rc == 2; i++)
        rc = self->socket != NULL && self->mail.has_news ? receive (self, message, max_payload) : 0;
    return rc == 2 ? 0 : rc;
}

void dp_connection_push (dp_connection_t *self, dp_outgoing_t **message_p)
{
    dp_outgoing_t *message = *message_p;
    *message_p = NULL;
    if (!dp_connection_is_open (self) || (!self->is_greeted && message->kind != WIRE_HELLO)) {
        dp_outgoing_destroy (&message);
        return;
    }
    self->is_greeted = true;
    if (self->peer != 0)
        dp_exchange_submit (self->exchange, self->peer, &message);
    else
        dp_outbox_put (&self->kept, message);
}

/* Not before the connection is up, since ZMQ_IMMEDIATE holds sends back until then; once it is, a send fails
   only when it broke. */
static bool can_send (dp_connection_t *self)
{
    int events = 0;
    size_t len = sizeof events;
    if (self->is_writable)
        return true;
    self->is_writable
        = zmq_getsockopt (self->socket, ZMQ_EVENTS, &events, &len) == 0 && (events & ZMQ_POLLOUT) != 0;
    dp_watch_used (&self->mail);
    return self->is_writable;
}

/* 0, or -1 when the connection is of no more use. */
static int send_message (dp_connection_t *self, dp_outgoing_t *message)
{
    if (!dp_sharing_lend_ahead (self->sharing, message, message->next))
        return 0;
    dp_watch_used (&self->mail);
    return dp_outgoing_send (message, self->socket, NULL, 0);
}

int dp_connection_flush (dp_connection_t *self)
{
    while (self->socket != NULL && !self->is_broken && self->kept.first != NULL) {
        if (!can_send (self))
            return 0;
        if (send_message (self, self->kept.first) < 0) {
            self->is_broken = true;
            break;
        }
        dp_outgoing_t *sent = dp_outbox_take (&self->kept);
        dp_outgoing_destroy (&sent);
    }
    return self->is_broken ? -1 : 0;
}
