/* SPDX-License-Identifier: MPL-2.0 */
/*
 * peers.h - which connection a routing id stands for.
 *
 * The scheduler knows connections as numbers that are never used twice; ZeroMQ knows them as routing ids, and
 * says that one is gone only by its file descriptor. This table joins the three. It is bounded: a peer that
 * has not said HELLO is a stranger, and the oldest stranger makes room for a new one. Belongs to one thread.
 */
#ifndef PEERS_H_INCLUDED
#define PEERS_H_INCLUDED

#include "net/sharing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct peers_s peers_t;

/* A table for at most so many connections. NULL with ENOMEM. */
peers_t *peers_new (size_t most);
void peers_destroy (peers_t **self_p);

/* The connection of a message with this routing id, that came by this descriptor (-1 = unknown) with this key
   ("" = none; at most PEERS_OWNER characters). A new one gets a new number, from 1. 0 when there is no room
   or no memory: the message is to be ignored. *gone is the connection that is forgotten because of this one,
   else 0: the oldest stranger, or the one that had this routing id on another descriptor or with another key.
 */
#define PEERS_OWNER 40
uint64_t peers_meet (peers_t *self, int64_t now_ms, const void *routing_id, size_t len, int fd,
                     const char *owner, uint64_t *gone);

/* The connection has said HELLO: it is no stranger any more. Harmless for unknown ones. */
void peers_greet (peers_t *self, uint64_t connection);

/* It has not said HELLO, as far as is known. */
bool peers_is_stranger (const peers_t *self, uint64_t connection);

/* Where to send to it; NULL when it is unknown. Borrowed until the next call that changes the table. */
const uint8_t *peers_routing_id (const peers_t *self, uint64_t connection, size_t *len);

/* The descriptor on which it was heard last; -1 = unknown. */
int peers_fd (const peers_t *self, uint64_t connection);

/* What is shared with it, and the id by which the peer is known on any connection. To set it takes it; where
   the connection is unknown it ends at once. NULL and 0 = nothing is. */
void peers_share (peers_t *self, uint64_t connection, uint64_t id, dp_sharing_t **sharing_p);
dp_sharing_t *peers_sharing (const peers_t *self, uint64_t connection);
uint64_t peers_sharer (const peers_t *self, uint64_t connection);

/* Harmless for unknown ones. */
void peers_forget (peers_t *self, uint64_t connection);

/* The connections that have said HELLO and were last heard on this descriptor: how many; at most "most" are
   stored. */
size_t peers_on_fd (const peers_t *self, int fd, uint64_t *connections, size_t most);

/* Something that a peer does not say came by this descriptor, and so much does it weigh: what all of it
   weighs since peers_absolve. 0 where it cannot be counted. */
unsigned peers_blame (peers_t *self, int fd, unsigned weight);
/* The descriptor's connection is gone: whoever has its number next is another. */
void peers_absolve (peers_t *self, int fd);

/* The longest known stranger and when it was met; 0 when there is none. */
uint64_t peers_first_stranger (const peers_t *self, int64_t *met_at_ms);

size_t peers_count (const peers_t *self);

#endif
