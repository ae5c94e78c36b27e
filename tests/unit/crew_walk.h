/* SPDX-License-Identifier: MPL-2.0 */
/* crew_walk.h - the brokers of a random walk of the crew: see crew_walk_test.c. */
#ifndef CREW_WALK_H_INCLUDED
#define CREW_WALK_H_INCLUDED

#include "tests/support/test.h"
#include "tests/unit/crew_rig.h"

#include <stdbool.h>
#include <stdio.h>

enum { N_BROKERS = 2, MAX_RUNS = 400 };

/* What a broker knows of a run. */
typedef struct record_s {
    bool is_assigned, is_unanswered; /* unanswered: listed by RUNS, neither adopted nor cancelled yet */
    bool may_be_late;                /* its session was ended here: what crossed that is dropped */
    bool is_new;                     /* sent on this connection: RUNS may have been written before it came */
    bool was_listed;                 /* on this connection */
    bool is_foreign;                 /* adopted from the list, while another broker had assigned it */
    bool is_over;                    /* it ended here since the broker's start */
    uint64_t next_item;
} record_t;

typedef struct run_s {
    uint64_t session, n_items, n_uncut; /* n_items: that are left of n_uncut */
    bool is_at_most_once;
    record_t at[N_BROKERS];
} run_t;

typedef struct broker_s {
    bool is_open, is_welcomed, has_session[8];
    uint64_t n_received, n_acked, window, n_held;
} broker_t;

typedef struct crew_walk_s {
    rig_t *rig;
    uint64_t random;
    unsigned long seed;
    run_t runs[MAX_RUNS + 1]; /* by id, from 1 */
    uint64_t n_runs;
    broker_t brokers[N_BROKERS];
    struct child_s *children; /* by place */
    bool has_faults, is_loud, is_orphan_short;
    uint64_t epochs;
} crew_walk_t;

#define CHECK(self, condition)                                           \
    do {                                                                 \
        if (!(condition))                                                \
            fail_msg ("seed %lu: not so: %s", (self)->seed, #condition); \
    } while (0)

#define TELL(self, ...)                                                  \
    do {                                                                 \
        if ((self)->is_loud) {                                           \
            printf ("%lld ", (long long) (self)->rig->now_ms - 1000000); \
            printf (__VA_ARGS__);                                        \
            printf ("\n");                                               \
        }                                                                \
    } while (0)

/* A random number below n. */
uint64_t crew_walk_roll (crew_walk_t *self, uint64_t n);

/* What a broker may do: each does nothing when it is not the time for it. */
void crew_walk_break (crew_walk_t *self, size_t b); /* one time in four it starts anew as well */
void crew_walk_welcome (crew_walk_t *self, size_t b);
void crew_walk_assign (crew_walk_t *self, size_t b);
void crew_walk_end_session (crew_walk_t *self, size_t b);
void crew_walk_stop (crew_walk_t *self, size_t b, wire_kind_t kind); /* CANCEL or REVOKE some run */
void crew_walk_answer (crew_walk_t *self, size_t b); /* ADOPT or CANCEL for what RUNS listed */
void crew_walk_acknowledge (crew_walk_t *self, size_t b);

/* The crew says this to a broker: checked and answered. */
void crew_walk_hear (crew_walk_t *self, const dp_outgoing_t *outgoing);

#endif
