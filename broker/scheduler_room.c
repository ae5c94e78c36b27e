/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_room.c - the memory limit (R9). It is shared out in eighths:
 *
 *   3  arguments of unfinished tasks, by sessions: a client is told how many bytes it may have here
 *   1  copies of them on their way to workers: a worker gets no more tasks while it has its share
 *   2  results that no client has acknowledged yet, by sessions: one that has more than its share is full
 *   1  results that workers send meanwhile: each is told how many bytes may be unacknowledged
 *   1  copies of results on their way to clients, by sessions
 *
 * Shares are powers of two of these, so that few peers are told anew when another comes. Nobody's share is
 * less than least_room_bytes, and whoever has nothing here may send one thing of any size: with n
 * sessions and w workers the payloads take at most limit + (2 n + 2 w) x (least_room_bytes + the largest
 * payload).
 */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

enum {
    EIGHTHS_TASKS = 3,
    EIGHTHS_TO_WORKERS = 1,
    EIGHTHS_HELD = 2,
    EIGHTHS_FROM_WORKERS = 1,
    EIGHTHS_TO_CLIENTS = 1
};

/* More on its way to one client would not make it faster. */
#define MOST_TO_CLIENT (UINT64_C (4) * 1024 * 1024)

static bool is_limited (const scheduler_t *self)
{
    return self->config.memory_limit_bytes > 0;
}

static uint64_t eighths (const scheduler_t *self, uint64_t n)
{
    return self->config.memory_limit_bytes / 8 * n;
}

/* What one of n gets, such that something is left for the next one. */
static uint64_t share (const scheduler_t *self, uint64_t whole, size_t n)
{
    while (n > 0) {
        whole /= 2;
        n /= 2;
    }
    return whole > self->config.least_room_bytes ? whole : self->config.least_room_bytes;
}

/* ---- Workers --------------------------------------------------------------------------------- */

static uint64_t worker_room (const scheduler_t *self)
{
    return share (self, eighths (self, EIGHTHS_FROM_WORKERS), self->workers.count);
}

/* The smaller of what it asked for and its share; and what it asks for beyond that since: so much of what it
   had been given is done, and only its results wait. */
uint64_t scheduler_window_bytes (const scheduler_t *self, const worker_record_t *worker)
{
    uint64_t window = worker->window_bytes > 0 ? worker->window_bytes : UINT64_MAX;
    uint64_t parked = worker->told_bytes > window ? worker->told_bytes - window : 0;
    if (is_limited (self)) {
        uint64_t most = share (self, eighths (self, EIGHTHS_TO_WORKERS), self->workers.count);
        window = window < most ? window : most;
    }
    return parked < UINT64_MAX - window ? window + parked : UINT64_MAX;
}

/* ---- Sessions -------------------------------------------------------------------------------- */

bool scheduler_may_send (const scheduler_t *self, const session_record_t *session, size_t len)
{
    if (!is_limited (self) || session->sent_bytes == 0)
        return true;
    uint64_t most = share (self, eighths (self, EIGHTHS_TO_CLIENTS), self->sessions.count);
    return session->sent_bytes + len <= (most < MOST_TO_CLIENT ? most : MOST_TO_CLIENT);
}

void scheduler_weigh_task (task_t *task, bool is_coming)
{
    uint64_t bytes = (uint64_t) task->payload_len + WIRE_RECORD_BYTES;
    session_record_t *session = scheduler_session_of (task);
    account_t *account = session->peer.account;
    session->task_bytes += is_coming ? bytes : 0 - bytes;
    session->cancelled_bytes -= task->is_cancelled ? bytes : 0; /* none is cancelled when it comes */
    account->bytes += is_coming ? bytes : 0 - bytes;
    account->n_tasks += is_coming ? 1 : 0 - UINT64_C (1);
}

void scheduler_mark_cancelled (task_t *task)
{
    if (task->state != TASK_FINISHED && !task->is_cancelled)
        scheduler_session_of (task)->cancelled_bytes += (uint64_t) task->payload_len + WIRE_RECORD_BYTES;
    task->is_cancelled = true;
}

/* ---- Quotas ----------------------------------------------------------------------------------- */

static uint64_t within_quota (const session_record_t *session, uint64_t bytes)
{
    const account_t *account = session->peer.account;
    uint64_t most = scheduler_bytes_allowed (&account->quota, account->kept_bytes, account->n_sessions);
    return most != 0 && most < bytes ? most : bytes;
}

static uint64_t tasks_within_quota (const session_record_t *session)
{
    const account_t *account = session->peer.account;
    return scheduler_tasks_allowed (&account->quota, account->n_sessions);
}

/* ---- Sessions that are full ------------------------------------------------------------------- */

/* Its share, or the least when all shares together are used up. */
static uint64_t most_held (const scheduler_t *self, const session_record_t *session)
{
    uint64_t whole = eighths (self, EIGHTHS_HELD);
    uint64_t most = self->held_bytes > whole ? self->config.least_room_bytes
                                             : share (self, whole, self->sessions.count);
    return within_quota (session, most);
}

/* No more so at half of what made it full. */
static void update_full (scheduler_t *self, session_record_t *session)
{
    uint64_t most = most_held (self, session);
    bool is_full = session->held_bytes > (session->is_full ? most / 2 : most);
    if (is_full == session->is_full)
        return;
    session->is_full = is_full;
    self->n_full += is_full ? 1 : (size_t) -1;
    self->is_telling_full = true;
    if (!is_full)
        scheduler_make_hungry (self, session);
}

void scheduler_weigh_held (scheduler_t *self, session_record_t *session, size_t len, bool is_coming)
{
    uint64_t bytes = (uint64_t) len + WIRE_RECORD_BYTES;
    session->held_bytes += is_coming ? bytes : 0 - bytes;
    session->peer.account->bytes += is_coming ? bytes : 0 - bytes;
    self->held_bytes += is_coming ? bytes : 0 - bytes;
    if (is_limited (self))
        update_full (self, session);
}

/* ---- Sessions that have too much ---------------------------------------------------------------- */

/* What it was told of; where that is its quota's, which is kept by refusals, its share of the memory. */
static uint64_t room_kept (const scheduler_t *self, const session_record_t *session)
{
    uint64_t most = share (self, eighths (self, EIGHTHS_TASKS), self->sessions.count);
    return within_quota (session, most) < most ? most : session->room;
}

/* Results that do not come from workers, of tasks that fail here, are not kept back by its being full. */
static bool is_stuffed (const scheduler_t *self, const session_record_t *session)
{
    return session->is_full
           && session->held_bytes > most_held (self, session) + eighths (self, EIGHTHS_FROM_WORKERS);
}

/* All workers that heed ROOM have no more than their shares on the way, which may be the least, and some a
   long payload alone. */
static bool is_flooded (const scheduler_t *self)
{
    enum { LONG_ONES = 4 };
    uint64_t n_peers = self->sessions.count + self->workers.count;
    return self->held_bytes > eighths (self, EIGHTHS_HELD + EIGHTHS_FROM_WORKERS)
                                  + n_peers * self->config.least_room_bytes
                                  + LONG_ONES * self->config.max_payload_bytes;
}

/* Many may have sent a long one each: so it is judged by what it sends itself, as long as there are too many.
   Whoever should be meant by mistake loses nothing: it comes back, hears which sessions are full, and sends
   later what was not taken. */
bool scheduler_floods (const scheduler_t *self, worker_record_t *worker, const session_record_t *session,
                       size_t payload_len)
{
    if (!is_limited (self) || !session->is_full)
        return false;
    worker->flood_bytes = is_flooded (self) ? worker->flood_bytes + payload_len + WIRE_RECORD_BYTES : 0;
    return worker->flood_bytes > self->worker_room + self->config.max_payload_bytes;
}

bool scheduler_is_excess (const scheduler_t *self, const session_record_t *session, size_t payload_len)
{
    uint64_t used = session->task_bytes - session->cancelled_bytes,
             bytes = (uint64_t) payload_len + WIRE_RECORD_BYTES;
    if (!is_limited (self) || (used + bytes <= session->room && !session->is_full))
        return false;
    return is_stuffed (self, session) || (used > 0 && used + bytes > room_kept (self, session));
}

/* ---- What is told ----------------------------------------------------------------------------- */

static void tell_client (scheduler_t *self, session_record_t *session, uint64_t room)
{
    session->room = room;
    session->told_tasks = tasks_within_quota (session);
    if (session->peer.connection != 0)
        wire_put_room (&self->outbox, session->peer.connection, session->peer.acks.n_received, room,
                       session->told_tasks, NULL, 0);
}

/* Room that was given to a session is taken back only when its tasks are gone. */
static uint64_t given (const session_record_t *session)
{
    return session->room > session->task_bytes ? session->room : session->task_bytes;
}

static session_record_t *first_session (const scheduler_t *self)
{
    dp_map_node_t *node = dp_map_first (&self->sessions);
    return node != NULL ? DP_CONTAINER (node, session_record_t, peer.by_id) : NULL;
}

static session_record_t *next_session (const scheduler_t *self, session_record_t *session)
{
    dp_map_node_t *node = dp_map_next (&self->sessions, &session->peer.by_id);
    return node != NULL ? DP_CONTAINER (node, session_record_t, peer.by_id) : NULL;
}

static void share_among_clients (scheduler_t *self)
{
    uint64_t whole = eighths (self, EIGHTHS_TASKS), share_of_one = share (self, whole, self->sessions.count),
             taken = 0;
    for (session_record_t *session = first_session (self); session != NULL;
         session = next_session (self, session)) {
        uint64_t most = within_quota (session, share_of_one);
        if (session->room > most || session->told_tasks != tasks_within_quota (session))
            tell_client (self, session, session->room < most ? session->room : most);
        taken += given (session);
    }
    for (session_record_t *session = first_session (self); session != NULL;
         session = next_session (self, session)) {
        uint64_t most = within_quota (session, share_of_one);
        uint64_t now = given (session), free = whole > taken ? whole - taken : 0;
        uint64_t room = free < most - session->room ? session->room + free : most;
        if (room < self->config.least_room_bytes)
            room = within_quota (session, self->config.least_room_bytes);
        if (room <= session->room)
            continue;
        tell_client (self, session, room);
        taken += given (session) - now;
    }
}

static void tell_workers (scheduler_t *self)
{
    uint64_t *full = dp_must_alloc ((self->n_full + 1) * sizeof *full);
    size_t n = 0;
    for (session_record_t *session = first_session (self); session != NULL && n < self->n_full;
         session = next_session (self, session))
        if (session->is_full)
            full[n++] = session->peer.id;
    self->worker_room = worker_room (self);
    DP_LIST_EACH (&self->all_workers, node) {
        const worker_record_t *worker = DP_CONTAINER (node, worker_record_t, in_workers);
        if (worker->peer.connection != 0)
            wire_put_room (&self->outbox, worker->peer.connection, worker->peer.acks.n_received,
                           self->worker_room, 0, full, n);
    }
    dp_free (full);
}

/* For the WELCOME of this peer, or of a new one. */
uint64_t scheduler_room_at_hello (const scheduler_t *self, wire_role_t role, const peer_t *peer)
{
    if (!is_limited (self))
        return 0;
    if (role == WIRE_ROLE_WORKER)
        return worker_room (self);
    return peer != NULL ? DP_CONTAINER (peer, session_record_t, peer)->room : self->config.least_room_bytes;
}

/* Once a turn at most: what has changed is told. */
void scheduler_share_room (scheduler_t *self)
{
    if (!is_limited (self))
        return;
    if (self->is_sharing_room)
        share_among_clients (self);
    if (self->worker_room != worker_room (self) || self->is_telling_full)
        tell_workers (self);
    self->is_sharing_room = self->is_telling_full = false;
}
