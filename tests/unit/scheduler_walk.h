/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_walk.h - models of the peers for scheduler_walk_test.c, and what must hold of a scheduler always.
 */
#ifndef SCHEDULER_WALK_H_INCLUDED
#define SCHEDULER_WALK_H_INCLUDED

#include "tests/unit/scheduler_rig.h"

enum { WALK_CLIENTS = 3, WALK_WORKERS = 4, WALK_TASKS = 400, WALK_RUNS = 4096 };

typedef struct walk_task_s {
    uint64_t id, n_submits, n_starts, n_results;
    uint64_t incarnation; /* of the broker's session that it was first submitted to */
    bool is_at_most_once, is_finished, is_cancelled;
    bool was_elsewhere; /* it was submitted to another */
    outcome_status_t status;
    uint64_t given[32]; /* attempts that workers saw in TASKS */
    size_t n_given;
} walk_task_t;

typedef struct walk_client_s {
    srig_peer_t *peer;
    int number;
    walk_task_t tasks[WALK_TASKS];
    size_t n_tasks;
    uint64_t incarnation;
} walk_client_t;

typedef struct walk_run_s {
    uint64_t session, id, attempt;
    wire_run_state_t state;
    outcome_status_t status; /* DONE */
    bool is_orphan, is_adopted, is_cancelled, is_sent;
    int64_t orphaned_at_ms;
} walk_run_t;

typedef struct walk_worker_s {
    srig_peer_t *peer;
    int number;
    uint64_t window;
    walk_run_t runs[WALK_RUNS];
    size_t n_runs;
    struct {
        uint64_t session, id, attempt;
    } sent[WALK_RUNS]; /* results on this connection */
    size_t n_sent;
    uint64_t n_acked;
} walk_worker_t;

typedef struct walk_s {
    srig_t *t;
    unsigned long seed;
    uint64_t random, epoch, last_id;
    bool is_quiet;
    walk_client_t clients[WALK_CLIENTS];
    walk_worker_t workers[WALK_WORKERS];
} walk_t;

uint64_t walk_draw (walk_t *w, uint64_t n);
/* percent of the time, and never once all is to become quiet */
bool walk_happens (walk_t *w, unsigned percent);

/* Clients. What is due is done when the peer has a connection. */
void walk_client_connect (walk_t *w, walk_client_t *client);
void walk_client_take (walk_t *w, walk_client_t *client); /* what it was sent */
void walk_client_act (walk_t *w, walk_client_t *client);  /* submit, cancel, leave … */
bool walk_client_is_done (const walk_client_t *client);
walk_task_t *walk_task (walk_t *w, uint64_t session, uint64_t id);

void walk_worker_connect (walk_t *w, walk_worker_t *worker);
void walk_worker_take (walk_t *w, walk_worker_t *worker);
void walk_worker_act (walk_t *w, walk_worker_t *worker);
void walk_worker_broken (walk_t *w, walk_worker_t *worker);

/* The scheduler's books agree with one another. */
void walk_check (const scheduler_t *scheduler);

#endif
