/* SPDX-License-Identifier: MPL-2.0 */
/* sim_worker.h - a worker program: the real crew, with a played edge (see worker/worker.c) and played
   children. */
#ifndef SIM_WORKER_H_INCLUDED
#define SIM_WORKER_H_INCLUDED

#include "tests/simulation/node.h"
#include "tests/simulation/sim_child.h"
#include "worker/crew.h"

enum { SIM_WORKER_PLACES = 64 };

typedef struct sim_worker_s {
    node_t node;
    size_t number;
    uint64_t n_lives; /* each has its own id */
    crew_t *crew;     /* NULL: dead */
    connection_t *connections[NETWORK_BROKERS];
    bool is_refused[NETWORK_BROKERS]; /* nobody listens there: its loop hears of it next */
    sim_child_t *children[SIM_WORKER_PLACES];
    sim_event_t rebirth;
    int64_t reborn_after_us; /* when it has drained; 0 = it stays away */
} sim_worker_t;

void sim_worker_init (sim_worker_t *self, struct sim_s *sim, size_t number);
void sim_worker_fini (sim_worker_t *self);

/* It starts as a new incarnation. Harmless when it is there. */
void sim_worker_start (sim_worker_t *self);
void sim_worker_start_at (sim_worker_t *self, int64_t at_us);
/* kill -9: its children die with it. */
void sim_worker_kill (sim_worker_t *self);
/* SIGTERM, or with is_now a second one. It is gone once it has said BYE; then it starts again, if
   reborn_after_us > 0. */
void sim_worker_drain (sim_worker_t *self, bool is_now, int64_t reborn_after_us);

/* The name of the run that a child has under this serial. */
start_t sim_worker_name_of (const sim_worker_t *self, size_t place, uint64_t serial);

/* What is left in its crew's tables; "" = nothing. */
void sim_worker_describe_rest (const sim_worker_t *self, char *text, size_t size);
bool sim_worker_is_connected (const sim_worker_t *self);

#endif
