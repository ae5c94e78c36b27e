/* SPDX-License-Identifier: MPL-2.0 */
/* sim_client.h - a program with a pool: the real session, with a played edge (see client/io.c), and what the
   program does with its calls. */
#ifndef SIM_CLIENT_H_INCLUDED
#define SIM_CLIENT_H_INCLUDED

#include "client/session.h"
#include "tests/simulation/node.h"
#include "tests/simulation/workload.h"

typedef struct sim_client_s {
    node_t node;
    size_t number;
    uint64_t id;        /* of its session */
    session_t *session; /* NULL: killed, or gone */
    call_t *calls;
    size_t n_calls;
    size_t endpoints[NETWORK_BROKERS];
    connection_t *connection;
    bool is_refused; /* nobody listens there: its loop hears of it next */
    bool was_killed, is_terminated;
    bool was_given_back; /* some of what it submitted: that comes again, whatever its window says */
    sim_event_t termination;
    session_question_t question;
    bool is_asking;
} sim_client_t;

void sim_client_init (sim_client_t *self, struct sim_s *sim, size_t number);
void sim_client_fini (sim_client_t *self);
void sim_client_start (sim_client_t *self);
/* kill -9 */
void sim_client_kill (sim_client_t *self);
/* It says BYE and closes its pool. */
void sim_client_leave (sim_client_t *self);

/* Has its program got all that it will get? Else what is missing. */
bool sim_client_is_done (const sim_client_t *self, char *text, size_t size);
/* Tasks that it has under way. */
size_t sim_client_n_tasks (const sim_client_t *self);
/* What is left in its session's tables; "" = nothing. */
void sim_client_describe_rest (const sim_client_t *self, char *text, size_t size);

#endif
