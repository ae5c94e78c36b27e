/* SPDX-License-Identifier: MPL-2.0 */
/*
 * commons.h - the memory that a broker shares with the peers of its machine: whom it asks for theirs, and
 * with whom it has failed. Belongs to the broker's thread.
 */
#ifndef COMMONS_H_INCLUDED
#define COMMONS_H_INCLUDED

#include "broker/peers.h"

typedef struct commons_s commons_t;

/* peers: outlive it; what is shared with each is kept there. log: as the broker's, may be NULL. NULL with
   ENOMEM. Where no memory can be shared it shares none. */
commons_t *commons_new (peers_t *peers, void (*log) (const char *line));
void commons_destroy (commons_t **self_p);

/* Its HELLO was taken. Where it is of this machine it is asked for its memory: once a connection, and not if
   it was given up before. Those for whom there is no room are not asked, which is logged once. */
void commons_offer (commons_t *self, uint64_t connection, uint64_t id, uint64_t machine, dp_outbox_t *out);

/* A peer that has said HELLO says MEMORY. Nothing happens where it was not asked. */
void commons_hear (commons_t *self, uint64_t connection, const wire_memory_t *memory, dp_outbox_t *out);

/* A message has come, and has yet to be decoded: what it refers to is copied. False: what lay there could not
   be read, so the connection is to be ended, which is logged the first time. A peer whose memory is not as it
   says, or that has taken back what it lent several times, is given up, and that is logged: it is not asked
   again. */
bool commons_take (commons_t *self, int64_t now_ms, uint64_t connection, dp_incoming_t *incoming,
                   uint64_t max_payload);

/* So far. */
dp_sharing_totals_t commons_totals (const commons_t *self);

#endif
