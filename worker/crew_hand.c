/* SPDX-License-Identifier: MPL-2.0 */
/* crew_hand.c - which run goes to which child when, and how much to ask of the broker. */
#include "worker/crew_internal.h"

/* ---- Measuring --------------------------------------------------------------------------------- */

void crew_learn (crew_t *self, uint64_t run_us)
{
    if (run_us > INT64_MAX)
        return;
    if (!self->is_measured)
        self->mean_us = run_us;
    else
        self->mean_us
            = (uint64_t) ((int64_t) self->mean_us + ((int64_t) run_us - (int64_t) self->mean_us) / 8);
    self->is_measured = true;
}

/* Are runs so short that a child should have its next one before it asks for it? Only where another child
   could have it instead. */
static bool hands_ahead (const crew_t *self)
{
    return self->is_measured && self->mean_us < CREW_SHORT_US && self->processes > 1;
}

/* What is started while a result goes to the broker and the next task comes from there must be here by then.
 */
uint64_t crew_window (const crew_t *self, const crew_broker_t *broker)
{
    /* A message cannot say 0. But a broker of which we hold a run gives none above 1, and any other gets BYE.
     */
    if (self->is_draining)
        return 1;
    uint64_t extra = 0;
    uint64_t ahead_us = CREW_AHEAD_US + (uint64_t) broker->link.round_trip_ms * 1000;
    if (self->is_measured)
        extra = ahead_us * (uint64_t) self->processes / (self->mean_us > 0 ? self->mean_us : 1);
    if (hands_ahead (self) && extra < self->processes)
        extra = self->processes;
    return self->processes + (extra < CREW_MAX_EXTRA ? extra : CREW_MAX_EXTRA);
}

/* How many runs a child may have at a time. */
static size_t depth (const crew_t *self)
{
    if (!self->is_measured || self->mean_us >= CREW_TINY_US)
        return hands_ahead (self) ? 2 : 1;
    uint64_t n = CREW_AHEAD_US / (self->mean_us > 0 ? self->mean_us : 1);
    return n < CREW_MAX_AHEAD ? (size_t) n : CREW_MAX_AHEAD;
}

/* ---- Children ---------------------------------------------------------------------------------- */

static void start_common (crew_t *self, int64_t now_ms)
{
    crew_pool_t *pool = self->common;
    if (self->is_draining || pool->n_starting + pool->n_idle + pool->n_busy >= self->processes)
        return;
    if (now_ms < pool->retry_at_ms) {
        crew_due (self, pool->retry_at_ms);
        return;
    }
    for (size_t i = 0; i < self->processes; i++)
        if (self->places[i]->state == CHILD_EMPTY)
            crew_child_start (self, self->places[i], pool);
}

/* All places are taken: an idle child of another session makes room. */
static bool evict (crew_t *self, int64_t now_ms, const crew_pool_t *pool)
{
    DP_LIST_EACH (&self->pools, node) {
        crew_pool_t *other = DP_CONTAINER (node, crew_pool_t, in_crew);
        if (other == self->common || other == pool || other->n_waiting > 0 || dp_list_is_empty (&other->idle))
            continue;
        crew_child_end (self, now_ms, DP_CONTAINER (other->idle.next, crew_child_t, in_pool));
        return true;
    }
    return false;
}

static void start_own (crew_t *self, int64_t now_ms, crew_pool_t *pool)
{
    if (pool->n_waiting == 0 || pool->is_ended || self->is_draining)
        return;
    if (pool->is_broken) {
        if (pool->n_starting + pool->n_idle + pool->n_busy == 0)
            crew_pool_fail_waiting (self, pool);
        return;
    }
    if (now_ms < pool->retry_at_ms) {
        crew_due (self, pool->retry_at_ms);
        return;
    }
    size_t wanted = pool->n_busy + pool->n_waiting;
    if (wanted > self->processes)
        wanted = self->processes;
    /* Those that are ending count: a session takes no more places than there are processes. */
    size_t there = pool->n_starting + pool->n_idle + pool->n_busy;
    while (there < wanted && pool->n_children < 2 * self->processes) {
        crew_child_t *child = crew_child_vacant (self);
        if (!child) {
            evict (self, now_ms, pool);
            return;
        }
        crew_child_start (self, child, pool);
        there++;
    }
}

/* ---- Handing out ------------------------------------------------------------------------------- */

static crew_run_t *first_waiting (const crew_pool_t *pool)
{
    return pool->n_waiting > 0 ? DP_CONTAINER (pool->waiting.next, crew_run_t, in_queue) : NULL;
}

static bool is_stalled (const crew_child_t *child, int64_t now_ms)
{
    const crew_run_t *run = crew_child_current (child);
    if (!run || !crew_run_has (run, child->slot.number))
        return false;
    bool is_long = run->started_at_ms != 0 && now_ms - run->started_at_ms >= CREW_LONG_RUN_MS;
    return is_long || now_ms - child->slot.started_at_ms >= CREW_STALL_MS;
}

/* A busy child that may get one more; the least recently supplied first. */
static crew_child_t *child_with_room (crew_pool_t *pool, int64_t now_ms, size_t most)
{
    for (size_t n = pool->n_busy; n > 0; n--) {
        crew_child_t *child = DP_CONTAINER (pool->busy.next, crew_child_t, in_pool);
        if (child->n_runs < most && child->n_take_backs == 0 && !child->is_doomed
            && !crew_child_is_used_up (child) && crew_child_current (child)->cancel == CANCEL_NONE
            && !is_stalled (child, now_ms))
            return child;
        dp_list_remove (&child->in_pool);
        dp_list_append (&pool->busy, &child->in_pool);
    }
    return NULL;
}

/* The child that the pool's first run would go to now. *is_blocked: one is idle, but too many work already.
 */
static crew_child_t *child_for (crew_t *self, crew_pool_t *pool, int64_t now_ms, bool *is_blocked)
{
    *is_blocked = false;
    if (!dp_list_is_empty (&pool->idle)) {
        if (self->n_working < self->processes)
            return DP_CONTAINER (pool->idle.next, crew_child_t, in_pool);
        *is_blocked = true;
    }
    size_t most = depth (self);
    return most > 1 ? child_with_room (pool, now_ms, most) : NULL;
}

/* Hand out the oldest run that can be handed out, unless an older one waits for a child to get through: a
   busy child that were always supplied again would never let it. */
static bool hand_one (crew_t *self, int64_t now_ms)
{
    crew_run_t *oldest = NULL;
    crew_child_t *chosen = NULL;
    uint64_t blocked = UINT64_MAX;
    DP_LIST_EACH (&self->pools, node) {
        crew_pool_t *pool = DP_CONTAINER (node, crew_pool_t, in_crew);
        crew_run_t *run = first_waiting (pool);
        if (!run)
            continue;
        bool is_blocked;
        crew_child_t *child = child_for (self, pool, now_ms, &is_blocked);
        if (is_blocked && !child && run->order < blocked)
            blocked = run->order;
        if (child && (!oldest || run->order < oldest->order)) {
            oldest = run;
            chosen = child;
        }
    }
    if (!oldest || blocked < oldest->order)
        return false;
    crew_child_hand (self, now_ms, chosen, oldest);
    return true;
}

void crew_hand_out (crew_t *self, int64_t now_ms)
{
    start_common (self, now_ms);
    DP_LIST_EACH (&self->pools, node) {
        crew_pool_t *pool = DP_CONTAINER (node, crew_pool_t, in_crew);
        if (pool != self->common)
            start_own (self, now_ms, pool);
    }
    while (hand_one (self, now_ms))
        ;
}

/* One that waits behind another one, and was not asked for before: it may have started. */
static bool take_back_last (crew_t *self, crew_child_t *child)
{
    const crew_run_t *last = DP_CONTAINER (child->runs.previous, crew_run_t, in_queue);
    if (child->n_runs < 2 || child->n_take_backs > 0 || child->is_doomed || child->asked_back == last->serial)
        return false;
    child->asked_back = last->serial;
    crew_child_take_back (self, child, last->serial);
    return true;
}

/* A child has nothing to do, and another one has more than it works at. Of tiny runs that is soon over. */
void crew_share_out (crew_t *self)
{
    if (self->n_working >= self->processes || self->mean_us < CREW_TINY_US)
        return;
    DP_LIST_EACH (&self->pools, node) {
        const crew_pool_t *pool = DP_CONTAINER (node, crew_pool_t, in_crew);
        bool is_asked = pool->n_waiting > 0 || dp_list_is_empty (&pool->idle);
        for (dp_list_t *busy = pool->busy.next; busy != &pool->busy && !is_asked; busy = busy->next)
            is_asked = take_back_last (self, DP_CONTAINER (busy, crew_child_t, in_pool));
    }
}

/* ---- Handing back ------------------------------------------------------------------------------ */

/* How long the run may wait here, while no child gets free, until it would be better off elsewhere. A far
   broker has given more than a near one would, and it takes longer until another worker has it. */
static int64_t patience_ms (const crew_run_t *run)
{
    return CREW_OVERSTAY_MS + run->broker->link.round_trip_ms;
}

/* A broker that knows no better worker sends what it gets back at once. */
static int64_t overstay_ms (const crew_pool_t *pool, const crew_run_t *run)
{
    int64_t n = pool->n_handed_back < 6 ? 1 << pool->n_handed_back : CREW_MAX_OVERSTAYS;
    return n * patience_ms (run);
}

/* What waits beyond the plain number of processes was asked for in the belief that runs are short. The rest
   stays: the broker would only send it again. */
static void hand_back_pool (crew_t *self, int64_t now_ms, crew_pool_t *pool)
{
    crew_run_t *run = first_waiting (pool);
    /* Where no child can be started, nothing ever gets free. */
    bool is_hopeless = pool->n_failed_starts >= CREW_MAX_FAILED_STARTS && pool->n_idle + pool->n_busy == 0;
    size_t kept = is_hopeless ? 0 : self->processes;
    if (!run || self->n_unfinished <= kept)
        return;
    int64_t since_ms
        = run->waiting_since_ms > pool->progress_at_ms ? run->waiting_since_ms : pool->progress_at_ms;
    if (now_ms - since_ms < overstay_ms (pool, run)) {
        crew_due (self, since_ms + overstay_ms (pool, run));
        return;
    }
    pool->n_handed_back++;
    uint64_t least_us = (uint64_t) patience_ms (run) * 1000; /* more would have been started */
    if (!self->is_measured || self->mean_us < least_us)
        self->mean_us = least_us;
    self->is_measured = true;
    for (dp_list_t *node = pool->waiting.previous; node != &pool->waiting && self->n_unfinished > kept;) {
        run = DP_CONTAINER (node, crew_run_t, in_queue);
        node = node->previous;
        if (!run->is_orphan)
            crew_run_release (self, run);
    }
}

static void hand_back_all (crew_t *self)
{
    DP_LIST_EACH (&self->pools, node) {
        crew_pool_t *pool = DP_CONTAINER (node, crew_pool_t, in_crew);
        DP_LIST_EACH (&pool->waiting, run)
            crew_run_release (self, DP_CONTAINER (run, crew_run_t, in_queue));
    }
}

void crew_hand_back (crew_t *self, int64_t now_ms)
{
    if (self->is_draining) {
        hand_back_all (self);
        return;
    }
    DP_LIST_EACH (&self->pools, node)
        hand_back_pool (self, now_ms, DP_CONTAINER (node, crew_pool_t, in_crew));
}
