/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/schedule.h"

#include "core/list.h"
#include "core/memory.h"

void schedule_init (schedule_t *self, int64_t now_us)
{
    *self = (schedule_t) { .now_us = now_us };
}

void schedule_fini (schedule_t *self)
{
    dp_heap_fini (&self->heap);
}

void event_init (sim_event_t *self, void (*run) (void *owner), void *owner)
{
    *self = (sim_event_t) { .run = run, .owner = owner };
}

void schedule_at (schedule_t *self, sim_event_t *event, int64_t at_us)
{
    if (at_us < self->now_us)
        at_us = self->now_us;
    if (dp_heap_push (&self->heap, &event->in_schedule, (uint64_t) at_us) < 0)
        dp_no_memory (sizeof *event);
}

void schedule_by (schedule_t *self, sim_event_t *event, int64_t at_us)
{
    if (event->in_schedule.place == 0 || (uint64_t) at_us < event->in_schedule.key)
        schedule_at (self, event, at_us);
}

void schedule_cancel (schedule_t *self, sim_event_t *event)
{
    dp_heap_remove (&self->heap, &event->in_schedule);
}

bool schedule_step (schedule_t *self)
{
    dp_heap_node_t *node = dp_heap_first (&self->heap);
    if (node == NULL)
        return false;
    sim_event_t *event = DP_CONTAINER (node, sim_event_t, in_schedule);
    dp_heap_remove (&self->heap, node);
    self->now_us = (int64_t) node->key;
    self->n_events++;
    event->run (event->owner);
    return true;
}
