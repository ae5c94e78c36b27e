/* SPDX-License-Identifier: MPL-2.0 */
/* crew_child.c - one place for a child, and what it has in hand. */
#include "worker/crew_internal.h"

#include "core/memory.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

static size_t *count_of (crew_pool_t *pool, crew_child_state_t state)
{
    switch (state) {
    case CHILD_STARTING:
        return &pool->n_starting;
    case CHILD_IDLE:
        return &pool->n_idle;
    case CHILD_BUSY:
        return &pool->n_busy;
    default:
        return NULL;
    }
}

void crew_child_set_state (crew_child_t *self, crew_child_state_t state)
{
    crew_pool_t *pool = self->pool;
    assert (pool != NULL);
    size_t *old = count_of (pool, self->state), *new = count_of (pool, state);
    if (old)
        --*old;
    if (new)
        ++*new;
    pool->n_children += (state != CHILD_EMPTY) - (size_t) (self->state != CHILD_EMPTY);
    self->state = state;
    dp_list_remove (&self->in_pool);
    if (state == CHILD_IDLE)
        dp_list_prepend (&pool->idle, &self->in_pool); /* the one that worked last has warm caches */
    else if (state == CHILD_BUSY)
        dp_list_append (&pool->busy, &self->in_pool);
}

static crew_child_t *new_place (crew_t *crew)
{
    crew_child_t *child = dp_must_alloc (sizeof *child);
    child->place = crew->n_places;
    crew->places[crew->n_places++] = child;
    dp_list_init (&child->in_pool);
    dp_list_init (&child->runs);
    return child;
}

crew_child_t *crew_child_vacant (crew_t *crew)
{
    dp_list_t *node = dp_list_pop (&crew->vacant);
    if (node)
        return DP_CONTAINER (node, crew_child_t, in_pool);
    return crew->n_places < CREW_MAX_PLACES ? new_place (crew) : NULL;
}

void crew_child_start (crew_t *crew, crew_child_t *self, crew_pool_t *pool)
{
    self->pool = pool;
    self->pid = 0;
    self->n_items = 0;
    self->n_take_backs = 0;
    self->kill = KILL_NONE;
    self->is_doomed = self->is_killed = false;
    self->kill_at_ms = 0;
    memset (&self->slot, 0, sizeof self->slot);
    crew_child_set_state (self, CHILD_STARTING);
    crew_want_start (crew, self->place, &pool->session);
}

void crew_child_hand (crew_t *crew, int64_t now_ms, crew_child_t *self, crew_run_t *run)
{
    crew_run_unqueue (crew, run);
    run->state = RUN_RUNNING;
    run->child = self;
    run->serial = crew->last_number + 1;
    crew->last_number += run->n_items;
    if (self->n_runs++ == 0)
        crew->n_working++;
    dp_list_append (&self->runs, &run->in_queue);
    self->n_items += run->n_items;
    self->pool->progress_at_ms = now_ms;
    self->pool->n_handed_back = 0;
    crew_child_set_state (self, CHILD_BUSY);
    crew_want_hand (crew, self->place, run);
}

bool crew_child_is_used_up (const crew_child_t *self)
{
    return self->pool->max_tasks > 0 && self->n_items >= self->pool->max_tasks;
}

void crew_child_settle (crew_t *crew, int64_t now_ms, crew_child_t *self)
{
    if (self->state != CHILD_BUSY || self->n_runs > 0 || self->n_take_backs > 0)
        return;
    if (self->is_doomed || crew_child_is_used_up (self) || self->pool->is_ended)
        crew_child_end (crew, now_ms, self);
    else
        crew_child_set_state (self, CHILD_IDLE);
}

void crew_child_end (crew_t *crew, int64_t now_ms, crew_child_t *self)
{
    if (self->state == CHILD_ENDING)
        return;
    crew_child_set_state (self, CHILD_ENDING);
    self->kill_at_ms = now_ms + crew->cancel_grace_ms;
    crew_want_place (crew, CREW_END, self->place, 0, 0);
}

void crew_child_take_back (crew_t *crew, crew_child_t *self, uint64_t number)
{
    self->n_take_backs++;
    crew_want_place (crew, CREW_TAKE_BACK, self->place, number, 0);
}

void crew_child_kill (crew_t *crew, crew_child_t *self, crew_kill_t why, int signal)
{
    if (self->is_killed || (self->is_doomed && signal != SIGKILL))
        return;
    crew_run_t *run = crew_child_current (self);
    if (!self->is_doomed) {
        if (run && run->in_queue.next != &self->runs) /* the innocent behind it */
            crew_child_take_back (crew, self,
                                  DP_CONTAINER (run->in_queue.next, crew_run_t, in_queue)->serial);
        self->kill = why;
        self->kill_number = 0;
        if (run)
            self->kill_number = crew_run_has (run, self->slot.number) ? self->slot.number : run->serial;
    }
    self->is_doomed = true;
    self->is_killed = signal == SIGKILL;
    crew_want_place (crew, CREW_SIGNAL, self->place, run ? run->serial : 0, signal);
}
