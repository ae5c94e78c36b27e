/* SPDX-License-Identifier: MPL-2.0 */
/*
 * acks.h - how many results were taken over on a connection, and when its other side is to be told (R3).
 *
 * The count rides on every message. An ACK alone costs both sides as much as a result does, and nobody is in
 * a hurry for it: so it goes only when much is not acknowledged, or when nothing else came by for a while.
 * Pure.
 */
#ifndef DP_ACKS_H_INCLUDED
#define DP_ACKS_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ACKS_AFTER_MS = 5,
    ACKS_MOST_RESULTS = 64, /* not acknowledged */
    ACKS_MOST_BYTES = 16384 /* likewise: they count for somebody's room (R9) */
};

/* An all-zero struct is a new connection's. */
typedef struct dp_acks_s {
    uint64_t n_received, n_acked;
    uint64_t n_bytes; /* of those not acknowledged */
    int64_t since_ms; /* that there are some */
} dp_acks_t;

void dp_acks_take (dp_acks_t *self, int64_t now_ms, size_t len);

/* A message has left that carries n_received. */
void dp_acks_said (dp_acks_t *self);

/* When an ACK is to be sent if nothing else is: at once (0), at a time, or DP_NEVER. */
int64_t dp_acks_due_ms (const dp_acks_t *self);

#endif
