/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/faults.h"

#include "tests/simulation/sim.h"

#include <signal.h>

enum { SECOND_US = 1000000 };

bool faults_are_over (const sim_t *sim)
{
    return sim->faults.n_ended == sim->faults.n_faults;
}

bool faults_include (const sim_t *sim, fault_kind_t kind)
{
    for (size_t i = 0; i < sim->faults.n_faults; i++)
        if (sim->faults.faults[i].kind == kind)
            return true;
    return false;
}

/* ---- Beginning and end of a fault ----------------------------------------------------------- */

static void cut (const fault_t *fault)
{
    network_t *network = &fault->sim->network;
    DP_LIST_EACH (&network->connections, node) {
        connection_t *connection = DP_CONTAINER (node, connection_t, in_network);
        if (connection->peer == fault->peer && connection->broker == fault->broker)
            network_cut (connection);
    }
}

static sim_worker_t *worker_of (const fault_t *fault)
{
    size_t first = sim_peer_of_worker (0);
    return fault->peer >= first ? &fault->sim->workers[fault->peer - first] : NULL;
}

/* A busy child, if there is one. */
static sim_child_t *some_child (const fault_t *fault)
{
    sim_worker_t *worker = worker_of (fault);
    sim_child_t *some = NULL;
    for (size_t i = 0; i < SIM_WORKER_PLACES; i++)
        if (worker->children[i] != NULL && (some == NULL || sim_child_is_busy (worker->children[i])))
            some = worker->children[i];
    return some;
}

static void part (const fault_t *fault, void (*change) (network_t *, direction_t, size_t, size_t))
{
    network_t *network = &fault->sim->network;
    if (fault->kind != FAULT_PART_TO_PEER)
        change (network, TO_BROKER, fault->peer, fault->broker);
    if (fault->kind != FAULT_PART_TO_BROKER)
        change (network, TO_PEER, fault->peer, fault->broker);
}

static void begin_at_child (const fault_t *fault)
{
    sim_child_t *child = some_child (fault);
    if (child == NULL)
        return;
    if (fault->kind == FAULT_KILL_CHILD)
        sim_child_kill (child, SIGKILL);
    else
        sim_child_stop (child, fault->sim->schedule.now_us + fault->lasts_us);
}

static void begin (const fault_t *fault)
{
    sim_t *sim = fault->sim;
    int64_t ends_us = sim->schedule.now_us + fault->lasts_us;
    switch (fault->kind) {
    case FAULT_CUT:
        cut (fault);
        return;
    case FAULT_PART_TO_BROKER:
    case FAULT_PART_TO_PEER:
    case FAULT_PART:
        part (fault, network_block);
        return;
    case FAULT_SLOW:
        sim->network.slowness_us[fault->peer] += fault->lasts_us / 20;
        return;
    case FAULT_PAUSE_PEER:
        node_pause (sim_peer (sim, fault->peer), ends_us);
        return;
    case FAULT_PAUSE_BROKER:
        node_pause (&sim->brokers[fault->broker].node, ends_us);
        return;
    case FAULT_KILL_BROKER:
        sim_broker_kill (&sim->brokers[fault->broker]);
        return;
    case FAULT_END_BROKER:
        sim_broker_end (&sim->brokers[fault->broker]);
        return;
    case FAULT_LEAVE_CLIENT:
        sim_client_leave (&sim->clients[fault->peer]);
        return;
    case FAULT_KILL_WORKER:
        sim_worker_kill (worker_of (fault));
        return;
    case FAULT_KILL_CLIENT:
        sim_client_kill (&sim->clients[fault->peer]);
        return;
    case FAULT_DRAIN_WORKER:
        sim_worker_drain (worker_of (fault), random_happens (&sim->random, 25), fault->lasts_us / 4 + 1);
        return;
    default:
        begin_at_child (fault);
    }
}

static void end (const fault_t *fault)
{
    sim_t *sim = fault->sim;
    switch (fault->kind) {
    case FAULT_PART_TO_BROKER:
    case FAULT_PART_TO_PEER:
    case FAULT_PART:
        part (fault, network_unblock);
        return;
    case FAULT_SLOW:
        sim->network.slowness_us[fault->peer] -= fault->lasts_us / 20;
        return;
    case FAULT_KILL_BROKER:
    case FAULT_END_BROKER:
        sim_broker_start (&sim->brokers[fault->broker]);
        return;
    case FAULT_KILL_WORKER:
        sim_worker_start (worker_of (fault));
        return;
    default:
        return;
    }
}

static const char *name_of (fault_kind_t kind)
{
    static const char *const names[FAULT_KINDS] = {
        [FAULT_CUT] = "connection breaks",
        [FAULT_PART_TO_BROKER] = "partition, towards the broker",
        [FAULT_PART_TO_PEER] = "partition, from the broker",
        [FAULT_PART] = "partition",
        [FAULT_SLOW] = "slow connections",
        [FAULT_PAUSE_PEER] = "peer is stopped",
        [FAULT_PAUSE_BROKER] = "broker is stopped",
        [FAULT_KILL_BROKER] = "broker is killed",
        [FAULT_KILL_WORKER] = "worker is killed",
        [FAULT_END_BROKER] = "broker ends",
        [FAULT_LEAVE_CLIENT] = "client leaves",
        [FAULT_KILL_CLIENT] = "client is killed",
        [FAULT_DRAIN_WORKER] = "worker drains",
        [FAULT_KILL_CHILD] = "child is killed",
        [FAULT_STOP_CHILD] = "child is stopped",
    };
    return names[kind];
}

static void happen (void *owner)
{
    fault_t *fault = owner;
    sim_t *sim = fault->sim;
    SIM_TELL (sim, "fault", "%s%s (%s, %s, %lld ms)", fault->has_begun ? "over: " : "", name_of (fault->kind),
              sim_peer (sim, fault->peer)->name, sim->brokers[fault->broker].node.name,
              (long long) (fault->lasts_us / 1000));
    if (!fault->has_begun) {
        fault->has_begun = true;
        begin (fault);
        schedule_at (&sim->schedule, &fault->event, sim->schedule.now_us + fault->lasts_us);
        return;
    }
    end (fault);
    if (++sim->faults.n_ended == sim->faults.n_faults)
        sim->faults.over_since_us = sim->schedule.now_us;
}

/* ---- Drawing -------------------------------------------------------------------------------- */

/* Some are of a second, some outlast every patience in the protocol. */
static int64_t draw_length_us (random_t *random)
{
    static const int64_t most_us[] = { 50000, 600000, 2 * SECOND_US, 7 * SECOND_US, 14 * SECOND_US };
    return random_between (random, 1000, RANDOM_OF (random, most_us));
}

static fault_kind_t draw_kind (random_t *random)
{
    static const fault_kind_t kinds[] = {
        FAULT_CUT,          FAULT_CUT,         FAULT_CUT,          FAULT_PART_TO_BROKER, FAULT_PART_TO_PEER,
        FAULT_PART,         FAULT_PART,        FAULT_SLOW,         FAULT_PAUSE_PEER,     FAULT_PAUSE_PEER,
        FAULT_PAUSE_BROKER, FAULT_KILL_BROKER, FAULT_KILL_BROKER,  FAULT_KILL_WORKER,    FAULT_KILL_WORKER,
        FAULT_KILL_CLIENT,  FAULT_END_BROKER,  FAULT_LEAVE_CLIENT, FAULT_DRAIN_WORKER,   FAULT_KILL_CHILD,
        FAULT_KILL_CHILD,   FAULT_STOP_CHILD,
    };
    return RANDOM_OF (random, kinds);
}

static bool is_of_worker (fault_kind_t kind)
{
    return kind == FAULT_KILL_WORKER || kind == FAULT_DRAIN_WORKER || kind == FAULT_KILL_CHILD
           || kind == FAULT_STOP_CHILD;
}

static void draw_fault (fault_t *fault, sim_t *sim)
{
    random_t *random = &sim->random;
    const scenario_t *scenario = &sim->scenario;
    bool is_restart = scenario->kind == SCENARIO_RESTART;
    bool is_cut = scenario->kind == SCENARIO_CUT;
    fault->kind = is_cut ? FAULT_CUT : is_restart ? FAULT_KILL_BROKER : draw_kind (random);
    size_t client = sim_peer_of_client (random_below (random, scenario->n_clients));
    size_t worker = sim_peer_of_worker (random_below (random, scenario->n_workers));
    bool is_client = fault->kind == FAULT_KILL_CLIENT || fault->kind == FAULT_LEAVE_CLIENT
                     || (!is_of_worker (fault->kind) && random_happens (random, 45));
    fault->peer = is_client ? client : worker;
    fault->broker = random_below (random, scenario->n_brokers);
    fault->begins_us = random_between (random, is_restart ? 100000 : 1000, scenario->faults_us);
    fault->lasts_us = is_restart ? random_between (random, 1000, 300000) : draw_length_us (random);
}

void faults_init (faults_t *self, sim_t *sim)
{
    self->n_faults = sim->scenario.n_faults < FAULTS_MOST ? sim->scenario.n_faults : FAULTS_MOST;
    self->n_ended = 0;
    self->over_since_us = sim->schedule.now_us;
    for (size_t i = 0; i < self->n_faults; i++) {
        fault_t *fault = &self->faults[i];
        *fault = (fault_t) { .sim = sim };
        event_init (&fault->event, happen, fault);
        draw_fault (fault, sim);
        schedule_at (&sim->schedule, &fault->event, sim->schedule.now_us + fault->begins_us);
    }
}
