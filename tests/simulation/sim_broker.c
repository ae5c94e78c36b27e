/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/sim_broker.h"

#include "broker/scheduler_internal.h"
#include "tests/simulation/sim.h"

#include <stdio.h>

enum { DRAIN_MS = 1000 }; /* see broker/main.c */

static int64_t act (node_t *node);
static void say_goodbye (sim_broker_t *self);

static int64_t now_ms (const sim_broker_t *self)
{
    return schedule_now_ms (&self->node.sim->schedule);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void be_reborn (void *owner)
{
    sim_broker_start (owner);
}

void sim_broker_init (sim_broker_t *self, sim_t *sim, size_t number)
{
    *self = (sim_broker_t) { .number = number };
    node_init (&self->node, sim, 'b', number, act);
    event_init (&self->rebirth, be_reborn, self);
}

void sim_broker_start (sim_broker_t *self)
{
    sim_t *sim = self->node.sim;
    if (self->scheduler != NULL && self->end_at_ms != 0)
        say_goodbye (self);
    if (self->scheduler != NULL)
        return;
    scheduler_config_t config = {
        .epoch = (self->number + 1) << 16 | ++self->n_lives,
        .name = self->node.name,
        .client_lease_ms = sim->scenario.lease_ms,
        .memory_limit_bytes = sim->scenario.memory_limit,
        .least_room_bytes = sim->scenario.least_room,
        .answers_a_second = sim->scenario.answers_a_second,
        .quota = { .tasks = sim->scenario.quota_tasks },
    };
    SIM_TELL (sim, self->node.name, "starts");
    self->scheduler = scheduler_new (&config, now_ms (self));
    self->alive_since_us = sim->schedule.now_us;
    self->end_at_ms = 0;
    ledger_reset (&self->ledger);
    node_start (&self->node);
}

void sim_broker_start_at (sim_broker_t *self, int64_t at_us)
{
    schedule_at (&self->node.sim->schedule, &self->rebirth, at_us);
}

void sim_broker_fini (sim_broker_t *self)
{
    node_stop (&self->node);
    if (self->scheduler != NULL)
        scheduler_destroy (&self->scheduler);
    ledger_fini (&self->ledger);
}

connection_t *sim_broker_accept (sim_broker_t *self, size_t peer, size_t slot, bool *is_refused)
{
    network_t *network = &self->node.sim->network;
    bool is_apart = network->blocks[TO_BROKER][peer][self->number] > 0
                    || network->blocks[TO_PEER][peer][self->number] > 0;
    *is_refused = self->scheduler == NULL && !is_apart;
    return self->scheduler != NULL ? network_open (network, peer, self->number, slot) : NULL;
}

/* ---- Connections and their numbers ---------------------------------------------------------- */

static connection_t *connection_of (const sim_broker_t *self, uint64_t number)
{
    const dp_list_t *all = &self->node.sim->network.connections;
    for (dp_list_t *node = all->previous; node != all; node = node->previous) {
        connection_t *connection = DP_CONTAINER (node, connection_t, in_network);
        if (connection->broker == self->number && connection->number == number
            && connection->is_open[TO_PEER])
            return connection;
    }
    return NULL;
}

static void forget (sim_broker_t *self, connection_t *connection)
{
    connection->number = 0;
    ledger_forget (&self->ledger, connection);
}

static void disconnect (sim_broker_t *self, connection_t *connection)
{
    uint64_t number = connection->number;
    forget (self, connection);
    if (number != 0)
        scheduler_disconnected (self->scheduler, now_ms (self), number);
}

/* ---- In ------------------------------------------------------------------------------------- */

static void hear (sim_broker_t *self, connection_t *connection, wire_message_t *message, dp_blob_t **blobs)
{
    sim_t *sim = self->node.sim;
    if (connection->number == 0)
        connection->number = ++self->n_connections;
    sim_tell_message (sim, sim_peer (sim, connection->peer), &self->node, message);
    ledger_received (self, connection, message);
    scheduler_receive (self->scheduler, now_ms (self), connection->number, message, blobs);
}

static void hear_all (sim_broker_t *self)
{
    wire_message_t message;
    dp_blob_t *blobs[WIRE_MAX_FRAMES];
    for (parcel_t *parcel; (parcel = node_receive (&self->node, &message, blobs)) != NULL;) {
        connection_t *connection = parcel->connection;
        if (parcel->message == NULL) {
            disconnect (self, connection);
            network_close (connection, TO_PEER);
        } else
            hear (self, connection, &message, blobs);
        network_free_parcel (parcel);
    }
}

/* ---- Out ------------------------------------------------------------------------------------ */

/* Returns whether the connection was lost by it. */
static bool send_to (sim_broker_t *self, dp_outgoing_t *message)
{
    sim_t *sim = self->node.sim;
    connection_t *connection = connection_of (self, message->to);
    bool is_failing = connection != NULL && sim->scenario.failing_sends > 0 && !faults_are_over (sim)
                      && random_happens (&sim->random, sim->scenario.failing_sends);
    if (connection == NULL || is_failing) {
        if (is_failing) {
            SIM_TELL (sim, "fault", "%s cannot send a %s to %s", self->node.name,
                      wire_kind_name (message->kind), sim_peer (sim, connection->peer)->name);
            sim->network.n_broken++;
            disconnect (self, connection);
        }
        dp_outgoing_destroy (&message);
        return is_failing;
    }
    ledger_sent (self, connection, message);
    network_send (connection, TO_PEER, message);
    return false;
}

static bool send_all (sim_broker_t *self)
{
    bool is_lost = false;
    dp_outgoing_t *message;
    while ((message = dp_outbox_take (scheduler_outbox (self->scheduler))) != NULL)
        is_lost |= send_to (self, message);
    ledger_turn (self);
    return is_lost;
}

static void forget_dropped (sim_broker_t *self)
{
    uint64_t number;
    while (scheduler_next_dropped (self->scheduler, &number)) {
        connection_t *connection = connection_of (self, number);
        if (connection != NULL)
            forget (self, connection);
    }
}

/* ---- Its end ------------------------------------------------------------------------------- */

static void end (sim_broker_t *self, void (*close) (connection_t *connection, direction_t direction))
{
    network_t *network = &self->node.sim->network;
    DP_LIST_EACH (&network->connections, node) {
        connection_t *connection = DP_CONTAINER (node, connection_t, in_network);
        if (connection->broker != self->number || !connection->is_open[TO_PEER])
            continue;
        network->n_broken++;
        close (connection, TO_PEER);
    }
    node_stop (&self->node);
    scheduler_destroy (&self->scheduler);
}

static void say_goodbye (sim_broker_t *self)
{
    SIM_TELL (self->node.sim, self->node.name, "ends");
    scheduler_shutdown (self->scheduler, now_ms (self));
    send_all (self);
    end (self, network_finish);
}

/* ---- A turn -------------------------------------------------------------------------------- */

static int64_t act (node_t *node)
{
    sim_broker_t *self = DP_CONTAINER (node, sim_broker_t, node);
    hear_all (self);
    int64_t deadline_ms = scheduler_tick (self->scheduler, now_ms (self));
    bool is_lost = send_all (self);
    forget_dropped (self);
    for (const char *line; scheduler_next_event (self->scheduler, &line);)
        SIM_TELL (node->sim, node->name, "%s", line);
    judge_broker (node->sim, self);
    if (self->end_at_ms != 0
        && (scheduler_is_drained (self->scheduler) || now_ms (self) >= self->end_at_ms)) {
        say_goodbye (self);
        return DP_NEVER;
    }
    if (self->end_at_ms != 0 && deadline_ms > self->end_at_ms)
        deadline_ms = self->end_at_ms;
    return is_lost ? now_ms (self) : deadline_ms;
}

void sim_broker_kill (sim_broker_t *self)
{
    if (self->scheduler == NULL)
        return;
    SIM_TELL (self->node.sim, self->node.name, "is killed");
    end (self, network_close);
}

void sim_broker_end (sim_broker_t *self)
{
    if (self->scheduler == NULL || self->end_at_ms != 0)
        return;
    SIM_TELL (self->node.sim, self->node.name, "is to end");
    scheduler_drain (self->scheduler);
    self->end_at_ms = now_ms (self) + DRAIN_MS;
    node_wake (&self->node);
}

/* ---- What is left --------------------------------------------------------------------------- */

static void count_workers (const scheduler_t *scheduler, size_t *n_runs, size_t *n_ghosts, size_t *n_batches)
{
    *n_runs = *n_ghosts = *n_batches = 0;
    const dp_list_t *all = &scheduler->all_workers;
    for (const dp_list_t *node = all->next; node != all; node = node->next) {
        const worker_record_t *worker = DP_CONTAINER (node, worker_record_t, in_workers);
        *n_runs += worker->n_runs;
        *n_ghosts += worker->ghosts.count;
        *n_batches += worker->tasks.message != NULL || worker->cancels.message != NULL
                      || worker->adopts.message != NULL;
    }
}

static size_t count (const dp_list_t *list)
{
    size_t n = 0;
    for (const dp_list_t *node = list->next; node != list; node = node->next)
        n++;
    return n;
}

static void count_sessions (const scheduler_t *scheduler, size_t *n_tasks, size_t *n_held, size_t *n_queued)
{
    *n_tasks = *n_held = *n_queued = 0;
    for (dp_map_node_t *node = dp_map_first (&scheduler->sessions); node != NULL;
         node = dp_map_next (&scheduler->sessions, node)) {
        const session_record_t *session = DP_CONTAINER (node, session_record_t, peer.by_id);
        *n_tasks += session->tasks.count;
        *n_queued += session->n_queued;
        *n_held += count (&session->sent) + count (&session->unsent);
    }
}

void sim_broker_describe_rest (const sim_broker_t *self, char *text, size_t size)
{
    const scheduler_t *scheduler = self->scheduler;
    text[0] = '\0';
    if (scheduler == NULL)
        return;
    size_t n_runs, n_ghosts, n_batches, n_tasks, n_held, n_queued;
    count_workers (scheduler, &n_runs, &n_ghosts, &n_batches);
    count_sessions (scheduler, &n_tasks, &n_held, &n_queued);
    if (n_runs + n_ghosts + n_batches + n_tasks + n_held + scheduler->orphans.count > 0
        || scheduler->stats.payload_bytes > 0)
        snprintf (text, size,
                  "%s has %zu tasks, %zu held results, %zu runs, %zu ghosts, %zu orphans, %zu open batches, "
                  "%llu bytes",
                  self->node.name, n_tasks, n_held, n_runs, n_ghosts, scheduler->orphans.count, n_batches,
                  (unsigned long long) scheduler->stats.payload_bytes);
}

void sim_broker_count_peers (const sim_broker_t *self, size_t *n_sessions, size_t *n_workers)
{
    *n_sessions = self->scheduler->sessions.count;
    *n_workers = self->scheduler->workers.count;
}

void sim_broker_audit (const sim_broker_t *self, char *text, size_t size)
{
    const scheduler_t *scheduler = self->scheduler;
    const scheduler_stats_t *stats = &scheduler->stats;
    size_t n_runs, n_ghosts, n_batches, n_tasks, n_held, n_queued;
    text[0] = '\0';
    count_workers (scheduler, &n_runs, &n_ghosts, &n_batches);
    count_sessions (scheduler, &n_tasks, &n_held, &n_queued);
    if (stats->n_assigned != n_runs || stats->n_queued != n_queued
        || stats->n_queued + stats->n_assigned + stats->n_finished != n_tasks)
        snprintf (
            text, size,
            "%s counts %llu queued, %llu assigned, %llu finished; it has %zu queued, %zu assigned of %zu",
            self->node.name, (unsigned long long) stats->n_queued, (unsigned long long) stats->n_assigned,
            (unsigned long long) stats->n_finished, n_queued, n_runs, n_tasks);
}

/* How much room a session takes; of its only task nothing, since that may have any size. */
static uint64_t room_taken (const session_record_t *session)
{
    uint64_t bytes = 0;
    size_t n = 0;
    for (dp_map_node_t *node = dp_map_first (&session->tasks); node != NULL;
         node = dp_map_next (&session->tasks, node)) {
        const task_t *task = DP_CONTAINER (node, task_t, by_id);
        if (task->state == TASK_FINISHED || task->is_cancelled || !task->has_lane)
            continue;
        bytes += (uint64_t) task->payload_len + WIRE_RECORD_BYTES;
        n++;
    }
    return n > 1 ? bytes : 0;
}

void sim_broker_audit_room (const sim_broker_t *self, char *text, size_t size)
{
    const scheduler_t *scheduler = self->scheduler;
    const scheduler_config_t *config = &scheduler->config;
    uint64_t taken = 0, most = config->memory_limit_bytes / 8 * 3; /* see scheduler_room.c */
    text[0] = '\0';
    if (config->memory_limit_bytes == 0)
        return;
    for (dp_map_node_t *node = dp_map_first (&scheduler->sessions); node != NULL;
         node = dp_map_next (&scheduler->sessions, node)) {
        taken += room_taken (DP_CONTAINER (node, session_record_t, peer.by_id));
        most += config->least_room_bytes;
    }
    if (taken > most)
        snprintf (text, size, "%s has tasks of %llu bytes, and may have %llu", self->node.name,
                  (unsigned long long) taken, (unsigned long long) most);
}

static size_t count_connected (const dp_map_t *peers)
{
    size_t n = 0;
    for (dp_map_node_t *node = dp_map_first (peers); node != NULL; node = dp_map_next (peers, node))
        n += DP_CONTAINER (node, peer_t, by_id)->connection != 0;
    return n;
}

void sim_broker_audit_connections (const sim_broker_t *self, char *text, size_t size)
{
    const scheduler_t *scheduler = self->scheduler;
    size_t n_connected = count_connected (&scheduler->sessions) + count_connected (&scheduler->workers);
    text[0] = '\0';
    if (scheduler->connections.count != n_connected)
        snprintf (text, size, "%s has %zu connections of %zu peers", self->node.name,
                  scheduler->connections.count, n_connected);
}
