/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_dispatch.c - which task goes to which worker next, and which can go to none. */
#include "broker/scheduler_internal.h"

#include <stdio.h>
#include <string.h>

static uint64_t oldest_id (const lane_t *lane)
{
    return DP_CONTAINER (lane->queue.next, task_t, in_lane)->by_id.key;
}

/* The lane of a session to serve next on a worker: the highest priority, there the oldest task. NULL = none
 * it can run. */
static lane_t *choose_lane (const session_record_t *session, const worker_record_t *worker)
{
    lane_t *best = NULL;
    for (const dp_list_t *node = session->waiting.next; node != &session->waiting; node = node->next) {
        lane_t *lane = DP_CONTAINER (node, lane_t, in_waiting);
        if (best != NULL && lane->priority < best->priority)
            break;
        if (scheduler_can_run (worker, lane) && (best == NULL || oldest_id (lane) < oldest_id (best)))
            best = lane;
    }
    return best;
}

static bool is_served (const scheduler_t *self, int64_t now_ms, const session_record_t *session)
{
    (void) self;
    return session->peer.connection != 0 || now_ms - session->peer.broken_at_ms < SCHEDULER_QUIET_MS;
}

/* Sessions or workers that were looked at in vain leave their heap until the round is over. */
static void put_aside (dp_heap_t *heap, dp_heap_t *aside, dp_heap_node_t *node)
{
    uint64_t key = node->key;
    dp_heap_remove (heap, node);
    dp_heap_push (aside, node, key);
}

static void put_back (dp_heap_t *heap, dp_heap_t *aside)
{
    for (dp_heap_node_t *node; (node = dp_heap_first (aside)) != NULL;)
        put_aside (aside, heap, node);
    dp_heap_fini (aside);
}

/* Give one task to this worker, of the session that has had least. False = there is none for it. */
static bool serve (scheduler_t *self, int64_t now_ms, worker_record_t *worker)
{
    dp_heap_t aside = { NULL, 0, 0 };
    bool is_served_now = false;
    dp_heap_node_t *node;
    while (!is_served_now && (node = dp_heap_first (&self->hungry)) != NULL) {
        session_record_t *session = DP_CONTAINER (node, session_record_t, by_use);
        lane_t *lane = is_served (self, now_ms, session) ? choose_lane (session, worker) : NULL;
        if (lane == NULL) {
            put_aside (&self->hungry, &aside, node);
            continue;
        }
        task_t *task = DP_CONTAINER (lane->queue.next, task_t, in_lane);
        self->floor_us = session->used_us;
        task->charged_us = lane->mean_us;
        session->used_us += lane->mean_us;
        scheduler_assign (self, now_ms, task, worker);
        if (session->by_use.place != 0)
            dp_heap_push (&self->hungry, &session->by_use, session->used_us);
        is_served_now = true;
    }
    put_back (&self->hungry, &aside);
    return is_served_now;
}

void scheduler_dispatch (scheduler_t *self, int64_t now_ms)
{
    dp_heap_t aside = { NULL, 0, 0 };
    dp_heap_node_t *node;
    while (dp_heap_first (&self->hungry) != NULL && (node = dp_heap_first (&self->idle)) != NULL) {
        worker_record_t *worker = DP_CONTAINER (node, worker_record_t, by_load);
        if (serve (self, now_ms, worker))
            continue;
        put_aside (&self->idle, &aside, node);
    }
    put_back (&self->idle, &aside);
}

/* Tasks that nobody will ever run fail, with the reason. */
static void check_lane (scheduler_t *self, int64_t now_ms, lane_t *lane)
{
    char text[1024];
    if (scheduler_is_hopeless (self, lane)) {
        scheduler_explain_hopeless (self, lane, text, sizeof text);
        scheduler_fail_lane (self, lane, OUTCOME_NO_FUNCTION, text);
        return;
    }
    if (self->config.is_embedded || self->config.no_worker_ms < 0 || !dp_list_is_empty (&self->all_workers))
        return;
    int64_t since_ms = self->no_worker_since_ms > lane->waiting_since_ms ? self->no_worker_since_ms
                                                                         : lane->waiting_since_ms;
    if (now_ms - since_ms < self->config.no_worker_ms)
        return;
    snprintf (text, sizeof text, "no worker came within %lld s: start one with dpool-worker",
              (long long) (self->config.no_worker_ms / 1000));
    scheduler_fail_lane (self, lane, OUTCOME_REFUSED, text);
}

void scheduler_check_lanes (scheduler_t *self, int64_t now_ms)
{
    self->is_checking_lanes = false;
    for (dp_map_node_t *node = dp_map_first (&self->sessions); node != NULL;
         node = dp_map_next (&self->sessions, node)) {
        session_record_t *session = DP_CONTAINER (node, session_record_t, peer.by_id);
        DP_LIST_EACH (&session->waiting, lane_node)
        check_lane (self, now_ms, DP_CONTAINER (lane_node, lane_t, in_waiting));
    }
}
