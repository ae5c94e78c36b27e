/* SPDX-License-Identifier: MPL-2.0 */
/* scenario.h - how large the world of a seed is, how it is set up, and how rough it gets. */
#ifndef SCENARIO_H_INCLUDED
#define SCENARIO_H_INCLUDED

#include "tests/simulation/random.h"

enum { SCENARIO_CLIENTS = 4, SCENARIO_WORKERS = 5 };

typedef enum {
    SCENARIO_CALM,    /* nothing fails but what the functions do themselves: each outcome is foretold */
    SCENARIO_CUT,     /* only connections break, and come back at once: likewise */
    SCENARIO_RESTART, /* only the broker is killed and comes back at once: nothing is run twice at a time */
    SCENARIO_ROUGH,   /* a few faults in a small world */
    SCENARIO_WILD     /* many faults in a large one */
} scenario_kind_t;

/* How the initializer of a client's children behaves. */
typedef enum { INITIALIZER_NONE, INITIALIZER_GOOD, INITIALIZER_SHAKY, INITIALIZER_BAD } initializer_t;

typedef struct scenario_client_s {
    initializer_t initializer;
    uint64_t max_tasks_per_child;
    size_t window_tasks;
    int64_t terminates_us; /* 0 = never */
    bool is_heedless;      /* it sends whatever room the broker has */
} scenario_client_t;

typedef struct scenario_s {
    scenario_kind_t kind;
    size_t n_clients, n_brokers, n_workers;
    int64_t delay_us, jitter_us;
    scenario_client_t clients[SCENARIO_CLIENTS];
    size_t processes[SCENARIO_WORKERS];
    int64_t joins_us[SCENARIO_WORKERS];
    int64_t lease_ms, orphan_ms, cancel_grace_ms;
    uint64_t memory_limit, least_room;      /* of brokers, in bytes; 0 = the default */
    uint64_t quota_tasks;                   /* of each client; 0 = none */
    int64_t answers_a_second;               /* of a broker to each peer; 0 = the default */
    unsigned failing_starts, failing_sends; /* of a hundred */
    bool has_huge_items;                    /* some arguments of more than a megabyte */
    int64_t bytes_per_ms;                   /* of the path of every other peer; 0 = without limit */
    size_t n_faults;
    int64_t faults_us; /* they begin within so long */
    /* for measuring, not drawn: */
    size_t steady_items; /* of the only call: a map of items that all take steady_us. 0 = calls are drawn */
    int64_t steady_us;
    int64_t client_way_us, worker_way_us; /* on top of the delay, each way */
} scenario_t;

void scenario_draw (scenario_t *self, random_t *random);
/* A calm world of one client, one broker and some workers of so many processes, all near. */
void scenario_measure (scenario_t *self, size_t n_workers, size_t processes);

const char *scenario_name (scenario_kind_t kind);

#endif
