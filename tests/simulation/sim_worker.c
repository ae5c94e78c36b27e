/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/sim_worker.h"

#include "tests/simulation/sim.h"
#include "worker/crew_internal.h"

#include <stdio.h>

enum { ROUNDS_A_TURN = 8 };

static int64_t act (node_t *node);

static int64_t now_ms (const sim_worker_t *self)
{
    return schedule_now_ms (&self->node.sim->schedule);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void be_reborn (void *owner)
{
    sim_worker_start (owner);
}

void sim_worker_init (sim_worker_t *self, sim_t *sim, size_t number)
{
    *self = (sim_worker_t) { .number = number };
    node_init (&self->node, sim, 'w', number, act);
    event_init (&self->rebirth, be_reborn, self);
}

static sim_child_t *child_at (sim_worker_t *self, size_t place)
{
    if (place >= SIM_WORKER_PLACES)
        sim_violate (self->node.sim, "a worker has few children", "%s asks for place %zu", self->node.name,
                     place);
    sim_child_t **child = &self->children[place % SIM_WORKER_PLACES];
    if (*child == NULL)
        *child = sim_child_new (self, place);
    return *child;
}

static size_t n_children (const sim_worker_t *self)
{
    size_t n = crew_n_places (self->crew);
    return n < SIM_WORKER_PLACES ? n : SIM_WORKER_PLACES;
}

void sim_worker_start (sim_worker_t *self)
{
    sim_t *sim = self->node.sim;
    static const char *const functions[] = { "rare", "work" }, *const labels[] = { "gpu" };
    bool is_special = self->number == 0;
    if (self->crew != NULL)
        return;
    self->n_lives++;
    uint64_t id = random_next (&sim->random);
    crew_config_t config = {
        .worker = (id & ~UINT64_C (0xff)) | self->number,
        .n_brokers = sim->scenario.n_brokers,
        .processes = sim->scenario.processes[self->number],
        .host = "host",
        .name = self->node.name,
        .pid = self->n_lives,
        .functions = is_special ? functions : functions + 1,
        .n_functions = is_special ? 2 : 1,
        .labels = labels,
        .n_labels = is_special,
        .cancel_grace_ms = sim->scenario.cancel_grace_ms,
        .orphan_ms = sim->scenario.orphan_ms,
        .seed = id,
    };
    SIM_TELL (sim, self->node.name, "starts with %zu processes", config.processes);
    self->crew = crew_new (&config, now_ms (self));
    node_start (&self->node);
}

void sim_worker_start_at (sim_worker_t *self, int64_t at_us)
{
    schedule_at (&self->node.sim->schedule, &self->rebirth, at_us);
}

static void close_connection (sim_worker_t *self, size_t broker)
{
    connection_t *connection = self->connections[broker];
    self->connections[broker] = NULL;
    if (connection != NULL)
        network_close (connection, TO_BROKER);
}

static void end (sim_worker_t *self)
{
    for (size_t i = 0; i < SIM_WORKER_PLACES; i++)
        if (self->children[i] != NULL)
            sim_child_lose (self->children[i]);
    for (size_t i = 0; i < NETWORK_BROKERS; i++) {
        close_connection (self, i);
        self->is_refused[i] = false;
    }
    node_stop (&self->node);
    crew_destroy (&self->crew);
}

void sim_worker_fini (sim_worker_t *self)
{
    end (self);
    for (size_t i = 0; i < SIM_WORKER_PLACES; i++)
        if (self->children[i] != NULL)
            sim_child_destroy (&self->children[i]);
}

void sim_worker_kill (sim_worker_t *self)
{
    if (self->crew == NULL)
        return;
    SIM_TELL (self->node.sim, self->node.name, "is killed");
    end (self);
}

void sim_worker_drain (sim_worker_t *self, bool is_now, int64_t reborn_after_us)
{
    if (self->crew == NULL)
        return;
    SIM_TELL (self->node.sim, self->node.name, is_now ? "is told to stop now" : "is told to drain");
    self->reborn_after_us = reborn_after_us;
    crew_drain (self->crew, now_ms (self), is_now);
    node_wake (&self->node);
}

/* ---- Brokers -------------------------------------------------------------------------------- */

static void hear_brokers (sim_worker_t *self)
{
    sim_t *sim = self->node.sim;
    wire_message_t message;
    dp_blob_t *blobs[WIRE_MAX_FRAMES];
    for (size_t i = 0; i < sim->scenario.n_brokers; i++)
        if (self->is_refused[i]) {
            self->is_refused[i] = false;
            crew_broken (self->crew, now_ms (self), i);
        }
    for (parcel_t *parcel; (parcel = node_receive (&self->node, &message, blobs)) != NULL;) {
        size_t broker = parcel->connection->slot;
        if (parcel->message == NULL) {
            close_connection (self, broker);
            crew_broken (self->crew, now_ms (self), broker);
        } else {
            sim_tell_message (sim, &sim->brokers[broker].node, &self->node, &message);
            crew_receive (self->crew, now_ms (self), broker, &message, blobs);
        }
        network_free_parcel (parcel);
    }
}

static void open_connection (sim_worker_t *self, size_t broker)
{
    close_connection (self, broker);
    self->connections[broker]
        = sim_broker_accept (&self->node.sim->brokers[broker], sim_peer_of_worker (self->number), broker,
                             &self->is_refused[broker]);
    if (self->is_refused[broker])
        node_wake (&self->node);
}

static void push_messages (sim_worker_t *self)
{
    dp_outgoing_t *message;
    while ((message = dp_outbox_take (crew_outbox (self->crew))) != NULL) {
        connection_t *connection = self->connections[message->to];
        if (connection != NULL)
            network_send (connection, TO_BROKER, message);
        else
            dp_outgoing_destroy (&message);
    }
}

/* ---- The turn ------------------------------------------------------------------------------- */

static void carry_out (sim_worker_t *self, const crew_action_t *action)
{
    switch (action->kind) {
    case CREW_OPEN:
        open_connection (self, action->broker);
        return;
    case CREW_CLOSE:
        close_connection (self, action->broker);
        return;
    case CREW_START:
        sim_child_fork (child_at (self, action->place), action->session);
        return;
    case CREW_HAND:
        sim_child_hand (child_at (self, action->place), action->serial, &action->task);
        return;
    case CREW_TAKE_BACK:
        crew_taken_back (self->crew, now_ms (self), action->place,
                         sim_child_take_back (child_at (self, action->place), action->serial));
        return;
    case CREW_FLAG:
        sim_child_flag (child_at (self, action->place), action->serial);
        return;
    case CREW_SIGNAL:
        sim_child_signal (child_at (self, action->place), action->signal);
        return;
    case CREW_END:
        sim_child_end (child_at (self, action->place));
        return;
    case CREW_LOG:
        SIM_TELL (self->node.sim, self->node.name, "%s", action->text);
        return;
    }
}

static int64_t decide (sim_worker_t *self)
{
    for (int round = 0; round < ROUNDS_A_TURN; round++) {
        crew_action_t action;
        bool is_idle = true;
        int64_t deadline_ms = crew_tick (self->crew, now_ms (self));
        while (crew_next_action (self->crew, &action)) {
            carry_out (self, &action);
            is_idle = false;
        }
        push_messages (self);
        if (is_idle)
            return deadline_ms;
    }
    return now_ms (self);
}

/* What it said last arrives before its connections end. */
static void depart (sim_worker_t *self)
{
    SIM_TELL (self->node.sim, self->node.name, "has drained and is gone");
    for (size_t i = 0; i < NETWORK_BROKERS; i++) {
        if (self->connections[i] != NULL)
            network_finish (self->connections[i], TO_BROKER);
        self->connections[i] = NULL;
    }
    end (self);
    if (self->reborn_after_us > 0)
        sim_worker_start_at (self, self->node.sim->schedule.now_us + self->reborn_after_us);
}

static int64_t act (node_t *node)
{
    sim_worker_t *self = DP_CONTAINER (node, sim_worker_t, node);
    for (size_t i = 0; i < n_children (self); i++)
        sim_child_hear (child_at (self, i));
    hear_brokers (self);
    int64_t deadline_ms = decide (self);
    judge_worker (node->sim, self);
    if (crew_is_gone (self->crew)) {
        depart (self);
        return DP_NEVER;
    }
    for (size_t i = 0; i < n_children (self); i++)
        child_at (self, i)->is_loop_patient = crew_will_look (self->crew, now_ms (self), i);
    return deadline_ms;
}

start_t sim_worker_name_of (const sim_worker_t *self, size_t place, uint64_t serial)
{
    const dp_list_t *runs = &self->crew->places[place]->runs;
    for (const dp_list_t *node = runs->next; node != runs; node = node->next) {
        const crew_run_t *run = DP_CONTAINER (node, crew_run_t, in_queue);
        if (run->serial == serial)
            return (start_t) { run->id, run->attempt, self->number << 32 | self->n_lives };
    }
    return (start_t) { .id = 0 };
}

/* ---- What is left --------------------------------------------------------------------------- */

void sim_worker_describe_rest (const sim_worker_t *self, char *text, size_t size)
{
    const crew_t *crew = self->crew;
    text[0] = '\0';
    if (crew == NULL)
        return;
    if (crew->runs.count > 0 || crew->n_unfinished > 0 || crew->n_working > 0)
        snprintf (text, size, "%s has %zu runs, %zu unfinished, %zu children at work", self->node.name,
                  crew->runs.count, crew->n_unfinished, crew->n_working);
    for (size_t i = 0; i < crew->n_brokers; i++)
        if (!dp_list_is_empty (&crew->brokers[i].unsent) || !dp_list_is_empty (&crew->brokers[i].sent))
            snprintf (text, size, "%s has results for b%zu", self->node.name, i);
}

bool sim_worker_is_connected (const sim_worker_t *self)
{
    for (size_t i = 0; self->crew != NULL && i < self->crew->n_brokers; i++)
        if (!crew_broker_is_up (&self->crew->brokers[i]))
            return false;
    return self->crew != NULL;
}
