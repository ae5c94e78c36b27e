/* SPDX-License-Identifier: MPL-2.0 */
/*
 * sharing.h - one connection's long payloads by shared memory, as docs/protocol.md has it: each side maps the
 * other's arena for reading, and what goes to it lies in the own one. Copied once a hop, so that each side
 * owns what it works with. Belongs to the connection's thread.
 *
 *   peer: HELLO (its machine) ──▶ broker: MEMORY (of nothing: it asks) ──▶ peer: MEMORY
 *     ──▶ broker maps: MEMORY (mapped) ──▶ peer maps: MEMORY (mapped)
 *
 * So nobody hears of a broker's memory who has not shown that he is of its user. Whoever has mapped and was
 * told "mapped" lends. Where something cannot be mapped nothing more is said, and
 * payloads go as frames.
 */
#ifndef DP_SHARING_H_INCLUDED
#define DP_SHARING_H_INCLUDED

#include "core/wire.h"
#include "net/arena.h"
#include "net/message.h"

typedef struct dp_sharing_s dp_sharing_t;

/* Payloads that went by shared memory so far: to peers, and from them. */
typedef struct dp_sharing_totals_s {
    uint64_t n_lent, n_taken;
} dp_sharing_totals_t;

/* Of a new connection. arena: what is lent lies there; inbox: where copies go; it holds both. totals: outlive
   it, are raised. NULL without an arena, memory or a counter: then nothing is shared. */
dp_sharing_t *dp_sharing_new (dp_arena_t *arena, dp_arena_t *inbox, dp_sharing_totals_t *totals);
/* The connection is over: what was lent is the lender's again. */
void dp_sharing_destroy (dp_sharing_t **self_p);

/* Write the MEMORY by which a broker asks a peer for its own. */
void dp_sharing_invite (dp_outbox_t *out, uint64_t to);
/* Write MEMORY: where the own arena is. */
void dp_sharing_announce (const dp_sharing_t *self, dp_outbox_t *out, uint64_t to);
/* The peer's MEMORY has come. What is to be answered is written. */
void dp_sharing_hear (dp_sharing_t *self, const wire_memory_t *memory, dp_outbox_t *out, uint64_t to);

/* A message is about to be sent: its frames become references where that can be. */
void dp_sharing_lend (dp_sharing_t *self, dp_outgoing_t *message);
/* The same, for a connection that shares nothing (self NULL), too. What comes behind it (or NULL) is lent
   ahead where the message is LARGE, since only then it is known whether that is still so. False: it is not,
   and the message is to be left out. */
bool dp_sharing_lend_ahead (dp_sharing_t *self, dp_outgoing_t *message, dp_outgoing_t *next);
/* Is there something lent that the peer has not copied yet? */
bool dp_sharing_is_lending (dp_sharing_t *self);
typedef enum dp_taking_e {
    DP_TAKING_DONE,
    /* Its lender has taken a payload back, or there is no memory for it. Others of this connection were read:
       so he may have had reason to, having given up the connection long ago. */
    DP_TAKING_LATE,
    /* This memory is not what was said of it. The next connection would end the same way if it shared. */
    DP_TAKING_UNREADABLE
} dp_taking_t;

/* A message has come: its references become copies of what they refer to. Unless that was done
   incoming->malformed says why, and the connection is to be ended. Where nothing is mapped, or self is NULL,
   a reference is no payload, and makes the message malformed as any other fault in it does: that is done
   then.
 */
dp_taking_t dp_sharing_take (dp_sharing_t *self, dp_incoming_t *incoming, uint64_t max_payload);

#endif
