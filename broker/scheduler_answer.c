/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_answer.c - what the broker says about a task, and about itself. */
#include "broker/scheduler_internal.h"

#include <stdio.h>
#include <string.h>

static void say (wire_answer_t *answer, dpool_reason_t reason, int64_t since_ms)
{
    answer->reason = (uint64_t) reason;
    answer->since_ms = since_ms > 0 ? (uint64_t) since_ms : 0;
}

static const char *name_of (const worker_record_t *worker)
{
    return worker->peer.name;
}

/* Whoever asks, however often, and however much waits: an answer takes so many steps of each kind at most. */
enum { MOST_TASKS = 1024, MOST_LANES = 1024 };

static uint64_t id_at (const dp_list_t *node)
{
    return DP_CONTAINER (node, task_t, in_place)->by_id.key;
}

/* How many stand before it in its lane: exact near either end, else by its id, since ids there grow. */
static size_t place_in_lane (const task_t *task, const lane_t *lane)
{
    const dp_list_t *before = task->in_place.previous, *behind = task->in_place.next;
    for (size_t n = 0; n < MOST_TASKS; n++, before = before->previous, behind = behind->next) {
        if (before == &lane->queue)
            return n;
        if (behind == &lane->queue)
            return lane->n_queued - 1 - n;
    }
    uint64_t first = id_at (lane->queue.next), last = id_at (lane->queue.previous), id = task->by_id.key;
    if (first >= last || id <= first || id >= last)
        return lane->n_queued / 2;
    return (size_t) ((double) (id - first) / (double) (last - first) * (double) (lane->n_queued - 1));
}

/* How many tasks will be given out before this one, in its own session, more or less. Tasks of other routes
   and its own priority are not counted. */
static size_t count_ahead (const task_t *task)
{
    const lane_t *its = task->of.lane;
    const session_record_t *session = its->route->session;
    if (task->is_graced)
        return session->n_queued - 1;
    size_t n = place_in_lane (task, its), n_lanes = 0;
    for (const dp_list_t *node = session->waiting.next; node != &session->waiting; node = node->next) {
        const route_t *route = DP_CONTAINER (node, route_t, in_waiting);
        for (size_t i = 0; i < route->ranks.n_nodes && n_lanes < MOST_LANES; i++, n_lanes++) {
            const lane_t *lane = DP_CONTAINER (route->ranks.nodes[i], lane_t, by_rank);
            if ((int64_t) lane->by_priority.key > (int64_t) its->by_priority.key)
                n += lane->n_queued;
        }
        if (n_lanes == MOST_LANES)
            break;
    }
    return n;
}

static void explain_queued (const scheduler_t *self, int64_t now_ms, const task_t *task,
                            wire_answer_t *answer, char *text, size_t size)
{
    const route_t *route = task->of.lane->route;
    size_t n_able = 0, n_draining = 0;
    for (const dp_list_t *node = self->all_workers.next; node != &self->all_workers; node = node->next) {
        const worker_record_t *worker = DP_CONTAINER (node, worker_record_t, in_workers);
        n_able += scheduler_can_run (worker, route);
        n_draining += worker->is_draining && scheduler_can_run (worker, route);
    }
    int64_t since_ms = now_ms - (int64_t) task->since_ms;
    if (dp_list_is_empty (&self->all_workers)) {
        say (answer, DPOOL_REASON_NO_WORKER, now_ms - self->no_worker_since_ms);
        snprintf (text, size, "no worker is connected to the broker: start one with dpool-worker");
    } else if (n_able == 0) {
        say (answer, DPOOL_REASON_NO_FUNCTION, since_ms);
        snprintf (text, size, "workers are there, but none offers '%s'%s%s now", route->function->name,
                  route->require != NULL ? " with the label " : "",
                  route->require != NULL ? route->require->name : "");
    } else if (n_draining == n_able) {
        say (answer, DPOOL_REASON_DRAINING, since_ms);
        snprintf (text, size, "all workers that offer '%s' are draining", route->function->name);
    } else if (task->n_losses > 0) {
        say (answer, DPOOL_REASON_RETRYING, since_ms);
        answer->ahead = count_ahead (task);
        snprintf (text, size, "it waits for another try: its worker was lost%s",
                  task->n_losses > 1 ? ", more than once" : "");
    } else if (route->session->is_full) {
        answer->ahead = count_ahead (task);
        say (answer, DPOOL_REASON_QUEUED, since_ms);
        snprintf (
            text, size,
            "it waits until this program takes its results: %llu bytes of them fill the broker's memory",
            (unsigned long long) route->session->held_bytes);
    } else {
        answer->ahead = count_ahead (task);
        say (answer, DPOOL_REASON_QUEUED, since_ms);
        snprintf (text, size, "it is queued behind %llu others of this pool",
                  (unsigned long long) answer->ahead);
    }
}

static void explain (const scheduler_t *self, int64_t now_ms, const session_record_t *session, uint64_t id,
                     wire_answer_t *answer, char *text, size_t size)
{
    const task_t *task = scheduler_task (session, id);
    if (task == NULL || task->state == TASK_FINISHED) {
        say (answer, DPOOL_REASON_FINISHED, 0);
        snprintf (text, size,
                  task == NULL ? "the broker does not know it any more"
                               : "it is finished, and its result is on its way");
        return;
    }
    answer->attempt = scheduler_attempt_of (task);
    if (task->state == TASK_QUEUED) {
        explain_queued (self, now_ms, task, answer, text, size);
        return;
    }
    const worker_record_t *worker = scheduler_worker_of (task);
    answer->worker = (wire_text_t) { name_of (worker), strlen (name_of (worker)) };
    int64_t since_ms = now_ms - (int64_t) task->since_ms, silent_ms = now_ms - worker->peer.heard_at_ms;
    say (answer, answer->attempt % 1000 > 1 ? DPOOL_REASON_RETRYING : DPOOL_REASON_RUNNING, since_ms);
    snprintf (text, size, "%s on worker '%s' for %lld ms (last heard of %lld ms ago)%s",
              task->has_started ? "it runs" : "it was given to a process", name_of (worker),
              (long long) since_ms, (long long) (silent_ms > 0 ? silent_ms : 0),
              task->n_losses > 0 ? "; a worker that had it before was lost" : "");
}

/* ---- Orders ---------------------------------------------------------------------------------- */

/* It finishes what runs and leaves; it says itself that it does so. */
static void drain (scheduler_t *self, uint64_t id, wire_answer_t *answer, char *text, size_t size)
{
    dp_map_node_t *node = dp_map_get (&self->workers, id);
    worker_record_t *worker = node != NULL ? DP_CONTAINER (node, worker_record_t, peer.by_id) : NULL;
    if (worker == NULL || worker->peer.connection == 0) {
        say (answer, DPOOL_REASON_NO_WORKER, 0);
        snprintf (text, size, worker == NULL ? "there is no such worker" : "its connection is broken");
        return;
    }
    say (answer, DPOOL_REASON_DRAINING, 0);
    answer->worker = (wire_text_t) { name_of (worker), strlen (name_of (worker)) };
    snprintf (text, size, "it was asked to drain");
    if (!worker->is_draining)
        scheduler_log (self, "worker '%s' (pid %llu) is asked to drain", worker->peer.name,
                       (unsigned long long) worker->peer.pid);
    wire_put_bare (&self->outbox, worker->peer.connection, WIRE_DRAIN, worker->peer.acks.n_received);
}

/* ---- Functions ------------------------------------------------------------------------------- */

static void tell_function (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_text_t name,
                           wire_answer_t *answer, char *text, size_t size)
{
    const access_entry_t *entry = peer->account->entry;
    if (entry != NULL && !access_may_use (entry, name)) {
        answer->reason = WIRE_REASON_FORBIDDEN;
        access_explain_function (entry, "call", name, text, size);
    } else
        say (answer, scheduler_explain_offer (self, now_ms, peer, name, &answer->ahead, text, size), 0);
}

/* ---- Questions ------------------------------------------------------------------------------- */

size_t scheduler_answer (scheduler_t *self, int64_t now_ms, peer_t *peer, const wire_query_t *query)
{
    const session_record_t *session = DP_CONTAINER (peer, session_record_t, peer);
    wire_answer_t answer = { .query = query->query, .worker = { "", 0 } };
    char text[1024] = ""; /* a name of 255, or a list of 512, and what is said of it */
    answer.text.data = text;
    if (query->question == WIRE_QUERY_STATUS
        && scheduler_over_queries (self, now_ms, peer->account, text, sizeof text) != NULL) {
        answer.reason = WIRE_REASON_QUOTA;
        answer.text.len = strlen (text);
    } else if (query->question == WIRE_QUERY_STATUS) {
        scheduler_write_status (self, now_ms, &self->scratch);
        answer.text = (wire_text_t) { (const char *) self->scratch.data, self->scratch.len };
    } else {
        if (query->question == WIRE_QUERY_EXPLAIN)
            explain (self, now_ms, session, query->id, &answer, text, sizeof text);
        else if (query->question == WIRE_QUERY_FUNCTION)
            tell_function (self, now_ms, peer, query->name, &answer, text, sizeof text);
        else
            drain (self, query->id, &answer, text, sizeof text);
        answer.text.len = strlen (text);
    }
    wire_put_answer (&self->outbox, peer->connection, peer->acks.n_received, &answer);
    return answer.text.len;
}
