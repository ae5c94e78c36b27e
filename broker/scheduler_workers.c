/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_workers.c - workers come, list what they hold, hand back, and go. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <stdio.h>

/* ---- Coming --------------------------------------------------------------------------------- */

static void forget_sessions (worker_record_t *worker)
{
    for (dp_map_node_t *node = dp_map_first (&worker->sessions), *next; node != NULL; node = next) {
        next = dp_map_next (&worker->sessions, node);
        dp_map_take (&worker->sessions, node->key);
        dp_free (DP_CONTAINER (node, known_session_t, by_id));
    }
}

static worker_record_t *new_worker (scheduler_t *self, uint64_t id)
{
    worker_record_t *worker = dp_must_alloc (sizeof *worker);
    dp_list_init (&worker->peer.in_touched);
    dp_list_init (&worker->peer.in_acking);
    dp_list_init (&worker->peer.in_asking);
    dp_list_init (&worker->peer.questions);
    dp_list_init (&worker->in_workers);
    dp_list_init (&worker->runs);
    dp_list_init (&worker->orphans);
    worker->ghosts.secret = worker->sessions.secret = &self->secret;
    worker->peer.role = WIRE_ROLE_WORKER;
    worker->peer.id = id;
    dp_map_put (&self->workers, id, &worker->peer.by_id);
    dp_list_append (&self->all_workers, &worker->in_workers);
    return worker;
}

/* It has to name them again. */
static void unlist_runs (worker_record_t *worker)
{
    DP_LIST_EACH (&worker->runs, node) {
        DP_CONTAINER (node, task_t, in_place)->is_listed = false;
    }
}

/* What was said on a connection that is over. */
static void forget_connection (scheduler_t *self, worker_record_t *worker)
{
    wire_batch_fini (&worker->tasks);
    wire_batch_fini (&worker->revokes);
    wire_batch_fini (&worker->cancels);
    wire_batch_fini (&worker->adopts);
    forget_sessions (worker);
    scheduler_free_ghosts (worker, 0);
    scheduler_drop_orphans (self, worker);
}

void scheduler_count_processes (scheduler_t *self)
{
    self->n_processes = 0;
    self->is_counting_processes = false;
    DP_LIST_EACH (&self->all_workers, node) {
        const worker_record_t *worker = DP_CONTAINER (node, worker_record_t, in_workers);
        if (worker->peer.connection != 0 && !worker->is_draining)
            self->n_processes += worker->processes;
    }
}

peer_t *scheduler_hello_worker (scheduler_t *self, uint64_t connection, wire_message_t *message)
{
    wire_hello_t *hello = &message->hello;
    dp_map_node_t *node = dp_map_get (&self->workers, hello->id);
    worker_record_t *worker
        = node != NULL ? DP_CONTAINER (node, worker_record_t, peer.by_id) : new_worker (self, hello->id);
    forget_connection (self, worker);
    unlist_runs (worker);
    worker->processes = hello->processes < UINT32_MAX ? hello->processes : UINT32_MAX;
    worker->window = hello->window_tasks;
    worker->window_bytes = worker->told_bytes = hello->window_bytes;
    worker->is_draining = hello->is_draining;
    worker->is_listing = true;
    worker->is_suspect = false;
    worker->peer.connection = connection;
    scheduler_take_offers (self, worker, hello);
    self->is_checking_routes = true;
    self->is_counting_processes = true;
    self->is_sharing_room = true;
    self->is_telling_full |= self->n_full > 0;
    scheduler_rank (self, worker);
    return &worker->peer;
}

/* 0 says nothing new. */
void scheduler_take_window (worker_record_t *worker, const wire_message_t *message)
{
    if (message->window_tasks > 0)
        worker->window = message->window_tasks;
    if (message->window_bytes > 0)
        worker->told_bytes = message->window_bytes;
}

/* Its place among those that have room: the emptier the earlier. */
void scheduler_rank (scheduler_t *self, worker_record_t *worker)
{
    uint64_t n_runs = worker->n_runs + worker->ghosts.count;
    bool has_room = worker->peer.connection != 0 && !worker->is_draining && !worker->is_listing
                    && !worker->is_suspect && n_runs < worker->window
                    && (n_runs == 0 || worker->run_bytes < scheduler_window_bytes (self, worker));
    if (has_room)
        dp_heap_push (&worker->trade->idle, &worker->by_load,
                      n_runs * 1024 / (worker->processes > 0 ? worker->processes : 1));
    else
        dp_heap_remove (&worker->trade->idle, &worker->by_load);
}

void scheduler_tell_run (scheduler_t *self, worker_record_t *worker, wire_kind_t kind, const wire_run_t *run)
{
    if (worker->peer.connection == 0)
        return;
    wire_batch_t *batch = kind == WIRE_ADOPT    ? &worker->adopts
                          : kind == WIRE_REVOKE ? &worker->revokes
                                                : &worker->cancels;
    wire_add_run (batch, &self->outbox, worker->peer.connection, kind, run);
    scheduler_touch (self, &worker->peer);
}

/* ---- Runs ----------------------------------------------------------------------------------- */

/* It is no task here: its client may not have said so far what it wants (R7). */
static void list_unknown (scheduler_t *self, int64_t now_ms, worker_record_t *worker,
                          session_record_t *session, const wire_run_t *run)
{
    const wire_range_t *claim
        = session != NULL && session->is_claimed ? scheduler_find_claim (session, run->id) : NULL;
    if (claim != NULL)
        scheduler_adopt (self, now_ms,
                         scheduler_new_bodyless (self, session, run->id, claim->is_at_most_once), worker,
                         run);
    else if (session == NULL || !session->is_claimed)
        scheduler_keep_orphan (self, worker, run);
    else
        scheduler_tell_run (self, worker, WIRE_CANCEL, run);
}

static void list_assigned (scheduler_t *self, worker_record_t *worker, task_t *task, const wire_run_t *run)
{
    bool is_present = scheduler_worker_of (task) == worker && scheduler_attempt_of (task) == run->attempt;
    if (is_present) {
        task->is_listed = true;
        scheduler_put_session (self, worker, scheduler_session_of (task));
    }
    if (is_present || run->state == WIRE_RUN_DONE) /* the result of another run may be a value, and win */
        scheduler_tell_run (self, worker, WIRE_ADOPT, run);
    if (is_present && task->is_recalled && !task->is_cancelled)
        scheduler_tell_run (self, worker, WIRE_REVOKE, run);
    if (is_present ? task->is_cancelled : run->state != WIRE_RUN_DONE)
        scheduler_tell_run (self, worker, WIRE_CANCEL, run);
}

/* One run that a worker lists: adopt it, stop it, or wait for its client (R7). */
static void list_run (scheduler_t *self, int64_t now_ms, worker_record_t *worker, const wire_run_t *run)
{
    session_record_t *session = scheduler_session (self, run->session);
    task_t *task = session != NULL ? scheduler_task (session, run->id) : NULL;
    if (task == NULL)
        list_unknown (self, now_ms, worker, session, run);
    else if (task->state == TASK_ASSIGNED)
        list_assigned (self, worker, task, run);
    else if (task->state == TASK_QUEUED && scheduler_has_say (worker, task))
        scheduler_adopt (self, now_ms, task, worker, run);
    else
        scheduler_tell_run (self, worker, WIRE_CANCEL, run);
}

static void log_joined (scheduler_t *self, const worker_record_t *worker)
{
    char names[256], rest[40] = "";
    size_t at = 0, n = 0;
    names[0] = '\0';
    for (; n < worker->n_functions && at + worker->functions[n]->len + 3 < sizeof names; n++)
        at += (size_t) snprintf (names + at, sizeof names - at, "%s%s", n > 0 ? ", " : "",
                                 worker->functions[n]->name);
    if (n < worker->n_functions)
        snprintf (rest, sizeof rest, " … (%zu more)", worker->n_functions - n);
    scheduler_log (self, "worker '%s' (pid %llu) %s: %llu process%s, function%s %s%s", worker->peer.name,
                   (unsigned long long) worker->peer.pid,
                   worker->peer.broken_at_ms != 0 ? "is back" : "joined",
                   (unsigned long long) worker->processes, worker->processes == 1 ? "" : "es",
                   worker->n_functions == 1 ? "" : "s", names, rest);
}

void scheduler_on_runs (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    worker_record_t *worker = DP_CONTAINER (peer, worker_record_t, peer);
    if (!worker->is_listing) {
        scheduler_refuse (self, now_ms, peer->connection, WIRE_REFUSED_OTHER,
                          "RUNS is complete already on this connection");
        return;
    }
    wire_run_t run;
    while (wire_next_run (message, &run))
        list_run (self, now_ms, worker, &run);
    if (!message->is_last)
        return;
    worker->is_listing = false;
    DP_LIST_EACH (&worker->runs, node) /* what it should have and has not never reached it */
    {
        task_t *task = DP_CONTAINER (node, task_t, in_place);
        if (!task->is_listed)
            scheduler_return (self, now_ms, task, RETURN_UNLISTED);
    }
    log_joined (self, worker);
    scheduler_rank (self, worker);
}

/* It did not start, so the attempt is not used up: errors tell attempts, and a task may wander a while
   between workers that are busier than they said. */
static void take_back (scheduler_t *self, int64_t now_ms, task_t *task)
{
    scheduler_take_attempt_back (task);
    scheduler_return (self, now_ms, task, RETURN_RELEASED);
}

void scheduler_on_release (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    worker_record_t *worker = DP_CONTAINER (peer, worker_record_t, peer);
    scheduler_take_window (worker, message);
    wire_run_t run;
    while (wire_next_run (message, &run)) {
        session_record_t *session = scheduler_session (self, run.session);
        task_t *task = session != NULL ? scheduler_task (session, run.id) : NULL;
        if (task != NULL && scheduler_worker_of (task) == worker
            && scheduler_attempt_of (task) == run.attempt)
            take_back (self, now_ms, task);
        else
            scheduler_end_ghost (worker, run.session, run.id, run.attempt);
    }
    scheduler_rank (self, worker);
}

void scheduler_on_drain (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    (void) now_ms;
    (void) message;
    worker_record_t *worker = DP_CONTAINER (peer, worker_record_t, peer);
    worker->is_draining = true;
    self->is_counting_processes = true;
    scheduler_rank (self, worker);
}

/* ---- Going ---------------------------------------------------------------------------------- */

static void free_worker (scheduler_t *self, worker_record_t *worker)
{
    forget_connection (self, worker);
    dp_map_fini (&worker->sessions);
    dp_map_fini (&worker->ghosts);
    dp_map_take (&self->workers, worker->peer.id);
    dp_list_remove (&worker->peer.in_touched);
    dp_list_remove (&worker->peer.in_acking);
    scheduler_drop_questions (&worker->peer);
    scheduler_leave_account (self, &worker->peer);
    scheduler_leave_trade (worker);
    scheduler_drop_offers (self, worker);
    dp_free (worker);
}

void scheduler_lose_worker (scheduler_t *self, int64_t now_ms, worker_record_t *worker, const char *why)
{
    scheduler_log (self, "worker '%s' (pid %llu) %s: it had %zu task%s", worker->peer.name,
                   (unsigned long long) worker->peer.pid, why, worker->n_runs,
                   worker->n_runs == 1 ? "" : "s");
    dp_list_remove (&worker->in_workers);
    worker->window = 0;                       /* it has no room while its runs go */
    while (!dp_list_is_empty (&worker->runs)) /* the last first, since each goes to the head of its queue */
        scheduler_return (self, now_ms, DP_CONTAINER (worker->runs.previous, task_t, in_place), RETURN_LOST);
    if (worker->peer.connection != 0)
        scheduler_forget (self, worker->peer.connection);
    free_worker (self, worker);
    self->is_counting_processes = true;
    self->is_sharing_room = true;
    if (dp_list_is_empty (&self->all_workers))
        self->no_worker_since_ms = now_ms;
}

void scheduler_part_worker (scheduler_t *self, int64_t now_ms, worker_record_t *worker)
{
    worker->window = 0;
    for (dp_list_t *node = worker->runs.previous, *next; node != &worker->runs; node = next) {
        task_t *task = DP_CONTAINER (node, task_t, in_place);
        next = node->previous;
        bool was_sent_here = !worker->is_listing && !task->is_listed;
        if (was_sent_here && !task->has_started)
            take_back (self, now_ms, task);
    }
    scheduler_lose_worker (self, now_ms, worker, "left");
}

void scheduler_check_worker (scheduler_t *self, int64_t now_ms, worker_record_t *worker)
{
    peer_t *peer = &worker->peer;
    if (peer->connection == 0) {
        if (now_ms - peer->broken_at_ms >= self->config.worker_return_ms)
            scheduler_lose_worker (self, now_ms, worker, "is lost (its connection broke)");
        return;
    }
    if (now_ms - peer->hello_at_ms >= SCHEDULER_ORPHAN_MS)
        scheduler_drop_orphans (self, worker);
    if (worker->is_listing
        && scheduler_refuse_unlisted (self, now_ms, peer,
                                      "its RUNS was not complete a minute after its HELLO: send one after "
                                      "WELCOME, the last message of it marked"))
        return;
    int64_t silent_ms = now_ms - peer->heard_at_ms - peer->patience_ms;
    if (self->config.is_embedded || silent_ms < SCHEDULER_SUSPECT_MS)
        return;
    if (silent_ms >= self->config.worker_silence_ms) {
        scheduler_lose_worker (self, now_ms, worker, "is lost (silent for too long)");
        return;
    }
    worker->is_suspect = true; /* until its next sign of life */
    scheduler_rank (self, worker);
}
