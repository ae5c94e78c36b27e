/* SPDX-License-Identifier: MPL-2.0 */
/* sim_broker.h - a broker program: the real scheduler, with a played edge (see broker/broker.c). */
#ifndef SIM_BROKER_H_INCLUDED
#define SIM_BROKER_H_INCLUDED

#include "broker/scheduler.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/node.h"

typedef struct sim_broker_s {
    node_t node;
    size_t number;
    uint64_t n_lives, n_connections;
    scheduler_t *scheduler; /* NULL: dead */
    ledger_t ledger;
    sim_event_t rebirth;
    int64_t alive_since_us;
    int64_t end_at_ms; /* it drains, and ends then at the latest; 0: it does not */
} sim_broker_t;

void sim_broker_init (sim_broker_t *self, struct sim_s *sim, size_t number);
void sim_broker_fini (sim_broker_t *self);

/* It starts, with an empty memory. */
void sim_broker_start (sim_broker_t *self);
void sim_broker_start_at (sim_broker_t *self, int64_t at_us);
void sim_broker_kill (sim_broker_t *self);
/* It drains, says BYE to all, and ends. */
void sim_broker_end (sim_broker_t *self);

/* A peer connects. NULL: *is_refused, or its attempt is swallowed by a partition. */
connection_t *sim_broker_accept (sim_broker_t *self, size_t peer, size_t slot, bool *is_refused);

/* What is left in its scheduler's tables but for its peers; "" = nothing. */
void sim_broker_describe_rest (const sim_broker_t *self, char *text, size_t size);
/* The peers that it knows. */
void sim_broker_count_peers (const sim_broker_t *self, size_t *n_sessions, size_t *n_workers);
/* Do the scheduler's figures agree with its lists? "" = they do. */
void sim_broker_audit (const sim_broker_t *self, char *text, size_t size);
/* Are the tasks that it keeps within the room of their sessions? "" = they are. */
void sim_broker_audit_room (const sim_broker_t *self, char *text, size_t size);
/* Has each of its peers that is connected one connection, and nobody else any? "" = so it is. */
void sim_broker_audit_connections (const sim_broker_t *self, char *text, size_t size);

#endif
