/* SPDX-License-Identifier: MPL-2.0 */
/* referee.c - the phases of a game, and what must be at the end of each. */
#include "tests/simulation/judge.h"
#include "tests/simulation/sim.h"

enum {
    SECOND_US = 1000000,
    LOOK_US = 50000,
    REST_US = 2600000,
    PATIENCE_US = 100 * SECOND_US,
    MOST_RESTS = 4,
    TURNS_A_REST = 60
};

static void enter (sim_t *sim, phase_t phase)
{
    static const char *const names[] = { "work", "settle", "rest", "leave", "over" };
    sim->judge.phase = phase;
    sim->judge.phase_since_us = sim->schedule.now_us;
    SIM_TELL (sim, "phase", "%s", names[phase]);
}

static uint64_t count_turns (const sim_t *sim)
{
    uint64_t n = 0;
    for (size_t i = 0; i < sim->scenario.n_clients; i++)
        n += sim->clients[i].node.n_turns;
    for (size_t i = 0; i < sim->scenario.n_brokers; i++)
        n += sim->brokers[i].node.n_turns;
    for (size_t i = 0; i < sim->scenario.n_workers; i++)
        n += sim->workers[i].node.n_turns;
    return n;
}

/* ---- What is left --------------------------------------------------------------------------- */

static bool are_clients_done (const sim_t *sim, char *text, size_t size)
{
    for (size_t i = 0; i < sim->scenario.n_clients; i++)
        if (!sim_client_is_done (&sim->clients[i], text, size))
            return false;
    return true;
}

static bool are_clients_empty (const sim_t *sim, char *text, size_t size)
{
    for (size_t i = 0; i < sim->scenario.n_clients; i++) {
        sim_client_describe_rest (&sim->clients[i], text, size);
        if (text[0] != '\0')
            return false;
    }
    return true;
}

/* Each client has one session at one broker, each worker is known by all of them; and nobody else. */
static bool are_peers_right (const sim_t *sim, char *text, size_t size)
{
    size_t n_clients = 0, n_workers = 0, n_sessions = 0;
    for (size_t i = 0; i < sim->scenario.n_clients; i++)
        n_clients += sim->clients[i].session != NULL;
    for (size_t i = 0; i < sim->scenario.n_workers; i++)
        n_workers += sim->workers[i].crew != NULL;
    for (size_t i = 0; i < sim->scenario.n_brokers; i++) {
        size_t n_here, n_workers_here;
        sim_broker_count_peers (&sim->brokers[i], &n_here, &n_workers_here);
        n_sessions += n_here;
        if (n_workers_here != n_workers) {
            snprintf (text, size, "b%zu knows %zu of %zu workers", i, n_workers_here, n_workers);
            return false;
        }
    }
    if (n_sessions != n_clients)
        snprintf (text, size, "%zu sessions of %zu clients", n_sessions, n_clients);
    return n_sessions == n_clients;
}

static bool are_brokers_empty (const sim_t *sim, char *text, size_t size)
{
    for (size_t i = 0; i < sim->scenario.n_brokers; i++) {
        sim_broker_describe_rest (&sim->brokers[i], text, size);
        if (text[0] != '\0')
            return false;
    }
    return are_peers_right (sim, text, size);
}

static bool are_workers_empty (const sim_t *sim, char *text, size_t size)
{
    for (size_t i = 0; i < sim->scenario.n_workers; i++) {
        sim_worker_describe_rest (&sim->workers[i], text, size);
        if (text[0] == '\0' && !sim_worker_is_connected (&sim->workers[i]))
            snprintf (text, size, "%s is not connected", sim->workers[i].node.name);
        if (text[0] != '\0')
            return false;
    }
    return true;
}

static bool are_workers_gone (const sim_t *sim, char *text, size_t size)
{
    for (size_t i = 0; i < sim->scenario.n_workers; i++)
        if (sim->workers[i].crew != NULL) {
            snprintf (text, size, "%s is still there", sim->workers[i].node.name);
            return false;
        }
    return true;
}

/* ---- Phases --------------------------------------------------------------------------------- */

static void begin_rest (sim_t *sim)
{
    enter (sim, PHASE_REST);
    sim->judge.n_messages = sim->network.n_messages;
    sim->judge.n_turns = count_turns (sim);
}

/* A connection whose end nobody was told of is found out only by its silence: then it settles once more. */
static bool end_rest (sim_t *sim)
{
    size_t n_nodes = sim->scenario.n_clients + sim->scenario.n_brokers + sim->scenario.n_workers;
    uint64_t n_messages = sim->network.n_messages - sim->judge.n_messages;
    uint64_t n_turns = count_turns (sim) - sim->judge.n_turns;
    if (n_messages > 0 && ++sim->judge.n_disturbed_rests < MOST_RESTS) {
        enter (sim, PHASE_SETTLE);
        return false;
    }
    if (n_messages > 0)
        sim_violate (sim, "who has nothing to do is quiet", "%llu messages at rest",
                     (unsigned long long) n_messages);
    if (n_turns > n_nodes * n_nodes * TURNS_A_REST)
        sim_violate (sim, "who has nothing to do sleeps", "%llu turns at rest", (unsigned long long) n_turns);
    return true;
}

/* Where nothing fails each peer has the connection that it opened first. */
static void check_connections (sim_t *sim)
{
    size_t n_peers = sim->scenario.n_clients + sim->scenario.n_workers;
    if (sim->scenario.kind == SCENARIO_CALM && sim->network.n_opened != n_peers)
        sim_violate (sim, "no connection breaks in the calm", "%llu connections of %zu peers",
                     (unsigned long long) sim->network.n_opened, n_peers);
}

static void begin_leave (sim_t *sim)
{
    check_connections (sim);
    enter (sim, PHASE_LEAVE);
    for (size_t i = 0; i < sim->scenario.n_clients; i++)
        sim_client_leave (&sim->clients[i]);
    for (size_t i = 0; i < sim->scenario.n_workers; i++)
        sim_worker_drain (&sim->workers[i], false, 0);
}

static void check_patience (sim_t *sim, const char *invariant, int64_t patience_us, const char *text)
{
    int64_t since_us = sim->judge.phase_since_us;
    if (sim->judge.phase == PHASE_WORK && sim->faults.over_since_us > since_us)
        since_us = sim->faults.over_since_us;
    if (faults_are_over (sim) && sim->schedule.now_us - since_us > patience_us)
        sim_violate (sim, invariant, "%s", text);
}

static void look (void *owner)
{
    sim_t *sim = owner;
    judge_t *self = &sim->judge;
    char text[256] = "";
    int64_t at_us = sim->schedule.now_us + LOOK_US;
    if (self->phase == PHASE_REST) {
        if (end_rest (sim))
            begin_leave (sim);
    } else if (self->phase == PHASE_WORK) {
        if (are_clients_done (sim, text, sizeof text) && faults_are_over (sim))
            enter (sim, PHASE_SETTLE);
        else
            check_patience (sim, "every handle gets its outcome", self->patience_us, text);
    } else if (self->phase == PHASE_SETTLE) {
        if (are_clients_empty (sim, text, sizeof text) && are_brokers_empty (sim, text, sizeof text)
            && are_workers_empty (sim, text, sizeof text)) {
            begin_rest (sim);
            at_us = sim->schedule.now_us + REST_US;
        } else
            check_patience (sim, "nothing is left behind", PATIENCE_US, text);
    } else {
        if (are_workers_gone (sim, text, sizeof text) && are_brokers_empty (sim, text, sizeof text))
            enter (sim, PHASE_OVER);
        else
            check_patience (sim, "who leaves is forgotten", PATIENCE_US, text);
    }
    if (self->phase != PHASE_OVER)
        schedule_at (&sim->schedule, &self->referee, at_us);
}

void judge_init (judge_t *self, sim_t *sim)
{
    *self = (judge_t) { .phase_since_us = sim->schedule.now_us };
    event_init (&self->referee, look, sim);
    schedule_at (&sim->schedule, &self->referee, sim->schedule.now_us + LOOK_US);
    self->patience_us = sim->scenario.has_huge_items ? 6 * (int64_t) PATIENCE_US : PATIENCE_US;
    for (size_t i = 0; i < sim->workload.n_items; i++)
        self->patience_us += 5 * sim->workload.items[i].run_us;
}
