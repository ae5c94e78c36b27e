/* SPDX-License-Identifier: MPL-2.0 */
/* faults.h - what goes wrong, when, and for how long: a plan that is drawn from the seed. All faults end. */
#ifndef FAULTS_H_INCLUDED
#define FAULTS_H_INCLUDED

#include "tests/simulation/network.h"
#include "tests/simulation/schedule.h"

#include <stdbool.h>

struct sim_s;

typedef enum {
    FAULT_CUT,            /* a connection breaks */
    FAULT_PART_TO_BROKER, /* partition of a peer and a broker, one way … */
    FAULT_PART_TO_PEER,   /* … the other way … */
    FAULT_PART,           /* … both ways */
    FAULT_SLOW,           /* a peer's connections become slow */
    FAULT_PAUSE_PEER,     /* SIGSTOP of a client or a worker */
    FAULT_PAUSE_BROKER,
    FAULT_KILL_BROKER, /* and it starts again */
    FAULT_END_BROKER,  /* SIGTERM: it drains, says BYE to all, and starts again */
    FAULT_KILL_WORKER, /* likewise */
    FAULT_KILL_CLIENT,
    FAULT_LEAVE_CLIENT, /* it ends with its calls unfinished, and says BYE */
    FAULT_DRAIN_WORKER, /* SIGTERM, and a new one is started */
    FAULT_KILL_CHILD,   /* a stranger kills a child process */
    FAULT_STOP_CHILD,   /* SIGSTOP of a child process */
    FAULT_KINDS
} fault_kind_t;

typedef struct fault_s {
    sim_event_t event;
    struct sim_s *sim;
    fault_kind_t kind;
    size_t peer, broker;
    int64_t begins_us, lasts_us;
    bool has_begun;
} fault_t;

enum { FAULTS_MOST = 16 };

typedef struct faults_s {
    fault_t faults[FAULTS_MOST];
    size_t n_faults, n_ended;
    int64_t over_since_us;
} faults_t;

void faults_init (faults_t *self, struct sim_s *sim);
bool faults_are_over (const struct sim_s *sim);
bool faults_include (const struct sim_s *sim, fault_kind_t kind);

#endif
