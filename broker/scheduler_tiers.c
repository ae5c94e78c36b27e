/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_tiers.c - which of all lanes of a session is next: of the highest priority the one whose first
   task is the oldest. What it costs does not grow with the number of functions, but for their logarithm. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

static void free_tier (session_record_t *session, tier_t *tier)
{
    dp_map_take (&session->tiers, tier->by_priority.key);
    dp_heap_fini (&tier->lanes);
    dp_free (tier);
}

static tier_t *use_tier (session_record_t *session, int64_t priority)
{
    tier_t *last = session->last_tier;
    if (last != NULL && last->by_priority.key == (uint64_t) priority)
        return last;
    dp_map_node_t *node = dp_map_get (&session->tiers, (uint64_t) priority);
    tier_t *tier = node != NULL ? DP_CONTAINER (node, tier_t, by_priority) : NULL;
    if (tier == NULL) {
        tier = dp_must_alloc (sizeof *tier);
        dp_map_put (&session->tiers, (uint64_t) priority, &tier->by_priority);
    }
    session->last_tier = tier;
    if (last != NULL && last->lanes.n_nodes == 0)
        free_tier (session, last);
    return tier;
}

static tier_t *tier_of (const session_record_t *session, const lane_t *lane)
{
    tier_t *last = session->last_tier;
    if (last != NULL && last->by_priority.key == lane->by_priority.key)
        return last;
    return DP_CONTAINER (dp_map_get (&session->tiers, lane->by_priority.key), tier_t, by_priority);
}

uint64_t scheduler_rank_of_priority (int64_t priority)
{
    return ~((uint64_t) priority ^ (UINT64_C (1) << 63)); /* flipping the sign bit orders them as unsigned */
}

void scheduler_place_lane (session_record_t *session, lane_t *lane)
{
    uint64_t id = DP_CONTAINER (lane->queue.next, task_t, in_place)->by_id.key;
    if (lane->by_age.place != 0 && lane->by_age.key == id)
        return;
    int64_t priority = (int64_t) lane->by_priority.key;
    tier_t *tier = lane->by_age.place != 0 ? tier_of (session, lane) : use_tier (session, priority);
    if (tier->lanes.n_nodes == 0)
        dp_heap_push (&session->ranks, &tier->by_rank, scheduler_rank_of_priority (priority));
    dp_heap_push (&tier->lanes, &lane->by_age, id);
}

void scheduler_displace_lane (session_record_t *session, lane_t *lane)
{
    tier_t *tier = tier_of (session, lane);
    dp_heap_remove (&tier->lanes, &lane->by_age);
    if (tier->lanes.n_nodes > 0)
        return;
    dp_heap_remove (&session->ranks, &tier->by_rank);
    if (tier != session->last_tier)
        free_tier (session, tier);
}

task_t *scheduler_next_of_session (const session_record_t *session)
{
    const dp_heap_node_t *node = dp_heap_first (&session->ranks);
    if (node == NULL)
        return NULL;
    node = dp_heap_first (&DP_CONTAINER (node, tier_t, by_rank)->lanes);
    return DP_CONTAINER (DP_CONTAINER (node, lane_t, by_age)->queue.next, task_t, in_place);
}

void scheduler_free_tiers (session_record_t *session)
{
    if (session->last_tier != NULL)
        free_tier (session, session->last_tier);
    dp_map_fini (&session->tiers);
    dp_heap_fini (&session->ranks);
}
