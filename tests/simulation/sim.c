/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/sim.h"

#include <stdarg.h>

enum { MOST_EVENTS = 3000000 };

size_t sim_peer_of_client (size_t client)
{
    return client;
}

size_t sim_peer_of_worker (size_t worker)
{
    return SCENARIO_CLIENTS + worker;
}

node_t *sim_peer (sim_t *self, size_t peer)
{
    return peer < SCENARIO_CLIENTS ? &self->clients[peer].node : &self->workers[peer - SCENARIO_CLIENTS].node;
}

void sim_violate (sim_t *self, const char *invariant, const char *format, ...)
{
    if (self->judge.invariant != NULL)
        return;
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (self->judge.text, sizeof self->judge.text, format, arguments);
    va_end (arguments);
    self->judge.invariant = invariant;
    SIM_TELL (self, "BROKEN", "%s: %s", invariant, self->judge.text);
    self->trace.is_over = true;
}

bool sim_is_broken (const sim_t *self)
{
    return self->judge.invariant != NULL;
}

void sim_tell_message (sim_t *self, const node_t *from, const node_t *to, const wire_message_t *message)
{
    trace_message (&self->trace, self->schedule.now_us - SIM_BEGIN_US, from->name, to->name, message);
}

static void deliver (void *world, parcel_t *parcel, direction_t direction)
{
    sim_t *self = world;
    const connection_t *connection = parcel->connection;
    node_deliver (direction == TO_BROKER ? &self->brokers[connection->broker].node
                                         : sim_peer (self, connection->peer),
                  parcel);
}

static void seed_all (sim_t *self, uint64_t seed)
{
    self->seed = seed;
    self->random = (random_t) { seed * UINT64_C (0xd1342543de82ef95) };
}

static void create (sim_t *self, trace_mode_t mode)
{
    trace_init (&self->trace, mode);
    schedule_init (&self->schedule, SIM_BEGIN_US);
    network_init (&self->network, &self->random, &self->schedule, deliver, self);
    self->network.delay_us = self->scenario.delay_us;
    self->network.jitter_us = self->scenario.jitter_us;
    for (size_t i = 0; i < NETWORK_PEERS; i += 2)
        self->network.bytes_per_ms[i] = self->scenario.bytes_per_ms;
    for (size_t i = 0; i < NETWORK_PEERS; i++)
        self->network.slowness_us[i]
            = i < SCENARIO_CLIENTS ? self->scenario.client_way_us : self->scenario.worker_way_us;
    workload_init (&self->workload, self);
    faults_init (&self->faults, self);
    judge_init (&self->judge, self);
    SIM_TELL (self, "seed", "%llu: %s, %zu clients, %zu brokers, %zu workers",
              (unsigned long long) self->seed, scenario_name (self->scenario.kind), self->scenario.n_clients,
              self->scenario.n_brokers, self->scenario.n_workers);
}

static void start (sim_t *self)
{
    for (size_t i = 0; i < self->scenario.n_brokers; i++) {
        sim_broker_init (&self->brokers[i], self, i);
        sim_broker_start (&self->brokers[i]);
    }
    for (size_t i = 0; i < self->scenario.n_workers; i++) {
        sim_worker_init (&self->workers[i], self, i);
        sim_worker_start_at (&self->workers[i], self->schedule.now_us + self->scenario.joins_us[i]);
    }
    for (size_t i = 0; i < self->scenario.n_clients; i++) {
        sim_client_init (&self->clients[i], self, i);
        sim_client_start (&self->clients[i]);
    }
}

static void go_on_until (sim_t *self, phase_t phase)
{
    while (self->judge.phase != phase && !sim_is_broken (self) && schedule_step (&self->schedule))
        if (self->schedule.n_events > MOST_EVENTS)
            sim_violate (self, "it comes to its end", "%d events, and no end", MOST_EVENTS);
}

void sim_play (sim_t *self, uint64_t seed, trace_mode_t mode)
{
    seed_all (self, seed);
    scenario_draw (&self->scenario, &self->random);
    create (self, mode);
    start (self);
    go_on_until (self, PHASE_OVER);
}

void sim_play_work (sim_t *self, uint64_t seed, const scenario_t *scenario)
{
    seed_all (self, seed);
    self->scenario = *scenario;
    create (self, TRACE_OFF);
    start (self);
    go_on_until (self, PHASE_SETTLE);
}

void sim_fini (sim_t *self)
{
    for (size_t i = 0; i < self->scenario.n_clients; i++)
        sim_client_fini (&self->clients[i]);
    for (size_t i = 0; i < self->scenario.n_workers; i++)
        sim_worker_fini (&self->workers[i]);
    for (size_t i = 0; i < self->scenario.n_brokers; i++)
        sim_broker_fini (&self->brokers[i]);
    network_fini (&self->network);
    workload_fini (&self->workload);
    schedule_fini (&self->schedule);
}
