/* SPDX-License-Identifier: MPL-2.0 */
/*
 * schedule.h - the virtual clock, and what happens next on it.
 *
 * Whatever acts in a simulation (a loop's turn, the head of a connection, a child process, a fault) is an
 * event that is in the schedule once or not at all, and is moved when it is to happen earlier or later.
 */
#ifndef SCHEDULE_H_INCLUDED
#define SCHEDULE_H_INCLUDED

#include "core/heap.h"

#include <stdbool.h>
#include <stdint.h>

/* Embedded in what acts. */
typedef struct sim_event_s {
    dp_heap_node_t in_schedule;
    void (*run) (void *owner);
    void *owner;
} sim_event_t;

typedef struct schedule_s {
    dp_heap_t heap;
    int64_t now_us;
    uint64_t n_events; /* that have happened */
} schedule_t;

void schedule_init (schedule_t *self, int64_t now_us);
void schedule_fini (schedule_t *self);

void event_init (sim_event_t *self, void (*run) (void *owner), void *owner);

/* Let it happen then (never in the past), wherever it stood before. */
void schedule_at (schedule_t *self, sim_event_t *event, int64_t at_us);
/* The same, unless it happens earlier already. */
void schedule_by (schedule_t *self, sim_event_t *event, int64_t at_us);
void schedule_cancel (schedule_t *self, sim_event_t *event);

/* Move the clock to the next event and let it happen. False: there is none. */
bool schedule_step (schedule_t *self);

static inline int64_t schedule_now_ms (const schedule_t *self)
{
    return self->now_us / 1000;
}

#endif
