/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_sessions.c - clients come and go. */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <string.h>

/* ---- Coming --------------------------------------------------------------------------------- */

size_t scheduler_args_len (const wire_hello_t *hello)
{
    bool is_told = hello->role == WIRE_ROLE_CLIENT && hello->initializer.len > 0 && !hello->is_watcher;
    return is_told ? hello->initializer_args.len : 0;
}

/* One copy, which all that is sent of them holds. */
static void take_args (session_record_t *session, const wire_hello_t *hello)
{
    size_t len = scheduler_args_len (hello);
    session->config.initializer_args = (wire_bytes_t) { (const uint8_t *) "", 0, 0 };
    if (len == 0)
        return;
    session->initializer_args = dp_blob_copy (hello->initializer_args.data, len);
    if (session->initializer_args == NULL)
        dp_no_memory (len);
    session->config.initializer_args = (wire_bytes_t) { dp_blob_data (session->initializer_args), len, 0 };
}

void scheduler_weigh_args (session_record_t *session, bool is_coming)
{
    uint64_t len = session->config.initializer_args.len;
    account_t *account = session->peer.account;
    account->bytes += is_coming ? len : 0 - len;
    account->kept_bytes += is_coming ? len : 0 - len;
}

static session_record_t *new_session (scheduler_t *self, const wire_hello_t *hello)
{
    session_record_t *session = dp_must_alloc (sizeof *session);
    dp_list_init (&session->peer.in_touched);
    dp_list_init (&session->peer.in_acking);
    dp_list_init (&session->peer.in_asking);
    dp_list_init (&session->peer.questions);
    dp_list_init (&session->waiting);
    dp_list_init (&session->idle);
    dp_list_init (&session->graced);
    dp_list_init (&session->sent);
    dp_list_init (&session->unsent);
    dp_list_init (&session->in_ordering);
    session->tasks.secret = session->routes.secret = session->tiers.secret = &self->secret;
    session->room = self->config.least_room_bytes;
    session->peer.role = WIRE_ROLE_CLIENT;
    session->peer.id = hello->id;
    session->initializer = dp_must_alloc (hello->initializer.len + 1);
    memcpy (session->initializer, hello->initializer.data, hello->initializer.len);
    take_args (session, hello);
    session->config = (wire_session_t) {
        .session = hello->id,
        .seed = hello->seed,
        .max_tasks_per_child = hello->max_tasks_per_child,
        .initializer = { session->initializer, hello->initializer.len },
        .initializer_args = session->config.initializer_args,
        .has_own_children = hello->initializer.len > 0 || hello->max_tasks_per_child > 0,
    };
    session->is_watcher = hello->is_watcher;
    self->n_watchers += hello->is_watcher;
    dp_map_put (&self->sessions, hello->id, &session->peer.by_id);
    self->is_sharing_room = true;
    return session;
}

static void drop_batches (session_record_t *session)
{
    wire_batch_fini (&session->results);
    wire_batch_fini (&session->missing);
    wire_batch_fini (&session->progress);
}

peer_t *scheduler_hello_client (scheduler_t *self, uint64_t connection, wire_message_t *message)
{
    session_record_t *session = scheduler_session (self, message->hello.id);
    if (session == NULL)
        session = new_session (self, &message->hello);
    drop_batches (session);
    scheduler_forget_sent (self, session);
    scheduler_forget_excess (session); /* its CLAIM asks for it */
    session->is_claimed = false;
    session->heeds_drain = message->hello.heeds_drain;
    session->is_drained = false;
    scheduler_forget_claims (session);
    session->told_processes = self->n_processes;
    session->told_tasks = 0;
    self->is_sharing_room = true;
    session->peer.connection = connection;
    session->peer.broken_at_ms = 0;
    scheduler_make_hungry (self, session);
    return &session->peer;
}

/* ---- Going ---------------------------------------------------------------------------------- */

static void drop_tasks (scheduler_t *self, session_record_t *session)
{
    scheduler_free_held (self, session);
    for (dp_map_node_t *node = dp_map_first (&session->tasks), *next; node != NULL; node = next) {
        next = dp_map_next (&session->tasks, node);
        task_t *task = DP_CONTAINER (node, task_t, by_id);
        if (task->state == TASK_ASSIGNED)
            scheduler_abandon (self, task);
        scheduler_drop_task (self, task);
    }
    dp_map_fini (&session->tasks);
}

/* SESSION_END ends what is left of its runs, and comes behind their CANCELs. */
static void tell_end (scheduler_t *self, const session_record_t *session)
{
    DP_LIST_EACH (&self->all_workers, node) {
        worker_record_t *worker = DP_CONTAINER (node, worker_record_t, in_workers);
        dp_map_node_t *known = dp_map_take (&worker->sessions, session->peer.id);
        if (known == NULL)
            continue;
        dp_free (DP_CONTAINER (known, known_session_t, by_id));
        scheduler_free_ghosts (worker, session->peer.id);
        scheduler_rank (self, worker);
        if (worker->peer.connection == 0)
            continue;
        wire_flush (&worker->adopts, &self->outbox, worker->peer.acks.n_received, 0, 0);
        wire_flush (&worker->cancels, &self->outbox, worker->peer.acks.n_received, 0, 0);
        wire_put_session_end (&self->outbox, worker->peer.connection, worker->peer.acks.n_received,
                              session->peer.id);
    }
}

static void free_session (scheduler_t *self, session_record_t *session)
{
    drop_batches (session);
    scheduler_free_routes (self, session);
    scheduler_make_sated (self, session);
    dp_list_remove (&session->peer.in_touched);
    dp_list_remove (&session->peer.in_acking);
    scheduler_drop_questions (&session->peer);
    scheduler_drop_orders (session);
    dp_map_take (&self->sessions, session->peer.id);
    scheduler_forget_claims (session);
    scheduler_leave_account (self, &session->peer);
    self->n_watchers -= session->is_watcher;
    self->is_sharing_room = true;
    scheduler_forget_excess (session);
    dp_free (session->initializer);
    dp_blob_release (&session->initializer_args);
    dp_free (session);
}

void scheduler_end_session (scheduler_t *self, session_record_t *session, const char *why)
{
    if (!session->is_watcher)
        scheduler_log (
            self, "client '%s' (pid %llu on %s) %s: %zu queued tasks dropped, %zu running ones cancelled",
            session->peer.name, (unsigned long long) session->peer.pid, session->peer.host, why,
            session->n_queued, session->n_assigned);
    drop_tasks (self, session);
    scheduler_settle_orphans (self, session);
    tell_end (self, session);
    if (session->peer.connection != 0)
        scheduler_forget (self, session->peer.connection);
    free_session (self, session);
}

void scheduler_check_session (scheduler_t *self, int64_t now_ms, session_record_t *session)
{
    peer_t *peer = &session->peer;
    scheduler_say_excess (self, session);
    if (peer->connection != 0 && !session->is_claimed)
        scheduler_refuse_unlisted (self, now_ms, peer,
                                   "its CLAIM was not complete a minute after its HELLO: send one after "
                                   "WELCOME, the last message of it marked");
    if (!self->config.is_embedded
        && now_ms - peer->heard_at_ms - peer->patience_ms >= self->config.client_lease_ms)
        scheduler_end_session (self, session, "is gone (no sign of life for its lease)");
}
