/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/slot.h"

#include <stdatomic.h>

/* The gate: number (48 bits), count (15), closed (1). Numbers count the items of one worker. */
#define CLOSED UINT64_C (1)
#define MARK UINT64_C (0xfffe)
#define ONE_MARK UINT64_C (2)
enum { NUMBER_SHIFT = 16 };

bool slot_claim (slot_t *self, uint64_t number)
{
    uint64_t gate = atomic_load (&self->gate);
    for (;;) {
        if ((gate & CLOSED) && number >= atomic_load (&self->limit))
            return false;
        if (atomic_compare_exchange_weak (&self->gate, &gate,
                                          number << NUMBER_SHIFT | (gate & (MARK | CLOSED))))
            return true;
    }
}

/* A seqlock of one writer. Every store releases the one before it: a reader that sees a new word also sees
   that the version is odd or has changed. */
void slot_begin (slot_t *self, uint64_t number, int64_t now_ms)
{
    uint64_t version = atomic_load_explicit (&self->version, memory_order_relaxed);
    atomic_store_explicit (&self->version, version + 1, memory_order_relaxed);
    atomic_store_explicit (&self->number, number, memory_order_release);
    atomic_store_explicit (&self->started_at_ms, now_ms, memory_order_release);
    slot_progress (self, 0, 0);
    atomic_store_explicit (&self->version, version + 2, memory_order_release);
}

void slot_progress (slot_t *self, uint64_t done, uint64_t steps)
{
    if (atomic_load_explicit (&self->done, memory_order_relaxed) != done)
        atomic_store_explicit (&self->done, done, memory_order_release);
    if (atomic_load_explicit (&self->steps, memory_order_relaxed) != steps)
        atomic_store_explicit (&self->steps, steps, memory_order_release);
}

bool slot_is_cancelled (slot_t *self, uint64_t serial)
{
    return serial != 0 && atomic_load (&self->cancelled) == serial;
}

void slot_open_gate (slot_t *self, uint64_t mark)
{
    uint64_t gate = atomic_load (&self->gate);
    while ((gate & MARK) == mark && !atomic_compare_exchange_weak (&self->gate, &gate, gate & ~CLOSED))
        ;
}

bool slot_read (slot_t *self, bool is_dead, slot_view_t *view)
{
    enum { TRIES = 16 };
    for (int i = 0; i < TRIES; i++) {
        uint64_t version = atomic_load_explicit (&self->version, memory_order_acquire);
        view->number = atomic_load_explicit (&self->number, memory_order_acquire);
        view->started_at_ms = atomic_load_explicit (&self->started_at_ms, memory_order_acquire);
        view->done = atomic_load_explicit (&self->done, memory_order_acquire);
        view->steps = atomic_load_explicit (&self->steps, memory_order_acquire);
        if (is_dead) {
            uint64_t claimed = atomic_load (&self->gate) >> NUMBER_SHIFT;
            if (claimed != view->number)
                *view = (slot_view_t) { .number = claimed, .started_at_ms = view->started_at_ms };
            return true;
        }
        if (version % 2 == 0 && version == atomic_load_explicit (&self->version, memory_order_relaxed))
            return true;
    }
    return false;
}

void slot_cancel (slot_t *self, uint64_t serial)
{
    atomic_store (&self->cancelled, serial);
}

uint64_t slot_take_back (slot_t *self, uint64_t number, uint64_t *mark)
{
    uint64_t gate = atomic_load (&self->gate), closed, limit;
    do {
        /* While it is closed the limit can only sink, or what was taken back before would run. */
        limit = atomic_load (&self->limit);
        if (!(gate & CLOSED) || number < limit)
            limit = number;
        atomic_store (&self->limit, limit);
        *mark = (gate + ONE_MARK) & MARK;
        closed = (gate & ~(MARK | CLOSED)) | *mark | CLOSED;
    } while (!atomic_compare_exchange_weak (&self->gate, &gate, closed));
    uint64_t claimed = gate >> NUMBER_SHIFT;
    return limit > claimed ? limit : claimed + 1;
}
