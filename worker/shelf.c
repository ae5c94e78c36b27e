/* SPDX-License-Identifier: MPL-2.0 */
/* shelf.c - the child's side. */
#include "worker/shelf.h"

#include <stdatomic.h>

enum { BITS = 64 };

/* What was given back meanwhile. */
static void collect (shelf_t *self)
{
    for (size_t i = 0; i < SHELF_WORDS && i * BITS < self->ranges.n_units; i++) {
        if (atomic_load_explicit (&self->shared->returned[i], memory_order_relaxed) == 0)
            continue;
        uint64_t word = atomic_exchange (&self->shared->returned[i], 0);
        for (; word != 0; word &= word - 1)
            dp_ranges_give_back (&self->ranges, i * BITS + (size_t) __builtin_ctzll (word));
    }
}

static uint8_t *take (void *context, size_t len, size_t *capacity)
{
    shelf_t *self = context;
    if (self->is_closed || len > self->segment.len || atomic_load (&self->shared->is_retired) != 0)
        return NULL;
    size_t n_units = (len + DP_SEGMENT_UNIT - 1) / DP_SEGMENT_UNIT;
    *capacity = n_units * DP_SEGMENT_UNIT;
    collect (self);
    size_t first = dp_ranges_take (&self->ranges, n_units);
    if (first == DP_RANGES_NONE)
        return NULL;
    if (dp_segment_back (&self->segment, first * DP_SEGMENT_UNIT, *capacity) == 0)
        return self->segment.data + first * DP_SEGMENT_UNIT;
    dp_ranges_give_back (&self->ranges, first);
    return NULL;
}

static void give_back (void *context, const uint8_t *block)
{
    shelf_t *self = context;
    size_t at = (size_t) (block - self->segment.data);
    if (self->is_closed)
        return;
    size_t n_units = dp_ranges_give_back (&self->ranges, at / DP_SEGMENT_UNIT);
    dp_segment_strip (&self->segment, at, n_units * DP_SEGMENT_UNIT);
}

int shelf_init (shelf_t *self, shelf_shared_t *shared, void *memory, size_t at, int fd)
{
    self->shared = shared;
    self->segment = (dp_segment_t) { .data = (uint8_t *) memory + at,
                                     .len = (size_t) shared->len,
                                     .offset = at,
                                     .fd = fd,
                                     .kept = SHELF_KEPT };
    self->source = (dp_buffer_source_t) { take, give_back, self };
    return dp_ranges_init (&self->ranges, self->segment.len / DP_SEGMENT_UNIT);
}

bool shelf_hand_over (shelf_t *self, dp_buffer_t *buffer, shelf_spot_t *spot)
{
    if (!buffer->is_lent)
        return false;
    *spot = (shelf_spot_t) { (uint64_t) (buffer->data - self->segment.data), buffer->len };
    *buffer = (dp_buffer_t) { .source = buffer->source };
    return true;
}
