/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/slot.h"

#include <stdatomic.h>

/* The gate: serial (48 bits), count (15), closed (1). Serials count the runs of one worker. */
#define CLOSED UINT64_C (1)
#define MARK UINT64_C (0xfffe)
#define ONE_MARK UINT64_C (2)
enum { SERIAL_SHIFT = 16 };

bool slot_claim (slot_t *self, uint64_t serial)
{
    uint64_t gate = atomic_load (&self->gate);
    for (;;) {
        if ((gate & CLOSED) && serial >= atomic_load (&self->limit))
            return false;
        if (atomic_compare_exchange_weak (&self->gate, &gate,
                                          serial << SERIAL_SHIFT | (gate & (MARK | CLOSED))))
            return true;
    }
}

void slot_begin (slot_t *self, uint64_t serial, uint64_t item, int64_t now_ms)
{
    uint64_t version = atomic_load (&self->version);
    atomic_store (&self->version, version + 1);
    atomic_store (&self->serial, serial);
    atomic_store (&self->item, item);
    atomic_store (&self->started_at_ms, now_ms);
    slot_progress (self, 0, 0);
    atomic_store (&self->version, version + 2);
}

void slot_progress (slot_t *self, uint64_t done, uint64_t steps)
{
    if (atomic_load (&self->done) != done)
        atomic_store (&self->done, done);
    if (atomic_load (&self->steps) != steps)
        atomic_store (&self->steps, steps);
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
        uint64_t version = atomic_load (&self->version);
        view->serial = atomic_load (&self->serial);
        view->item = atomic_load (&self->item);
        view->started_at_ms = atomic_load (&self->started_at_ms);
        view->done = atomic_load (&self->done);
        view->steps = atomic_load (&self->steps);
        if (is_dead) {
            uint64_t claimed = atomic_load (&self->gate) >> SERIAL_SHIFT;
            if (claimed != view->serial)
                *view = (slot_view_t) { .serial = claimed, .started_at_ms = view->started_at_ms };
            return true;
        }
        if (version % 2 == 0 && version == atomic_load (&self->version))
            return true;
    }
    return false;
}

void slot_cancel (slot_t *self, uint64_t serial)
{
    atomic_store (&self->cancelled, serial);
}

uint64_t slot_take_back (slot_t *self, uint64_t serial, uint64_t *mark)
{
    uint64_t gate = atomic_load (&self->gate), closed, limit;
    do {
        /* While it is closed the limit can only sink, or what was taken back before would run. */
        limit = atomic_load (&self->limit);
        if (!(gate & CLOSED) || serial < limit)
            limit = serial;
        atomic_store (&self->limit, limit);
        *mark = (gate + ONE_MARK) & MARK;
        closed = (gate & ~(MARK | CLOSED)) | *mark | CLOSED;
    } while (!atomic_compare_exchange_weak (&self->gate, &gate, closed));
    uint64_t claimed = gate >> SERIAL_SHIFT;
    return limit > claimed ? limit : claimed + 1;
}
