/* SPDX-License-Identifier: MPL-2.0 */
#include "core/acks.h"

#include "core/link.h"

void dp_acks_take (dp_acks_t *self, int64_t now_ms, size_t len)
{
    if (self->n_acked == self->n_received)
        self->since_ms = now_ms;
    self->n_received++;
    self->n_bytes += len;
}

void dp_acks_said (dp_acks_t *self)
{
    self->n_acked = self->n_received;
    self->n_bytes = 0;
}

int64_t dp_acks_due_ms (const dp_acks_t *self)
{
    uint64_t n = self->n_received - self->n_acked;
    if (n == 0)
        return DP_NEVER;
    return n >= ACKS_MOST_RESULTS || self->n_bytes >= ACKS_MOST_BYTES ? 0 : self->since_ms + ACKS_AFTER_MS;
}
