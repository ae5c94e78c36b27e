/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_dispatch.c - which task goes to which worker next, and which can go to none. */
#include "broker/scheduler_internal.h"

#include <stdio.h>
#include <string.h>

/* Is the next task of one route due before that of another? The highest priority first, there the oldest. */
static bool is_before (const task_t *task, const task_t *other)
{
    int64_t priority = (int64_t) task->of.lane->by_priority.key;
    int64_t others = (int64_t) other->of.lane->by_priority.key;
    if (priority != others)
        return priority > others;
    return task->by_id.key < other->by_id.key;
}

/* The task of a session to give to a worker next. NULL = none that it can run. Mostly it can run what is due;
   else each function that waits is looked at. */
static task_t *choose_task (const session_record_t *session, const worker_record_t *worker)
{
    task_t *best = scheduler_next_of_session (session);
    if (best == NULL || scheduler_can_run (worker, best->of.lane->route))
        return best;
    best = NULL;
    for (const dp_list_t *node = session->waiting.next; node != &session->waiting; node = node->next) {
        const route_t *route = DP_CONTAINER (node, route_t, in_waiting);
        task_t *task = scheduler_next_task (route);
        if ((best == NULL || is_before (task, best)) && scheduler_can_run (worker, route))
            best = task;
    }
    return best;
}

/* Nothing new is started for who may be away for good, or does not take its results. */
static bool is_served (int64_t now_ms, const session_record_t *session)
{
    if (session->is_full)
        return false;
    return session->peer.connection != 0 || now_ms - session->peer.broken_at_ms < SCHEDULER_QUIET_MS;
}

/* Sessions or workers of the mixed trade that were looked at in vain leave their heap for a while. */
static void put_aside (dp_heap_t *heap, dp_heap_t *aside, dp_heap_node_t *node)
{
    uint64_t key = node->key;
    dp_heap_remove (heap, node);
    dp_heap_push (aside, node, key);
}

static void put_back (dp_heap_t *heap, dp_heap_t *aside)
{
    if (aside->nodes == NULL)
        return;
    for (dp_heap_node_t *node; (node = dp_heap_first (aside)) != NULL;)
        put_aside (aside, heap, node);
    dp_heap_fini (aside);
}

/* How many tasks of one session a worker may get in a row: one until all its processes have work and as much
   waits there, then what makes its load a quarter more. */
static size_t row_for (const worker_record_t *worker)
{
    return worker->n_runs < 2 * worker->processes ? 1 : 1 + worker->n_runs / 4;
}

/* This task, and of the same session what is due after it, as long as that is soon done: so the records of
   session and worker come into the processor's caches once a row instead of once a task, and what lies side
   by side in memory mostly comes back in one message. */
static void assign_row (scheduler_t *self, int64_t now_ms, const session_record_t *session, task_t *task,
                        worker_record_t *worker)
{
    enum { ROW_US = 200 };
    uint64_t until_us = session->used_us + ROW_US;
    size_t n = row_for (worker);
    do {
        scheduler_assign (self, now_ms, task, worker);
        bool may_go_on = --n > 0 && session->used_us < until_us && worker->by_load.place != 0;
        task = may_go_on ? choose_task (session, worker) : NULL;
    } while (task != NULL);
}

/* Give tasks to this worker, of the session that has had least. False = there is none for it. */
static bool serve (scheduler_t *self, int64_t now_ms, trade_t *trade, worker_record_t *worker)
{
    dp_heap_t aside = { NULL, 0, 0 };
    size_t number = (size_t) (trade - self->trades);
    task_t *task = NULL;
    dp_heap_node_t *node;
    while (task == NULL && (node = dp_heap_first (&trade->hungry)) != NULL) {
        session_record_t *session = scheduler_hungry_session (node, number);
        bool may_start = is_served (now_ms, session);
        task = may_start ? choose_task (session, worker) : NULL;
        if (task == NULL && may_start && number == SCHEDULER_MIXED_TRADE)
            put_aside (&trade->hungry, &aside, node); /* another worker of the trade may run them */
        else if (task == NULL)
            dp_heap_remove (&trade->hungry, node);
        else {
            self->floor_us = session->used_us;
            assign_row (self, now_ms, session, task, worker);
            scheduler_note_use (self, session);
        }
    }
    put_back (&trade->hungry, &aside);
    return task != NULL;
}

/* Of those for whose workers there may be tasks: the one that has the emptiest. NULL = there is none. */
static trade_t *next_trade (scheduler_t *self)
{
    trade_t *best = NULL;
    uint64_t least_load = 0;
    for (size_t i = 0; i < self->n_trades; i++) {
        trade_t *trade = &self->trades[i];
        if (trade->hungry.n_nodes == 0 || trade->idle.n_nodes == 0)
            continue;
        const dp_heap_node_t *emptiest = dp_heap_first (&trade->idle);
        if (best != NULL && emptiest->key >= least_load)
            continue;
        best = trade;
        least_load = emptiest->key;
    }
    return best;
}

void scheduler_dispatch (scheduler_t *self, int64_t now_ms)
{
    if (self->is_draining)
        return;
    dp_heap_t aside = { NULL, 0, 0 };
    for (trade_t *trade; (trade = next_trade (self)) != NULL;) {
        dp_heap_node_t *node = dp_heap_first (&trade->idle);
        bool is_busy = serve (self, now_ms, trade, DP_CONTAINER (node, worker_record_t, by_load));
        if (!is_busy && trade->hungry.n_nodes > 0)
            put_aside (&trade->idle, &aside, node); /* of the mixed trade: others have none left */
    }
    put_back (&self->trades[SCHEDULER_MIXED_TRADE].idle, &aside);
}

/* ---- What can go to none -------------------------------------------------------------------- */

static void fail_hopeless (scheduler_t *self, int64_t now_ms, const route_t *route)
{
    char text[1024];
    scheduler_explain_hopeless (self, now_ms, &route->session->peer, route, text, sizeof text);
    for (size_t n = route->n_queued; n > 0; n--) /* with its last task the route may go */
        scheduler_fail (self, scheduler_next_task (route), OUTCOME_NO_FUNCTION, text);
}

static void fail_unserved (scheduler_t *self, int64_t now_ms, lane_t *lane)
{
    char text[128];
    snprintf (text, sizeof text, "no worker came within %lld s: start one with dpool-worker",
              (long long) (self->config.no_worker_ms / 1000));
    DP_LIST_EACH (&lane->queue, node) {
        task_t *task = DP_CONTAINER (node, task_t, in_place);
        int64_t queued_ms = now_ms - (int64_t) task->since_ms, alone_ms = now_ms - self->no_worker_since_ms;
        if ((queued_ms < alone_ms ? queued_ms : alone_ms) < self->config.no_worker_ms)
            return;                               /* those behind it came later */
        bool is_last = node_next == &lane->queue; /* with which the lane may go */
        scheduler_fail (self, task, OUTCOME_REFUSED, text);
        if (is_last)
            return;
    }
}

static void check_route (scheduler_t *self, int64_t now_ms, route_t *route)
{
    if (scheduler_is_hopeless (self, route)) {
        fail_hopeless (self, now_ms, route);
        return;
    }
    bool may_wait = self->config.is_embedded || self->config.no_worker_ms < 0
                    || !dp_list_is_empty (&self->all_workers)
                    || now_ms - self->no_worker_since_ms < self->config.no_worker_ms;
    if (may_wait)
        return;
    /* From the last on, since a lane that is emptied leaves its place to the last, or to one that went up. */
    for (size_t i = route->ranks.n_nodes; i-- > 0;)
        if (i < route->ranks.n_nodes)
            fail_unserved (self, now_ms, DP_CONTAINER (route->ranks.nodes[i], lane_t, by_rank));
}

/* Tasks that nobody will ever run fail, with the reason. */
void scheduler_check_routes (scheduler_t *self, int64_t now_ms)
{
    self->is_checking_routes = false;
    for (dp_map_node_t *node = dp_map_first (&self->sessions); node != NULL;
         node = dp_map_next (&self->sessions, node)) {
        session_record_t *session = DP_CONTAINER (node, session_record_t, peer.by_id);
        DP_LIST_EACH (&session->waiting, route_node) {
            check_route (self, now_ms, DP_CONTAINER (route_node, route_t, in_waiting));
        }
    }
}
