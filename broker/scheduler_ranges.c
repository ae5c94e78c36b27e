/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_ranges.c - ranges of ids, CLAIM and MISSING: what clients and broker say of many tasks at once.
   What is to be done to ranges stands in scheduler_orders.c. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Ranges --------------------------------------------------------------------------------- */

static int compare_ranges (const void *a, const void *b)
{
    const wire_range_t *left = a, *right = b;
    return left->first < right->first ? -1 : left->first > right->first;
}

size_t scheduler_normalise (wire_range_t *ranges, size_t n)
{
    if (n == 0)
        return 0;
    qsort (ranges, n, sizeof *ranges, compare_ranges);
    size_t n_left = 1;
    for (size_t i = 1; i < n; i++) {
        uint64_t end = ranges[n_left - 1].last;
        wire_range_t range = ranges[i];
        if (range.last <= end)
            continue;
        if (range.first <= end)
            range.first = end + 1;
        if (range.first == end + 1 && range.is_at_most_once == ranges[n_left - 1].is_at_most_once)
            ranges[n_left - 1].last = range.last;
        else
            ranges[n_left++] = range;
    }
    return n_left;
}

static const wire_range_t *find_range (const wire_range_t *ranges, size_t n, uint64_t id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (id < ranges[middle].first)
            high = middle;
        else if (id > ranges[middle].last)
            low = middle + 1;
        else
            return &ranges[middle];
    }
    return NULL;
}

/* Write what is left of one range to "left", "ranges" (sorted) being cut out of it; returns how many. */
static size_t cut_out (wire_range_t from, const wire_range_t *ranges, size_t n, wire_range_t *left)
{
    size_t n_left = 0;
    for (size_t i = 0; i < n && ranges[i].first <= from.last; i++) {
        if (ranges[i].last < from.first)
            continue;
        if (ranges[i].first > from.first) {
            left[n_left] = from;
            left[n_left++].last = ranges[i].first - 1;
        }
        if (ranges[i].last >= from.last)
            return n_left;
        from.first = ranges[i].last + 1;
    }
    left[n_left++] = from;
    return n_left;
}

static void count_claims (session_record_t *session, size_t n)
{
    session->peer.account->n_claims += n - session->n_claims;
    session->n_claims = n;
}

void scheduler_unclaim (session_record_t *session, const wire_range_t *ranges, size_t n)
{
    if (!session->is_claimed || session->n_claims == 0)
        return;
    session->claims_capacity = session->n_claims + n;
    wire_range_t *left = dp_must_alloc (session->claims_capacity * sizeof *left);
    size_t n_left = 0, n_passed = 0;
    for (size_t i = 0; i < session->n_claims; i++) {
        wire_range_t claim = session->claims[i];
        while (n_passed < n && ranges[n_passed].last < claim.first)
            n_passed++;
        n_left += cut_out (claim, ranges + n_passed, n - n_passed, left + n_left);
    }
    dp_free (session->claims);
    session->claims = left;
    count_claims (session, n_left);
}

/* ---- Known tasks ---------------------------------------------------------------------------- */

/* How many ids the ranges name, as far as that is no more than so many. */
static uint64_t n_named (const wire_range_t *ranges, size_t n, uint64_t most)
{
    uint64_t n_ids = 0;
    for (size_t i = 0; i < n && n_ids < most; i++) {
        uint64_t span = ranges[i].last - ranges[i].first;
        n_ids += span < most ? span + 1 : most;
    }
    return n_ids < most ? n_ids : most;
}

static int compare_tasks (const void *a, const void *b)
{
    uint64_t left = (*(task_t *const *) a)->by_id.key, right = (*(task_t *const *) b)->by_id.key;
    return left < right ? -1 : left > right;
}

static void look_up (known_tasks_t *known, const session_record_t *session, const wire_range_t *ranges,
                     size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (uint64_t id = ranges[i].first;; id++) {
            task_t *task = scheduler_task (session, id);
            if (task != NULL)
                known->tasks[known->n++] = task;
            if (id == ranges[i].last)
                break;
        }
}

static void pick_out (known_tasks_t *known, const session_record_t *session, const wire_range_t *ranges,
                      size_t n)
{
    for (dp_map_node_t *node = dp_map_first (&session->tasks); node != NULL;
         node = dp_map_next (&session->tasks, node))
        if (find_range (ranges, n, node->key) != NULL)
            known->tasks[known->n++] = DP_CONTAINER (node, task_t, by_id);
    qsort (known->tasks, known->n, sizeof (task_t *), compare_tasks);
}

/* Each id that is named is looked up, unless there are fewer tasks to look at. */
known_tasks_t scheduler_known_tasks (const session_record_t *session, const wire_range_t *ranges, size_t n)
{
    size_t count = session->tasks.count;
    uint64_t n_ids = n_named (ranges, n, (uint64_t) count + 1);
    known_tasks_t known = { .n_looked_at = n_ids <= count ? (size_t) n_ids : count };
    known.tasks = dp_must_alloc_raw ((known.n_looked_at + 1) * sizeof (task_t *));
    if (n_ids <= count)
        look_up (&known, session, ranges, n);
    else
        pick_out (&known, session, ranges, n);
    return known;
}

/* ---- Missing ids ---------------------------------------------------------------------------- */

void scheduler_say_missing (scheduler_t *self, session_record_t *session, uint64_t first, uint64_t last)
{
    if (session->peer.connection == 0)
        return;
    wire_range_t range = { first, last, false };
    wire_add_range (&session->missing, &self->outbox, session->peer.connection, WIRE_MISSING, &range);
    scheduler_touch (self, &session->peer);
}

/* The gaps of one range. Returns the place of the first task behind it. */
static size_t say_gaps (scheduler_t *self, session_record_t *session, const wire_range_t *range,
                        const known_tasks_t *known, size_t at)
{
    uint64_t next = range->first;
    for (; at < known->n && known->tasks[at]->by_id.key <= range->last; at++) {
        uint64_t id = known->tasks[at]->by_id.key;
        if (id > next)
            scheduler_say_missing (self, session, next, id - 1);
        if (id == range->last)
            return at + 1;
        next = id + 1;
    }
    scheduler_say_missing (self, session, next, range->last);
    return at;
}

void scheduler_say_gaps (scheduler_t *self, session_record_t *session, const wire_range_t *ranges, size_t n,
                         const known_tasks_t *known)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        at = say_gaps (self, session, &ranges[i], known, at);
}

/* ---- Claim ---------------------------------------------------------------------------------- */

const wire_range_t *scheduler_find_claim (const session_record_t *session, uint64_t id)
{
    return find_range (session->claims, session->n_claims, id);
}

void scheduler_forget_claims (session_record_t *session)
{
    if (session->n_claims > 0)
        count_claims (session, 0);
    dp_free (session->claims);
    session->claims = NULL;
    session->claims_capacity = 0;
}

/* Not before the grace is over: a worker may still come that runs it. Its client would submit again only what
   is left of a task of which it has results, as a new task, and what runs could not be adopted any more. */
static void say_missing_claims (scheduler_t *self, session_record_t *session)
{
    known_tasks_t known = scheduler_known_tasks (session, session->claims, session->n_claims);
    scheduler_say_gaps (self, session, session->claims, session->n_claims, &known);
    dp_free (known.tasks);
    scheduler_forget_claims (session);
}

static void drop_unclaimed (scheduler_t *self, session_record_t *session)
{
    for (dp_map_node_t *node = dp_map_first (&session->tasks), *next; node != NULL; node = next) {
        next = dp_map_next (&session->tasks, node);
        task_t *task = DP_CONTAINER (node, task_t, by_id);
        if (scheduler_find_claim (session, node->key) != NULL)
            continue;
        if (task->state == TASK_ASSIGNED)
            scheduler_abandon (self, task);
        scheduler_drop_task (self, task);
    }
}

static void collect_claims (session_record_t *session, wire_message_t *message)
{
    size_t n = session->n_claims, most = n + message->n_records;
    if (most > session->claims_capacity) {
        session->claims_capacity = most + n / 2;
        session->claims
            = dp_must_realloc (session->claims, session->claims_capacity * sizeof *session->claims);
    }
    while (n < most && wire_next_range (message, &session->claims[n]))
        n++;
    count_claims (session, n);
}

static const char *is_too_much (scheduler_t *self, int64_t now_ms, const session_record_t *session,
                                size_t n_more, char *text, size_t size)
{
    if (n_more <= SCHEDULER_MAX_CLAIMS - session->n_claims)
        return scheduler_over_claims (self, now_ms, session->peer.account, n_more, text, size);
    snprintf (text, size,
              "its CLAIM names more than %d ranges of ids: have fewer tasks unfinished at a time "
              "(max_unfinished_tasks)",
              SCHEDULER_MAX_CLAIMS);
    return text;
}

void scheduler_on_claim (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    session_record_t *session = DP_CONTAINER (peer, session_record_t, peer);
    if (session->is_claimed) {
        scheduler_refuse (self, now_ms, peer->connection, WIRE_REFUSED_OTHER,
                          "CLAIM is complete already on this connection");
        return;
    }
    char text[512];
    if (is_too_much (self, now_ms, session, message->n_records, text, sizeof text) != NULL) {
        scheduler_refuse (self, now_ms, peer->connection, WIRE_REFUSED_LIMIT, text);
        return;
    }
    collect_claims (session, message);
    if (!message->is_last)
        return;
    count_claims (session, scheduler_normalise (session->claims, session->n_claims));
    scheduler_adopt_claimed (self, now_ms, session);
    drop_unclaimed (self, session);
    scheduler_settle_orphans (self, session);
    session->is_claimed = true;
    if (!self->is_in_grace) /* else workers will list runs of which only the CLAIM knows */
        say_missing_claims (self, session);
    scheduler_send_held (self, session);
}

/* ---- The end of the grace ------------------------------------------------------------------- */

static void queue_graced (scheduler_t *self, int64_t now_ms, session_record_t *session)
{
    DP_LIST_EACH (&session->graced, node) {
        task_t *task = DP_CONTAINER (node, task_t, in_place);
        if (task->is_recalled) {
            scheduler_give_back (self, task);
            continue;
        }
        scheduler_unqueue (self, task);
        scheduler_queue (self, now_ms, task, false);
    }
}

void scheduler_end_grace (scheduler_t *self, int64_t now_ms)
{
    self->is_in_grace = false;
    self->is_checking_routes = true;
    for (dp_map_node_t *node = dp_map_first (&self->sessions); node != NULL;
         node = dp_map_next (&self->sessions, node)) {
        session_record_t *session = DP_CONTAINER (node, session_record_t, peer.by_id);
        queue_graced (self, now_ms, session);
        if (session->is_claimed) /* else it is still listing, or away: its CLAIM will find the grace over */
            say_missing_claims (self, session);
    }
}
