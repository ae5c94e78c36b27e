/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_workers.c - workers come, list what they hold, and go. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <string.h>

/* ---- Coming --------------------------------------------------------------------------------- */

static void take_offers (scheduler_t *self, worker_record_t *worker, wire_hello_t *hello)
{
    dp_free (worker->offers);
    worker->n_functions = worker->n_offers = 0;
    worker->offers = dp_must_alloc ((hello->n_functions + hello->n_labels + 1) * sizeof (offer_t *));
    wire_text_t name;
    for (size_t left = hello->n_functions; wire_next_name (&hello->functions, &left, &name);)
        worker->offers[worker->n_offers++] = scheduler_offer (self, 'f', name);
    worker->n_functions = worker->n_offers;
    for (size_t left = hello->n_labels; wire_next_name (&hello->labels, &left, &name);)
        worker->offers[worker->n_offers++] = scheduler_offer (self, 'l', name);
    for (size_t i = 0; i < worker->n_offers; i++)
        worker->offers[i]->was_offered = true;
}

static void forget_sessions (worker_record_t *worker)
{
    for (dp_map_node_t *node; (node = dp_map_first (&worker->sessions)) != NULL;) {
        dp_map_take (&worker->sessions, node->key);
        dp_free (DP_CONTAINER (node, known_session_t, by_id));
    }
}

static worker_record_t *new_worker (scheduler_t *self, uint64_t id)
{
    worker_record_t *worker = dp_must_alloc (sizeof *worker);
    dp_list_init (&worker->peer.in_touched);
    dp_list_init (&worker->in_workers);
    dp_list_init (&worker->runs);
    dp_list_init (&worker->orphans);
    worker->peer.role = WIRE_ROLE_WORKER;
    worker->peer.id = id;
    dp_map_put (&self->workers, id, &worker->peer.by_id);
    dp_list_append (&self->all_workers, &worker->in_workers);
    return worker;
}

static void count_processes (scheduler_t *self)
{
    uint64_t n = 0;
    DP_LIST_EACH (&self->all_workers, node)
    {
        const worker_record_t *worker = DP_CONTAINER (node, worker_record_t, in_workers);
        if (worker->peer.connection != 0 && !worker->is_draining)
            n += worker->processes;
    }
    self->is_processes_changed |= n != self->n_processes;
    self->n_processes = n;
}

static void log_joined (scheduler_t *self, const worker_record_t *worker, bool is_kept)
{
    char names[256] = "";
    size_t at = 0;
    for (size_t i = 0; i < worker->n_functions && at + DP_MAX_NESTING + 66 < sizeof names; i++) {
        const char *name = worker->offers[i]->name;
        memcpy (names + at, i > 0 ? ", " : "", i > 0 ? 2 : 0);
        at += i > 0 ? 2 : 0;
        memcpy (names + at, name, strlen (name) + 1);
        at += strlen (name);
    }
    scheduler_log (self, "worker '%s' %s: %llu processes, functions %s", worker->peer.name,
                   is_kept ? "is back" : "joined", (unsigned long long) worker->processes, names);
}

void scheduler_hello_worker (scheduler_t *self, int64_t now_ms, uint64_t connection, wire_message_t *message)
{
    (void) now_ms;
    wire_hello_t *hello = &message->hello;
    dp_map_node_t *node = dp_map_get (&self->workers, hello->id);
    worker_record_t *worker = node != NULL ? DP_CONTAINER (node, worker_record_t, peer.by_id) : NULL;
    bool is_kept = worker != NULL;
    if (!is_kept)
        worker = new_worker (self, hello->id);
    wire_batch_fini (&worker->tasks);
    wire_batch_fini (&worker->cancels);
    wire_batch_fini (&worker->adopts);
    wire_batch_fini (&worker->revokes);
    forget_sessions (worker);
    scheduler_drop_orphans (self, worker);
    worker->processes = hello->processes;
    worker->window = hello->window_tasks;
    worker->is_draining = hello->is_draining;
    worker->is_listing = true;
    take_offers (self, worker, hello);
    worker->peer.connection = connection;
    self->is_checking_lanes = true;
    count_processes (self);
    scheduler_rank (self, worker);
}

/* Its place among those that have room: the emptier the earlier. */
void scheduler_rank (scheduler_t *self, worker_record_t *worker)
{
    bool has_room = worker->peer.connection != 0 && !worker->is_draining && !worker->is_listing
                    && worker->n_runs < worker->window;
    if (!has_room)
        dp_heap_remove (&self->idle, &worker->by_load);
    else
        dp_heap_push (&self->idle, &worker->by_load,
                      worker->n_runs * 1024 / (worker->processes > 0 ? worker->processes : 1));
}

void scheduler_tell_run (scheduler_t *self, worker_record_t *worker, wire_kind_t kind, const wire_run_t *run)
{
    if (worker->peer.connection == 0)
        return;
    wire_batch_t *batch = kind == WIRE_CANCEL  ? &worker->cancels
                          : kind == WIRE_ADOPT ? &worker->adopts
                                               : &worker->revokes;
    wire_add_run (batch, &self->outbox, worker->peer.connection, kind, run);
    scheduler_touch (self, &worker->peer);
}

/* ---- Runs ----------------------------------------------------------------------------------- */

static uint64_t run_key (uint64_t session, uint64_t id)
{
    return (session ^ (id * 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu;
}

static void keep_orphan (scheduler_t *self, worker_record_t *worker, const wire_run_t *run)
{
    dp_map_node_t *node = dp_map_get (&self->orphans, run_key (run->session, run->id));
    if (node != NULL) { /* of two runs of one task the later attempt is kept */
        orphan_t *other = DP_CONTAINER (node, orphan_t, by_run);
        const wire_run_t *loser = other->run.attempt < run->attempt ? &other->run : run;
        scheduler_tell_run (self, loser == run ? worker : other->worker, WIRE_CANCEL, loser);
        if (loser == run)
            return;
        dp_list_remove (&other->in_worker);
        other->worker = worker;
        other->run = *run;
        dp_list_append (&worker->orphans, &other->in_worker);
        return;
    }
    orphan_t *orphan = dp_must_alloc (sizeof *orphan);
    orphan->worker = worker;
    orphan->run = *run;
    orphan->run.worker = (wire_text_t) { "", 0 };
    dp_map_put (&self->orphans, run_key (run->session, run->id), &orphan->by_run);
    dp_list_init (&orphan->in_worker);
    dp_list_append (&worker->orphans, &orphan->in_worker);
    self->n_orphans++;
}

static void free_orphan (scheduler_t *self, orphan_t *orphan)
{
    dp_map_take (&self->orphans, orphan->by_run.key);
    dp_list_remove (&orphan->in_worker);
    dp_free (orphan);
    self->n_orphans--;
}

void scheduler_drop_orphans (scheduler_t *self, worker_record_t *worker)
{
    DP_LIST_EACH (&worker->orphans, node)
    free_orphan (self, DP_CONTAINER (node, orphan_t, in_worker));
}

/* A task that is not assigned here may be running somewhere. */
bool scheduler_adopt_orphan (scheduler_t *self, int64_t now_ms, session_record_t *session, uint64_t id)
{
    dp_map_node_t *node = dp_map_get (&self->orphans, run_key (session->peer.id, id));
    if (node == NULL)
        return false;
    orphan_t *orphan = DP_CONTAINER (node, orphan_t, by_run);
    if (orphan->run.session != session->peer.id || orphan->run.id != id)
        return false;
    task_t *task = scheduler_task (session, id);
    if (task == NULL)
        task = scheduler_new_bodyless (self, session, id);
    wire_run_t run = orphan->run;
    worker_record_t *worker = orphan->worker;
    free_orphan (self, orphan);
    scheduler_adopt (self, now_ms, task, worker, &run);
    return true;
}

/* The session's list is complete: what it does not want is stopped. */
void scheduler_settle_orphans (scheduler_t *self, session_record_t *session)
{
    DP_LIST_EACH (&self->all_workers, worker_node)
    {
        worker_record_t *worker = DP_CONTAINER (worker_node, worker_record_t, in_workers);
        DP_LIST_EACH (&worker->orphans, node)
        {
            orphan_t *orphan = DP_CONTAINER (node, orphan_t, in_worker);
            if (orphan->run.session != session->peer.id)
                continue;
            scheduler_tell_run (self, worker, WIRE_CANCEL, &orphan->run);
            free_orphan (self, orphan);
        }
    }
}

/* One run that a worker lists: adopt it, stop it, or wait for its client (R7). */
static void list_run (scheduler_t *self, int64_t now_ms, worker_record_t *worker, const wire_run_t *run)
{
    dp_map_node_t *node = dp_map_get (&self->sessions, run->session);
    session_record_t *session = node != NULL ? DP_CONTAINER (node, session_record_t, peer.by_id) : NULL;
    task_t *task = session != NULL ? scheduler_task (session, run->id) : NULL;
    if (task == NULL) {
        if (session != NULL && session->is_claimed)
            scheduler_tell_run (self, worker, WIRE_CANCEL, run);
        else
            keep_orphan (self, worker, run);
        return;
    }
    bool is_present = task->state == TASK_ASSIGNED && task->worker == worker && task->attempt == run->attempt;
    if (is_present) {
        task->listed = worker->peer.hello;
        scheduler_tell_run (self, worker, WIRE_ADOPT, run);
        if (task->is_cancelled)
            scheduler_tell_run (self, worker, WIRE_CANCEL, run);
    } else if (task->state == TASK_QUEUED && run->attempt >= task->attempt)
        scheduler_adopt (self, now_ms, task, worker, run);
    else if (task->state != TASK_FINISHED && run->state == WIRE_RUN_DONE)
        scheduler_tell_run (self, worker, WIRE_ADOPT, run); /* its result may be a value, and win */
    else
        scheduler_tell_run (self, worker, WIRE_CANCEL, run);
}

void scheduler_on_runs (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    worker_record_t *worker = DP_CONTAINER (peer, worker_record_t, peer);
    wire_run_t run;
    while (wire_next_run (message, &run))
        list_run (self, now_ms, worker, &run);
    if (!message->is_last || !worker->is_listing)
        return;
    worker->is_listing = false;
    /* What it should have and has not never reached it. */
    DP_LIST_EACH (&worker->runs, node)
    {
        task_t *task = DP_CONTAINER (node, task_t, in_lane);
        if (task->listed != worker->peer.hello) {
            scheduler_unassign (self, task);
            scheduler_return (self, now_ms, task, false);
        }
    }
    log_joined (self, worker, peer->broken_at_ms != 0);
    peer->broken_at_ms = 0;
    scheduler_rank (self, worker);
}

/* ---- Going ---------------------------------------------------------------------------------- */

void scheduler_lose_worker (scheduler_t *self, int64_t now_ms, worker_record_t *worker, const char *why)
{
    size_t n = worker->n_runs;
    dp_heap_remove (&self->idle, &worker->by_load);
    dp_list_remove (&worker->in_workers);
    worker->window = 0;                         /* has no room while its runs go */
    while (!dp_list_is_empty (&worker->runs)) { /* the last first, since each goes to the head of its queue */
        task_t *task = DP_CONTAINER (worker->runs.previous, task_t, in_lane);
        scheduler_unassign (self, task);
        scheduler_return (self, now_ms, task, true);
    }
    scheduler_log (self, "worker '%s' %s: %zu tasks queued again", worker->peer.name, why, n);
    if (worker->peer.connection != 0)
        scheduler_forget (self, worker->peer.connection);
    scheduler_drop_orphans (self, worker);
    forget_sessions (worker);
    dp_map_fini (&worker->sessions);
    wire_batch_fini (&worker->tasks);
    wire_batch_fini (&worker->cancels);
    wire_batch_fini (&worker->adopts);
    wire_batch_fini (&worker->revokes);
    dp_map_take (&self->workers, worker->peer.id);
    dp_list_remove (&worker->peer.in_touched);
    dp_free (worker->offers);
    dp_free (worker);
    if (dp_list_is_empty (&self->all_workers))
        self->no_worker_since_ms = now_ms;
    count_processes (self);
}

void scheduler_check_worker (scheduler_t *self, int64_t now_ms, worker_record_t *worker)
{
    const peer_t *peer = &worker->peer;
    int64_t silent_ms = now_ms - peer->heard_at_ms;
    if (peer->connection == 0) {
        count_processes (self);
        if (now_ms - peer->broken_at_ms >= self->config.worker_return_ms)
            scheduler_lose_worker (self, now_ms, worker, "is lost (its connection broke)");
    } else if (!self->config.is_embedded && silent_ms >= self->config.worker_silence_ms)
        scheduler_lose_worker (self, now_ms, worker, "is lost (silent for 5 s)");
    else if (!self->config.is_embedded && silent_ms >= SCHEDULER_SUSPECT_MS)
        dp_heap_remove (&self->idle, &worker->by_load); /* the next sign of life ranks it again */
}
