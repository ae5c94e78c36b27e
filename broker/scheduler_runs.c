/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_runs.c - runs that workers have and that are no task's: ghosts, which nobody wants any more, and
   orphans, which nobody has claimed yet. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

/* Clients choose all three. */
static uint64_t run_key (const dp_map_t *map, uint64_t session, uint64_t id, uint64_t attempt)
{
    uint64_t name[] = { session, id, attempt };
    return dp_hash (&map->secret->key, name, 3);
}

/* ---- Ghosts --------------------------------------------------------------------------------- */

static ghost_t *find_ghost (const worker_record_t *worker, uint64_t session, uint64_t id, uint64_t attempt)
{
    if (worker->ghosts.count == 0)
        return NULL;
    dp_map_node_t *node = dp_map_get (&worker->ghosts, run_key (&worker->ghosts, session, id, attempt));
    for (; node != NULL; node = dp_map_next_same (node)) {
        ghost_t *ghost = DP_CONTAINER (node, ghost_t, by_run);
        if (ghost->session == session && ghost->id == id && ghost->attempt == attempt)
            return ghost;
    }
    return NULL;
}

static void free_ghost (worker_record_t *worker, ghost_t *ghost)
{
    dp_map_remove (&worker->ghosts, &ghost->by_run);
    dp_free (ghost);
}

/* Nobody wants the task's present run any more: stop it. The worker has it until it says otherwise. */
void scheduler_abandon (scheduler_t *self, task_t *task)
{
    worker_record_t *worker = scheduler_worker_of (task);
    wire_run_t run = scheduler_run_of (task);
    scheduler_tell_run (self, worker, WIRE_CANCEL, &run);
    bool may_lack_it = worker->peer.connection == 0 || worker->is_listing;
    if (!may_lack_it && find_ghost (worker, run.session, run.id, run.attempt) == NULL) {
        ghost_t *ghost = dp_must_alloc (sizeof *ghost);
        ghost->session = run.session;
        ghost->id = run.id;
        ghost->attempt = run.attempt;
        dp_map_put (&worker->ghosts, run_key (&worker->ghosts, run.session, run.id, run.attempt),
                    &ghost->by_run);
    }
    scheduler_unassign (self, task);
}

bool scheduler_end_ghost (worker_record_t *worker, uint64_t session, uint64_t id, uint64_t attempt)
{
    ghost_t *ghost = find_ghost (worker, session, id, attempt);
    if (ghost != NULL)
        free_ghost (worker, ghost);
    return ghost != NULL;
}

void scheduler_free_ghosts (worker_record_t *worker, uint64_t session)
{
    for (dp_map_node_t *node = dp_map_first (&worker->ghosts), *next; node != NULL; node = next) {
        next = dp_map_next (&worker->ghosts, node);
        ghost_t *ghost = DP_CONTAINER (node, ghost_t, by_run);
        if (session == 0 || ghost->session == session)
            free_ghost (worker, ghost);
    }
}

/* ---- Orphans -------------------------------------------------------------------------------- */

static wire_run_t name_of (const orphan_t *orphan)
{
    return (wire_run_t) { .session = orphan->session, .id = orphan->id, .attempt = orphan->attempt };
}

static void free_orphan (scheduler_t *self, orphan_t *orphan)
{
    dp_map_remove (&self->orphans, &orphan->by_run);
    dp_list_remove (&orphan->in_worker);
    orphan->worker->peer.account->n_orphans--;
    dp_free (orphan);
}

static void stop_orphan (scheduler_t *self, orphan_t *orphan)
{
    wire_run_t run = name_of (orphan);
    scheduler_tell_run (self, orphan->worker, WIRE_CANCEL, &run);
    free_orphan (self, orphan);
}

/* Of whatever attempt. */
static orphan_t *find_orphan (const scheduler_t *self, uint64_t session, uint64_t id)
{
    if (self->orphans.count == 0)
        return NULL;
    dp_map_node_t *node = dp_map_get (&self->orphans, run_key (&self->orphans, session, id, 0));
    for (; node != NULL; node = dp_map_next_same (node)) {
        orphan_t *orphan = DP_CONTAINER (node, orphan_t, by_run);
        if (orphan->session == session && orphan->id == id)
            return orphan;
    }
    return NULL;
}

/* Of all that others leave, one has half at most: whatever a worker says, there is room for the next. */
static bool has_room_for_orphan (const scheduler_t *self, const account_t *account)
{
    size_t left = self->config.most_orphans - (self->orphans.count - account->n_orphans);
    return account->n_orphans < left / 2;
}

/* Of two runs of one task the later attempt is kept. */
void scheduler_keep_orphan (scheduler_t *self, worker_record_t *worker, const wire_run_t *run)
{
    orphan_t *other = find_orphan (self, run->session, run->id);
    if (other != NULL && other->worker == worker && other->attempt == run->attempt)
        return; /* said twice */
    if (other != NULL && other->attempt < run->attempt) {
        stop_orphan (self, other);
        other = NULL;
    }
    if (other != NULL || !has_room_for_orphan (self, worker->peer.account)) {
        scheduler_tell_run (self, worker, WIRE_CANCEL, run);
        return;
    }
    orphan_t *orphan = dp_must_alloc (sizeof *orphan);
    orphan->worker = worker;
    orphan->session = run->session;
    orphan->id = run->id;
    orphan->attempt = run->attempt;
    worker->peer.account->n_orphans++;
    dp_list_init (&orphan->in_worker);
    dp_list_append (&worker->orphans, &orphan->in_worker);
    dp_map_put (&self->orphans, run_key (&self->orphans, run->session, run->id, 0), &orphan->by_run);
}

void scheduler_drop_orphans (scheduler_t *self, worker_record_t *worker)
{
    DP_LIST_EACH (&worker->orphans, node) {
        free_orphan (self, DP_CONTAINER (node, orphan_t, in_worker));
    }
}

static void adopt (scheduler_t *self, int64_t now_ms, task_t *task, orphan_t *orphan)
{
    wire_run_t run = name_of (orphan);
    worker_record_t *worker = orphan->worker;
    free_orphan (self, orphan);
    scheduler_adopt (self, now_ms, task, worker, &run);
}

/* A task that is not assigned here may be running somewhere. */
bool scheduler_adopt_orphan (scheduler_t *self, int64_t now_ms, task_t *task)
{
    orphan_t *orphan = find_orphan (self, scheduler_session_of (task)->peer.id, task->by_id.key);
    if (orphan == NULL)
        return false;
    if (!scheduler_has_say (orphan->worker, task)) {
        stop_orphan (self, orphan);
        return false;
    }
    adopt (self, now_ms, task, orphan);
    return true;
}

static void adopt_if_claimed (scheduler_t *self, int64_t now_ms, session_record_t *session, orphan_t *orphan)
{
    const wire_range_t *claim
        = orphan->session == session->peer.id ? scheduler_find_claim (session, orphan->id) : NULL;
    if (claim == NULL)
        return;
    task_t *task = scheduler_task (session, orphan->id);
    if (task == NULL)
        task = scheduler_new_bodyless (self, session, orphan->id, claim->is_at_most_once);
    if (task->state == TASK_QUEUED && scheduler_has_say (orphan->worker, task))
        adopt (self, now_ms, task, orphan);
}

/* Runs that workers listed before their client came back. */
void scheduler_adopt_claimed (scheduler_t *self, int64_t now_ms, session_record_t *session)
{
    DP_LIST_EACH (&self->all_workers, worker_node) {
        worker_record_t *worker = DP_CONTAINER (worker_node, worker_record_t, in_workers);
        DP_LIST_EACH (&worker->orphans, node) {
            adopt_if_claimed (self, now_ms, session, DP_CONTAINER (node, orphan_t, in_worker));
        }
    }
}

/* The session's list is complete: what it does not want is stopped. */
void scheduler_settle_orphans (scheduler_t *self, session_record_t *session)
{
    DP_LIST_EACH (&self->all_workers, worker_node) {
        worker_record_t *worker = DP_CONTAINER (worker_node, worker_record_t, in_workers);
        DP_LIST_EACH (&worker->orphans, node) {
            orphan_t *orphan = DP_CONTAINER (node, orphan_t, in_worker);
            if (orphan->session == session->peer.id)
                stop_orphan (self, orphan);
        }
    }
}
