/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_routes.c - what is queued, and in which order. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <assert.h>
#include <string.h>

enum { PUT_BACK_STEPS = 1024 }; /* tasks that come back in any order are sorted as far as this */

/* ---- Routes --------------------------------------------------------------------------------- */

static void free_route (scheduler_t *self, route_t *route)
{
    dp_map_take (&route->session->routes, route->by_names.key);
    dp_list_remove (&route->in_idle);
    scheduler_release_offer (self, route->function);
    if (route->require != NULL)
        scheduler_release_offer (self, route->require);
    dp_map_fini (&route->lanes);
    dp_heap_fini (&route->ranks);
    dp_free (route->last);
    dp_free (route);
}

/* Routes without tasks are kept for what was learned of them, but not many. */
static void make_idle (scheduler_t *self, route_t *route)
{
    session_record_t *session = route->session;
    dp_list_append (&session->idle, &route->in_idle);
    if (++session->n_idle <= SCHEDULER_MAX_IDLE_ROUTES)
        return;
    session->n_idle--;
    free_route (self, DP_CONTAINER (session->idle.next, route_t, in_idle));
}

static route_t *new_route (scheduler_t *self, session_record_t *session, uint64_t key, offer_t *function,
                           offer_t *require)
{
    route_t *route = dp_must_alloc (sizeof *route);
    dp_list_init (&route->in_waiting);
    dp_list_init (&route->in_idle);
    route->lanes.secret = &self->secret;
    route->session = session;
    route->function = function;
    route->require = require;
    function->n_users++;
    if (require != NULL)
        require->n_users++;
    dp_map_put (&session->routes, key, &route->by_names);
    make_idle (self, route);
    return route;
}

static route_t *find_route (scheduler_t *self, session_record_t *session, const wire_group_t *group)
{
    offer_t *function = scheduler_offer (self, 'f', group->function);
    offer_t *require = group->require.len > 0 ? scheduler_offer (self, 'l', group->require) : NULL;
    uint64_t key = function->serial * 0x9e3779b97f4a7c15u + (require != NULL ? require->serial : 0);
    for (;; key++) { /* pairs of names with equal keys: the later one takes the next free key */
        dp_map_node_t *node = dp_map_get (&session->routes, key);
        if (node == NULL)
            return new_route (self, session, key, function, require);
        route_t *route = DP_CONTAINER (node, route_t, by_names);
        if (route->function == function && route->require == require)
            return route;
    }
}

void scheduler_free_routes (scheduler_t *self, session_record_t *session)
{
    assert (dp_list_is_empty (&session->waiting));
    DP_LIST_EACH (&session->idle, node) {
        free_route (self, DP_CONTAINER (node, route_t, in_idle));
    }
    dp_map_fini (&session->routes);
    scheduler_free_tiers (session);
}

/* ---- Lanes ---------------------------------------------------------------------------------- */

static int64_t priority_of (const lane_t *lane)
{
    return (int64_t) lane->by_priority.key;
}

static void free_lane (route_t *route, lane_t *lane)
{
    dp_map_take (&route->lanes, lane->by_priority.key);
    dp_free (lane);
}

static lane_t *use_lane (route_t *route, int64_t priority)
{
    lane_t *last = route->last;
    if (last != NULL && priority_of (last) == priority)
        return last;
    dp_map_node_t *node = dp_map_get (&route->lanes, (uint64_t) priority);
    lane_t *lane = node != NULL ? DP_CONTAINER (node, lane_t, by_priority) : NULL;
    if (lane == NULL) {
        lane = dp_must_alloc (sizeof *lane);
        lane->route = route;
        dp_list_init (&lane->queue);
        dp_map_put (&route->lanes, (uint64_t) priority, &lane->by_priority);
    }
    route->last = lane;
    if (last != NULL && last->n_tasks == 0)
        free_lane (route, last);
    return lane;
}

lane_t *scheduler_lane (scheduler_t *self, session_record_t *session, const wire_group_t *group)
{
    return use_lane (find_route (self, session, group), group->priority);
}

void scheduler_hold_lane (lane_t *lane)
{
    route_t *route = lane->route;
    if (lane->n_tasks++ > 0 || route->n_held_lanes++ > 0)
        return;
    dp_list_remove (&route->in_idle);
    route->session->n_idle--;
}

void scheduler_let_go_lane (scheduler_t *self, lane_t *lane)
{
    route_t *route = lane->route;
    if (--lane->n_tasks > 0)
        return;
    if (lane != route->last)
        free_lane (route, lane);
    if (--route->n_held_lanes == 0)
        make_idle (self, route);
}

lane_t *scheduler_first_lane (const route_t *route)
{
    dp_heap_node_t *node = dp_heap_first (&route->ranks);
    return node != NULL ? DP_CONTAINER (node, lane_t, by_rank) : NULL;
}

task_t *scheduler_next_task (const route_t *route)
{
    const lane_t *lane = scheduler_first_lane (route);
    return lane != NULL ? DP_CONTAINER (lane->queue.next, task_t, in_place) : NULL;
}

/* ---- Queue ---------------------------------------------------------------------------------- */

static void wake (scheduler_t *self, route_t *route)
{
    session_record_t *session = route->session;
    if (!dp_list_is_empty (&route->in_waiting))
        return;
    /* Who was idle has no claim on the past: it starts level with those who are served. */
    if (dp_list_is_empty (&session->waiting) && session->used_us < self->floor_us)
        session->used_us = self->floor_us;
    dp_list_append (&session->waiting, &route->in_waiting);
    self->is_checking_routes |= scheduler_is_hopeless (self, route);
    scheduler_make_hungry (self, session);
}

static void count_queued (scheduler_t *self, int64_t now_ms, task_t *task)
{
    task->state = TASK_QUEUED;
    scheduler_set_since (task, now_ms);
    scheduler_session_of (task)->n_queued++;
    self->stats.n_queued++;
}

/* In front of the queue, but behind those that are older. */
static void put_back (lane_t *lane, task_t *task)
{
    dp_list_t *node = lane->queue.next;
    for (int i = 0; i < PUT_BACK_STEPS && node != &lane->queue; i++, node = node->next)
        if (DP_CONTAINER (node, task_t, in_place)->by_id.key > task->by_id.key)
            break;
    dp_list_append (node, &task->in_place);
}

void scheduler_queue (scheduler_t *self, int64_t now_ms, task_t *task, bool at_head)
{
    count_queued (self, now_ms, task);
    lane_t *lane = task->of.lane;
    route_t *route = lane->route;
    if (dp_list_is_empty (&lane->queue))
        dp_heap_push (&route->ranks, &lane->by_rank, scheduler_rank_of_priority (priority_of (lane)));
    if (at_head)
        put_back (lane, task);
    else
        dp_list_append (&lane->queue, &task->in_place);
    scheduler_place_lane (route->session, lane);
    lane->n_queued++;
    route->n_queued++;
    wake (self, route);
}

void scheduler_queue_graced (scheduler_t *self, int64_t now_ms, task_t *task)
{
    count_queued (self, now_ms, task);
    task->is_graced = true;
    dp_list_append (&scheduler_session_of (task)->graced, &task->in_place);
}

static void leave_lane (scheduler_t *self, task_t *task)
{
    lane_t *lane = task->of.lane;
    route_t *route = lane->route;
    lane->n_queued--;
    if (!dp_list_is_empty (&lane->queue))
        scheduler_place_lane (route->session, lane);
    else {
        scheduler_displace_lane (route->session, lane);
        dp_heap_remove (&route->ranks, &lane->by_rank);
    }
    if (--route->n_queued > 0)
        return;
    dp_list_remove (&route->in_waiting);
    if (dp_list_is_empty (&route->session->waiting))
        scheduler_make_sated (self, route->session);
}

/* Out of the queue, or of those that wait for the grace's end. */
void scheduler_unqueue (scheduler_t *self, task_t *task)
{
    assert (task->state == TASK_QUEUED && !dp_list_is_empty (&task->in_place));
    dp_list_remove (&task->in_place);
    scheduler_session_of (task)->n_queued--;
    self->stats.n_queued--;
    if (!task->is_graced)
        leave_lane (self, task);
    task->is_graced = false;
}
