/* SPDX-License-Identifier: MPL-2.0 */
/*
 * session_fixture.h - a session with a broker and a clock of the test's own: messages go in through the
 * wire's writers, and what the session sends is decoded and noted.
 *
 * Item i of a job has the argument i, an integer; its value is i + 1000.
 */
#ifndef SESSION_FIXTURE_H_INCLUDED
#define SESSION_FIXTURE_H_INCLUDED

#include "tests/support/test.h"

#include "client/session_internal.h"

#define FIXTURE_MAX 4096

typedef struct fixture_task_s {
    uint64_t id, base, job, first, n;
    int64_t priority;
    bool is_at_most_once;
    int arguments[64]; /* the first of them */
    size_t payload_len;
} fixture_task_t;

typedef struct fixture_s {
    session_t *session;
    int64_t now_ms;
    uint64_t epoch;
    uint64_t hello_connection;
    size_t n_opens, n_closes, n_hellos, n_pings, n_pongs, n_byes, n_drains, n_acks, n_queries, n_messages;
    uint64_t last_ack; /* on this connection */
    /* The PING behind a WELCOME asks how far the broker is. It is not counted, and answered at once: it is
     * near. */
    bool is_asked_how_far;
    bool is_far; /* the test answers it */
    wire_query_t query;
    /* since fixture_forget */
    fixture_task_t tasks[FIXTURE_MAX];
    size_t n_tasks;
    wire_range_t claims[FIXTURE_MAX], cancels[FIXTURE_MAX], recalls[FIXTURE_MAX];
    size_t n_claims, n_cancels, n_recalls, n_claim_ends;
    size_t n_changed;
} fixture_t;

/* A session with this window, that has connected to nothing yet. Free it by fixture_free. */
fixture_t *fixture_new (size_t max_tasks, size_t max_bytes);
/* The same, connected to a broker with so many processes. */
fixture_t *fixture_up (size_t processes);
/* The same with four processes, and with a list of ten items in one task, which is noted as the first. */
job_t *fixture_one_task (fixture_t **self_p, job_spec_t spec);
void fixture_free (fixture_t **self_p);

/* A turn of the loop: tick, and note all that is sent. Returns the deadline. */
int64_t fixture_turn (fixture_t *self);
/* Let time pass in turns of 100 ms. */
void fixture_pass (fixture_t *self, int64_t ms);
/* The first noted task; all are forgotten. */
fixture_task_t fixture_take (fixture_t *self);
/* Forget what was noted of tasks, claims and cancels. */
void fixture_forget (fixture_t *self);
/* The connection breaks, and a new one is made and welcomed. */
void fixture_reconnect (fixture_t *self, bool is_session_kept);

/* What the broker says; the session hears it at once. */
void fixture_say (fixture_t *self, dp_outbox_t *out);
void fixture_welcome (fixture_t *self, bool is_session_kept, uint64_t processes);
void fixture_workers (fixture_t *self, uint64_t processes);
void fixture_bare (fixture_t *self, wire_kind_t kind);
void fixture_missing (fixture_t *self, uint64_t first, uint64_t last);
void fixture_running (fixture_t *self, const fixture_task_t *task);
void fixture_refuse (fixture_t *self, wire_refusal_t code, const char *text);

/* A result whose row is in "row" (kept as it is). attempt 0 = the first after the task's base. */
void fixture_result (fixture_t *self, const fixture_task_t *task, outcome_status_t status, bool is_final,
                     size_t first, size_t n, const dp_buffer_t *row);
/* Append the right value of n items of the task from "first" on. */
void fixture_put_values (dp_buffer_t *row, const fixture_task_t *task, size_t first, size_t n);
/* All its items end with their value; or the task's item "culprit" crashes, those before it have values. */
void fixture_values (fixture_t *self, const fixture_task_t *task);
void fixture_crash (fixture_t *self, const fixture_task_t *task, size_t culprit);
/* What does not start of it comes back: the items from "first" on of a run that goes on, or (final) all. */
void fixture_give_back (fixture_t *self, const fixture_task_t *task, bool is_final, size_t first);
/* The whole task ends with a status, without a row. */
void fixture_end (fixture_t *self, const fixture_task_t *task, outcome_status_t status);
/* Give values for all tasks that are noted, in turns, until nothing more is sent. Returns how many tasks. */
size_t fixture_work_off (fixture_t *self);

/* Jobs: options are the spec's other members. */
job_t *fixture_list (fixture_t *self, size_t n, job_spec_t spec);
job_t *fixture_stream (fixture_t *self, job_spec_t spec);
/* A call with this argument; and the job that it is in. */
job_t *fixture_call (fixture_t *self, size_t argument, job_spec_t spec);
/* n calls, which are owned by the fixture; to a job that has none so far. */
job_t *fixture_calls (fixture_t *self, size_t n, job_spec_t spec);
/* Append items next … next + n - 1, and tell the session. */
void fixture_append (fixture_t *self, job_t *job, size_t n);
dp_blob_t *fixture_argument (int i);

/* The value of an item is right; or its error has this code. */
void fixture_assert_value (const job_t *job, size_t index);
void fixture_assert_error (const job_t *job, size_t index, int code);
/* Nothing is under way and nothing is left in the books. */
void fixture_assert_clean (const fixture_t *self);

#endif
