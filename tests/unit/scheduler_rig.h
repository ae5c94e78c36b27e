/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_rig.h - a scheduler with a clock of the test's own, and clients and workers that talk to it by
 * the wire's writers and readers. What it sends is decoded and noted at the peer that it is for.
 *
 * Clients and workers are numbered 1 … SCHEDULER_RIG_PEERS - 1. A client's session is 100 + its number, a
 * worker's id 200 + its number. Unless a test says otherwise a client's tasks call "work", which all workers
 * offer, and have one item.
 */
#ifndef SCHEDULER_RIG_H_INCLUDED
#define SCHEDULER_RIG_H_INCLUDED

#include "tests/support/test.h"

#include "broker/scheduler_internal.h"

enum { SCHEDULER_RIG_PEERS = 12, SCHEDULER_RIG_TEXT = 4096 };

typedef struct srig_row_s { /* a task, run or result that was sent to a peer */
    uint64_t session, id, attempt;
    outcome_status_t status; /* results */
    bool is_final;
    uint64_t first, n_items;
    int64_t priority;
    uint64_t limit_ms, since_ms;
    bool is_at_most_once;
    size_t payload_len;
} srig_row_t;

typedef struct srig_rows_s {
    srig_row_t *rows;
    size_t n, capacity;
} srig_rows_t;

typedef struct srig_peer_s {
    uint64_t id, connection, n_hellos; /* connection 0 = none */
    uint64_t session;                  /* of a client: what its session is for workers */
    wire_role_t role;
    bool is_old;             /* a client that does not know what DRAIN means */
    const char *initializer; /* of a client; NULL = none */
    wire_bytes_t args;       /* of it */
    bool is_watcher;         /* a client */
    /* what it was sent since srig_forget */
    size_t n_kinds[WIRE_KINDS], n_messages;
    srig_rows_t tasks, adopts, revokes, cancels, results, progress;
    wire_range_t missing[1024];
    size_t n_missing;
    uint64_t sessions[64], ends[64]; /* of SESSION, SESSION_END */
    size_t n_sessions, n_ends;
    wire_welcome_t welcome;
    wire_answer_t answer;
    char text[SCHEDULER_RIG_TEXT]; /* of the last REFUSED or ANSWER, or of the last result that is an error */
    char answer_worker[256];
    wire_refusal_t refusal;
    uint64_t ack;        /* the highest on this connection */
    uint64_t processes;  /* of the last WORKERS or WELCOME */
    uint64_t room;       /* of the last ROOM or WELCOME */
    uint64_t most_tasks; /* of the last ROOM */
    uint64_t full[64];   /* sessions of the last ROOM */
    size_t n_full;
    uint64_t n_results; /* received on this connection: what a client acknowledges */
} srig_peer_t;

typedef struct srig_s {
    scheduler_t *scheduler;
    access_t *list; /* of keys; NULL = there are none */
    int64_t now_ms, deadline_ms;
    uint64_t last_connection;
    srig_peer_t clients[SCHEDULER_RIG_PEERS], workers[SCHEDULER_RIG_PEERS];
    srig_peer_t stranger; /* whoever has another connection */
    uint64_t dropped[64];
    size_t n_dropped;
    dp_outbox_t out;
    char events[8192]; /* all lines of the log */
    uint64_t payload_len;
} srig_t;

/* A scheduler after its grace; with this configuration, before anything has happened. */
srig_t *srig_new (void);
srig_t *srig_new_with (const scheduler_config_t *config);
/* All peers say BYE; then nothing may be left. */
void srig_free (srig_t **self_p);

/* ---- Time ---- */
void srig_turn (srig_t *self);             /* a turn of the loop now: tick, note all that is sent */
void srig_pass (srig_t *self, int64_t ms); /* turns every 100 ms; peers are silent */
void srig_live (srig_t *self, int64_t ms); /* the same; all connected peers send PONG */
void srig_jump (srig_t *self, int64_t ms); /* one late turn */
void srig_forget (srig_t *self);           /* what was noted of messages */

/* ---- Peers. Those that end in _as choose what else they say. ---- */
uint64_t srig_connection (srig_t *self);     /* a new one */
void srig_client (srig_t *self, int client); /* connects, HELLO, an empty CLAIM */
void srig_client_hello (srig_t *self, int client);
void srig_worker (srig_t *self, int worker, uint64_t window); /* connects, HELLO, empty RUNS, turn */
typedef struct srig_hello_s {
    uint64_t window, window_bytes, processes;
    bool is_draining;
    const char *functions[4], *labels[4];
} srig_hello_t;
void srig_worker_hello (srig_t *self, int worker, srig_hello_t said); /* does not send RUNS */
void srig_worker_as (srig_t *self, int worker, srig_hello_t hello);   /* with empty RUNS, and a turn */
void srig_break (srig_t *self, srig_peer_t *peer);                    /* its connection is gone */
void srig_lose (srig_t *self, int worker);                            /* gone, and away for too long */
void srig_bare (srig_t *self, srig_peer_t *peer, wire_kind_t kind);
void srig_send (srig_t *self, uint64_t connection); /* all in self->out arrives from there */

/* Keys: the list that holds from now on; and who comes with one of them. */
void srig_admit (srig_t *self, const access_entry_t *entries, size_t n_entries);
void srig_client_of (srig_t *self, const char *owner, int client);
void srig_worker_of (srig_t *self, const char *owner, int worker, uint64_t window);

/* ---- A client says ---- */
typedef struct srig_submit_s {
    const char *function, *require; /* NULL = "work", none */
    int64_t priority;
    uint64_t limit_ms, base, n_items;
    bool is_at_most_once;
} srig_submit_t;
void srig_submit (srig_t *self, int client, uint64_t first, uint64_t last);
void srig_submit_as (srig_t *self, int client, uint64_t first, uint64_t last, srig_submit_t submit);
void srig_claim (srig_t *self, int client, uint64_t first, uint64_t last, bool is_last);
void srig_claim_once (srig_t *self, int client, uint64_t first,
                      uint64_t last); /* at most once; not the end */
void srig_claim_none (srig_t *self, int client);
void srig_cancel (srig_t *self, int client, uint64_t first, uint64_t last);
void srig_revoke (srig_t *self, int client, uint64_t first, uint64_t last);
void srig_ack (srig_t *self, int client); /* all results that came on this connection */
void srig_query (srig_t *self, int client, wire_question_t question, uint64_t id); /* answered at once */

void srig_ask_function (srig_t *self, int client, const char *name); /* likewise */

/* ---- A worker says; the session is that of the client ---- */
void srig_result (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt,
                  outcome_status_t status);
void srig_timed (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt, uint64_t run_us);
void srig_part (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt, uint64_t first,
                uint64_t n, bool is_final);
/* Its items from this one on will not start: so many. */
void srig_cut (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt, uint64_t first,
               uint64_t n);
/* A value of so many bytes. */
void srig_sized (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt, size_t size);
void srig_release (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt);
void srig_run (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt,
               wire_run_state_t state); /* of RUNS */
void srig_runs_end (srig_t *self, int worker);
void srig_progress (srig_t *self, int worker, int client, uint64_t id, uint64_t attempt, uint64_t since_ms);
/* Values for all tasks that were noted, whatever worker they went to; then a turn. Returns how many. */
size_t srig_work (srig_t *self);

/* ---- What came. Lists are texts such as "1 2 3", of ids; with attempts "1.1 2.1". ---- */
#define srig_expect_tasks(self, worker, text) \
    assert_string_equal (srig_ids (&(self)->workers[worker].tasks), text)
#define srig_expect_results(self, client, text) \
    assert_string_equal (srig_ids (&(self)->clients[client].results), text)
#define srig_expect_runs(rows, text) assert_string_equal (srig_attempts (rows), text)
#define srig_expect_missing(self, client, text) assert_string_equal (srig_missing (self, client), text)
const char *srig_ids (const srig_rows_t *rows);
const char *srig_attempts (const srig_rows_t *rows);
const char *srig_missing (const srig_t *self, int client);                  /* "3-5 7-7" */
outcome_status_t srig_status (const srig_t *self, int client, uint64_t id); /* of its last result */
void srig_note (srig_peer_t *peer, wire_message_t *message);                /* of the rig itself */
scheduler_stats_t srig_stats (const srig_t *self);
bool srig_has_event (srig_t *self, const char *part);

#endif
