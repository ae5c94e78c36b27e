/* SPDX-License-Identifier: MPL-2.0 */
/*
 * connection.h - a DEALER to one broker, and the monitor that sees it break.
 *
 * It never reconnects by itself: what was in flight would be lost in silence. When it breaks,
 * dp_connection_is_broken tells, and whoever owns it opens it anew and says HELLO. Belongs to one thread at a
 * time, and goes to another behind a lock: so its sockets allow.
 */
#ifndef DP_CONNECTION_H_INCLUDED
#define DP_CONNECTION_H_INCLUDED

#include "net/arena.h"
#include "net/exchange.h"
#include "net/keys.h"
#include "net/message.h"

#include <poll.h>

typedef struct dp_connection_s dp_connection_t;

/* context: a ZeroMQ context that outlives it. NULL with ENOMEM. */
dp_connection_t *dp_connection_new (void *context);
/* One that goes by an exchange, which outlives it, whatever endpoint it is opened to. */
dp_connection_t *dp_connection_new_at (dp_exchange_t *exchange);
/* Encrypt, with these keys (copied), whatever is opened from now on. Not for one that goes by an exchange. */
void dp_connection_secure (dp_connection_t *self, const dp_keys_t *keys);

/* Let brokers that can, take long payloads from this arena, and put copies of theirs into the inbox: it holds
   both. NULL: all goes by the socket. Not for one that goes by an exchange. */
void dp_connection_share (dp_connection_t *self, dp_arena_t *arena, dp_arena_t *inbox);

void dp_connection_destroy (dp_connection_t **self_p);

/* Close what is open, then open a socket to the endpoint; where it has a name, once that was looked up. 0, or
   -1 with errno (EINVAL: not an endpoint). */
int dp_connection_open (dp_connection_t *self, const char *endpoint);

/* Close the socket; what was not sent within linger_ms is dropped (by ZeroMQ, in the background). */
void dp_connection_close (dp_connection_t *self, int linger_ms);
bool dp_connection_is_open (const dp_connection_t *self);

/* Read what the monitor says. True once the connection was lost, refused or rejected in its handshake. */
bool dp_connection_is_broken (dp_connection_t *self);

/* How far the last opened connection came: for errors that explain. */
typedef enum {
    DP_LOOKING_UP,  /* for the address of its name */
    DP_UNKNOWN,     /* there is no such name */
    DP_CONNECTING,  /* no TCP connection yet */
    DP_REFUSED,     /* nobody listens there */
    DP_CONNECTED,   /* TCP is up, ZeroMQ's handshake is not */
    DP_NOT_ZMQ,     /* it was up, but the handshake failed */
    DP_OTHER_WAY,   /* it speaks ZeroMQ, but encrypts where we do not, or the other way round */
    DP_KEY_UNKNOWN, /* it does not let our key in */
    DP_HANDSHAKEN   /* the peer speaks ZeroMQ */
} dp_reach_t;
dp_reach_t dp_connection_reach (const dp_connection_t *self);

#define DP_CONNECTION_POLL 2
/* Fill up to DP_CONNECTION_POLL items to poll; returns how many. */
size_t dp_connection_poll (const dp_connection_t *self, struct pollfd *items);
/* What the poll said of them: call it before anything else. Returns how many it looked at. */
size_t dp_connection_hear (dp_connection_t *self, const struct pollfd *items);

/* Has the peer still to copy what was sent by shared memory? It tells so by memory: no item tells of it. */
bool dp_connection_is_lending (const dp_connection_t *self);

/* Why it shares no memory any more with whomever it is opened to, static: what the broker lent was not where
   it said. Told once, else NULL. */
const char *dp_connection_take_complaint (dp_connection_t *self);

/* Is there something to receive that no item to poll tells of? Ask before each poll. */
bool dp_connection_has_mail (dp_connection_t *self);

/* As dp_incoming_receive. */
int dp_connection_receive (dp_connection_t *self, dp_incoming_t *message, uint64_t max_payload);

/* Send a message, or keep it until the peer can take it. Takes it (*message_p becomes NULL). What does not
   begin with HELLO on a new connection was meant for the one before, and is dropped. */
void dp_connection_push (dp_connection_t *self, dp_outgoing_t **message_p);

/* Send what was kept: call it each turn. 0, or -1 when the connection is of no more use (is_broken tells
 * too). */
int dp_connection_flush (dp_connection_t *self);

#endif
