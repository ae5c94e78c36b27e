/* SPDX-License-Identifier: MPL-2.0 */
/*
 * ledger.h - what an onlooker at a broker's door knows: which runs each worker was given and has not ended,
 * which tasks wait, and what may be said to whom. It holds the broker to its windows, its priorities and the
 * order of its words.
 */
#ifndef LEDGER_H_INCLUDED
#define LEDGER_H_INCLUDED

#include "core/wire.h"
#include "tests/simulation/network.h"

struct sim_s;
struct sim_broker_s;

/* A run that was given to the worker at a connection. */
typedef struct given_s {
    connection_t *connection;
    uint64_t session, id, attempt;
    bool is_done; /* as its worker says: only its result is to come */
} given_t;

/* A task that was submitted and not assigned. */
typedef struct waiting_s {
    uint64_t session, id;
    int64_t priority;
    char route[32];                /* function and label */
    bool is_assigned, is_recalled; /* recalled: never to be assigned again */
} waiting_t;

typedef struct ledger_s {
    given_t *given;
    size_t n_given, given_capacity;
    waiting_t *tasks; /* of calm scenarios only */
    size_t n_tasks, tasks_capacity;
    size_t *assigned_now; /* tasks that were assigned in this turn */
    size_t n_assigned_now, assigned_capacity;
} ledger_t;

void ledger_fini (ledger_t *self);
/* The broker starts with an empty memory. */
void ledger_reset (ledger_t *self);
/* The connection is over for the broker. */
void ledger_forget (ledger_t *self, const connection_t *connection);

/* The broker receives, or sends, a message. */
void ledger_received (struct sim_broker_s *broker, connection_t *connection, const wire_message_t *message);
void ledger_sent (struct sim_broker_s *broker, connection_t *connection, const dp_outgoing_t *sent);
/* All of a turn was sent. */
void ledger_turn (struct sim_broker_s *broker);

#endif
