/* SPDX-License-Identifier: MPL-2.0 */
/* crew_rig.h - a crew with a clock that stands still, and a trace of all that it wants and says. */
#ifndef CREW_RIG_H_INCLUDED
#define CREW_RIG_H_INCLUDED

#include "core/wire.h"
#include "worker/crew.h"

enum { RIG_BROKERS = 4 };

/* One line for each action and each message:
 *
 *   open 0 · close 0 · start 1 [session 7] · hand 1 #5 task 3 · back 1 #6 · flag 1 #5 · signal 9 1 · end 1
 *   0< HELLO c1 w2 [draining] · 0< RUNS 3.1 running, 4.1 done last · 0< RESULTS w2 3.1 value final 0+2 VV
 *   0< RELEASE w2 4.1 · 0< PROGRESS 3.1 @0 5/10 · 0< PING
 *
 * The PING behind a WELCOME, which asks how far the broker is, is no line: it is answered at once, by a
 * broker that is near.
 *
 * A task's id is its job, so that actions show it. Letters of outcomes: see crew_rig.c. */
typedef struct rig_s {
    crew_t *crew;
    int64_t now_ms, deadline_ms;
    size_t processes;
    char trace[16384];
    size_t trace_len;
    dp_outbox_t to_crew;
    wire_batch_t batch;
    bool answers_take_back;             /* at once, as asked; else with "started" */
    bool is_far;                        /* its brokers do not answer PINGs: the test does */
    bool is_asked_how_far[RIG_BROKERS]; /* by the next PING */
    uint64_t epoch;
    char message[512], stderr_tail[512]; /* of the last error that was seen in an outcome */
    int signal;
    uint64_t cut_us; /* run_us of the last cut */
    uint64_t attempts;
} rig_t;

/* A crew of so many processes and brokers; its children are up, its brokers said WELCOME. The trace is empty.
 */
rig_t *rig_new (size_t processes, size_t n_brokers);
/* The same before anything has happened; orphan_ms 0 = the default. */
rig_t *rig_new_raw (size_t processes, size_t n_brokers, int64_t orphan_ms);
void rig_destroy (rig_t **self_p);

/* Let time pass, then a turn. */
void rig_turn (rig_t *self, int64_t ms);
/* Turns whenever the crew asked for one, until ms have passed. */
void rig_pass (rig_t *self, int64_t ms);

/* The trace is exactly this ("" = nothing); it is empty afterwards. */
#define rig_expect(self, text) rig_expect_at (self, text, __FILE__, __LINE__)
void rig_expect_at (rig_t *self, const char *text, const char *file, int line);
/* The trace has this in it; empty afterwards. */
#define rig_expect_part(self, text) rig_expect_part_at (self, text, __FILE__, __LINE__)
void rig_expect_part_at (rig_t *self, const char *text, const char *file, int line);
void rig_forget (rig_t *self);
/* Decode what the crew wrote; the test fails when that cannot be. */
void rig_decode (const dp_outgoing_t *outgoing, wire_message_t *message);

/* ---- The broker says ---- */
typedef struct rig_task_s {
    uint64_t id, attempt, session, n_items, limit_ms;
    bool is_at_most_once, is_loose;
} rig_task_t;
void rig_task (rig_t *self, size_t broker, const rig_task_t *task);
void rig_tasks (rig_t *self, size_t broker, uint64_t first, uint64_t last); /* attempt 1, session 1 */
void rig_run (rig_t *self, size_t broker, wire_kind_t kind, uint64_t id,
              uint64_t attempt); /* ADOPT, CANCEL, REVOKE */
void rig_run_of (rig_t *self, size_t broker, wire_kind_t kind, uint64_t session, uint64_t id,
                 uint64_t attempt);
void rig_bare (rig_t *self, size_t broker, wire_kind_t kind, uint64_t ack);
void rig_welcome (rig_t *self, size_t broker);
void rig_room (rig_t *self, size_t broker, uint64_t bytes, uint64_t full_session); /* 0 = none is full */
void rig_session (rig_t *self, size_t broker, uint64_t session, const char *initializer, uint64_t max_tasks);
void rig_session_end (rig_t *self, size_t broker, uint64_t session);

/* ---- A child does ---- */
void rig_ready (rig_t *self, size_t place);
void rig_claim (rig_t *self, size_t place, uint64_t serial, uint64_t item); /* the slot says so, since now */
void rig_value (rig_t *self, size_t place, uint64_t serial, uint64_t run_us);
void rig_exit (rig_t *self, size_t place, int signal, int status, uint64_t serial, uint64_t item);

#endif
