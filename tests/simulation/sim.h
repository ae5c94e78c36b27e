/* SPDX-License-Identifier: MPL-2.0 */
/*
 * sim.h - a world of clients, brokers and workers, made of the product's state machines on a virtual clock,
 * and what all parts of it share.
 *
 *   random     all chance                      sim_client  a program with a session
 *   schedule   the clock and what comes next   sim_program what that does with its calls
 *   network    connections and partitions      sim_broker  a broker process with a scheduler
 *   node       what programs have in common    sim_worker  a worker's loop with a crew
 *   scenario   sizes and settings of a seed    sim_child   one of its child processes
 *   faults     what goes wrong and when        workload    what is to be done, and what was truly done
 *   judge      what must hold at each step     referee     what must hold in the end
 *   ledger     what brokers gave to workers    trace       what happened, to read
 */
#ifndef SIM_H_INCLUDED
#define SIM_H_INCLUDED

#include "tests/simulation/faults.h"
#include "tests/simulation/judge.h"
#include "tests/simulation/network.h"
#include "tests/simulation/random.h"
#include "tests/simulation/scenario.h"
#include "tests/simulation/schedule.h"
#include "tests/simulation/sim_broker.h"
#include "tests/simulation/sim_client.h"
#include "tests/simulation/sim_worker.h"
#include "tests/simulation/trace.h"
#include "tests/simulation/workload.h"

/* Sessions and workers are told apart in traces by the lowest byte of their id. */
#define SIM_NUMBER_OF(id) ((size_t) ((id) &0xff))

enum { SIM_BEGIN_US = 1000000000 }; /* no time is 0 */

typedef struct sim_s {
    uint64_t seed;
    random_t random;
    schedule_t schedule;
    trace_t trace;
    network_t network;
    scenario_t scenario;
    workload_t workload;
    faults_t faults;
    judge_t judge;
    sim_client_t clients[SCENARIO_CLIENTS];
    sim_broker_t brokers[NETWORK_BROKERS];
    sim_worker_t workers[SCENARIO_WORKERS];
} sim_t;

/* Play a seed to its end, or until an invariant is broken. */
void sim_play (sim_t *self, uint64_t seed, trace_mode_t mode);
/* The same in a world that is given, until all programs have all outcomes. sim_fini ends both. */
void sim_play_work (sim_t *self, uint64_t seed, const scenario_t *scenario);
void sim_fini (sim_t *self);

/* An invariant does not hold: the first one is kept, and the game is over. */
void sim_violate (sim_t *self, const char *invariant, const char *format, ...) DPOOL_PRINTF (3, 4);
bool sim_is_broken (const sim_t *self);

/* Peers of the network: clients, then workers. */
size_t sim_peer_of_client (size_t client);
size_t sim_peer_of_worker (size_t worker);
node_t *sim_peer (sim_t *self, size_t peer);

/* For the trace. */
#define SIM_TELL(sim, who, ...) \
    trace_line (&(sim)->trace, (sim)->schedule.now_us - SIM_BEGIN_US, who, __VA_ARGS__)
void sim_tell_message (sim_t *self, const node_t *from, const node_t *to, const wire_message_t *message);

#endif
