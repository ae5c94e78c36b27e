/* SPDX-License-Identifier: MPL-2.0 */
/*
 * exchange.h - how broker, worker and client of an embedded pool, which share one thread, hand messages to
 * one another: whole, without a socket. It loses nothing and never breaks. Belongs to that thread.
 */
#ifndef DP_EXCHANGE_H_INCLUDED
#define DP_EXCHANGE_H_INCLUDED

#include "core/wire.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct dp_exchange_s dp_exchange_t;

/* NULL with ENOMEM. */
dp_exchange_t *dp_exchange_new (void);
void dp_exchange_destroy (dp_exchange_t **self_p);

/* ---- A peer's side ---- */

/* Its number, from 1, which no other will have. 0 with ENOMEM. */
uint64_t dp_exchange_join (dp_exchange_t *self);

/* What is on its way to it is dropped. Harmless for who has left. */
void dp_exchange_leave (dp_exchange_t *self, uint64_t peer);

/* Hand a message to the broker. Takes it (*message_p becomes NULL). */
void dp_exchange_submit (dp_exchange_t *self, uint64_t peer, dp_outgoing_t **message_p);

/* The oldest message for this peer; NULL = none. The caller owns it. */
dp_outgoing_t *dp_exchange_collect (dp_exchange_t *self, uint64_t peer);
bool dp_exchange_has_mail (const dp_exchange_t *self, uint64_t peer);

/* ---- The broker's side ---- */

/* The oldest message of any peer, and whose it is; NULL = none. The caller owns it. */
dp_outgoing_t *dp_exchange_next (dp_exchange_t *self, uint64_t *peer);
bool dp_exchange_has_next (const dp_exchange_t *self);

/* Hand a message to the peer that it is for. Takes it. 0, or -1 when that one has left. */
int dp_exchange_deliver (dp_exchange_t *self, dp_outgoing_t **message_p);

#endif
