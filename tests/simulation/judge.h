/* SPDX-License-Identifier: MPL-2.0 */
/*
 * judge.h - the invariants, and the phases of a game:
 *
 *   WORK     the programs make their calls, faults come and go; it ends when all programs have all outcomes
 *   SETTLE   nothing may be left in any machine's tables
 *   REST     nothing but heartbeats may be said for a while
 *   LEAVE    clients leave, workers drain; the brokers know nobody any more
 *
 * Each phase must end within a time. What is checked at once, turn by turn and outcome by outcome, is below.
 */
#ifndef JUDGE_H_INCLUDED
#define JUDGE_H_INCLUDED

#include "tests/simulation/schedule.h"
#include "tests/simulation/workload.h"

struct sim_s;
struct sim_broker_s;
struct sim_child_s;
struct sim_client_s;
struct sim_worker_s;

typedef enum { PHASE_WORK, PHASE_SETTLE, PHASE_REST, PHASE_LEAVE, PHASE_OVER } phase_t;

typedef struct judge_s {
    phase_t phase;
    sim_event_t referee;          /* looks whether the phase is over */
    int64_t phase_since_us;       /* in WORK: or since the faults are over */
    int64_t patience_us;          /* for WORK */
    uint64_t n_messages, n_turns; /* when REST began */
    unsigned n_disturbed_rests;
    const char *invariant; /* that was broken; NULL = none */
    char text[512];
} judge_t;

void judge_init (judge_t *self, struct sim_s *sim);

/* An item starts, in a run of this name. */
void judge_start (struct sim_s *sim, item_t *item, const start_t *name);
/* Its worker has killed the process that it runs in. */
void judge_stop (struct sim_s *sim, const item_t *item);
/* A run that begins with this item is given to a child. */
void judge_hand (struct sim_s *sim, const struct sim_child_s *child, const item_t *item);
/* A child has begun a run. */
void judge_claim (struct sim_s *sim, const struct sim_child_s *child);
/* A call has changed: the outcomes that are new are judged, the others must be what they were. */
void judge_call (struct sim_s *sim, call_t *call);
/* An imap gives the item of this index to its program. */
/* An apply has its outcome. */
void judge_apply (struct sim_s *sim, item_t *item, const job_item_t *held);
void judge_take (struct sim_s *sim, const call_t *call, size_t index);
/* A turn is over. */
void judge_client (struct sim_s *sim, const struct sim_client_s *client);
void judge_broker (struct sim_s *sim, const struct sim_broker_s *broker);
void judge_worker (struct sim_s *sim, const struct sim_worker_s *worker);

#endif
