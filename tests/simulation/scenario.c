/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/scenario.h"

enum { SECOND_US = 1000000 };

const char *scenario_name (scenario_kind_t kind)
{
    static const char *const names[] = { "calm", "cut", "restart", "rough", "wild" };
    return names[kind];
}

static scenario_kind_t draw_kind (random_t *random)
{
    uint64_t roll = random_below (random, 100);
    return roll < 18   ? SCENARIO_CALM
           : roll < 28 ? SCENARIO_CUT
           : roll < 36 ? SCENARIO_RESTART
           : roll < 88 ? SCENARIO_ROUGH
                       : SCENARIO_WILD;
}

static void draw_size (scenario_t *self, random_t *random)
{
    if (self->kind == SCENARIO_WILD) {
        self->n_clients = 1 + random_below (random, SCENARIO_CLIENTS);
        self->n_workers = 1 + random_below (random, SCENARIO_WORKERS);
        self->n_brokers = random_happens (random, 50) ? 2 : 1;
        self->n_faults = 3 + random_below (random, 10);
        self->faults_us = 10 * SECOND_US;
        return;
    }
    self->n_clients = random_happens (random, 30) ? 2 : 1;
    self->n_workers = 1 + random_below (random, random_happens (random, 20) ? 3 : 2);
    self->n_brokers = self->kind == SCENARIO_ROUGH && random_happens (random, 25) ? 2 : 1;
    static const size_t faults[] = { [SCENARIO_CUT] = 6, [SCENARIO_RESTART] = 1, [SCENARIO_ROUGH] = 4 };
    self->n_faults = faults[self->kind] > 0 ? 1 + random_below (random, faults[self->kind]) : 0;
    self->faults_us = 3 * SECOND_US;
}

static void draw_client (scenario_client_t *self, random_t *random, bool may_terminate)
{
    static const size_t windows[] = { 1, 2, 5, 16, 64, 1000 };
    uint64_t roll = random_below (random, 100);
    self->initializer = roll < 85   ? INITIALIZER_NONE
                        : roll < 93 ? INITIALIZER_GOOD
                        : roll < 97 ? INITIALIZER_SHAKY
                                    : INITIALIZER_BAD;
    self->max_tasks_per_child = random_happens (random, 12) ? 1 + random_below (random, 3) : 0;
    self->window_tasks = RANDOM_OF (random, windows);
    if (may_terminate && random_happens (random, 8))
        self->terminates_us = random_between (random, 1, 4 * SECOND_US);
}

static void draw_worker (scenario_t *self, random_t *random, size_t number)
{
    self->processes[number] = 1 + random_below (random, self->kind == SCENARIO_WILD ? 4 : 3);
    bool is_late = self->kind >= SCENARIO_ROUGH && random_happens (random, 20);
    self->joins_us[number] = random_between (random, 0, is_late ? SECOND_US : 2000);
}

void scenario_measure (scenario_t *self, size_t n_workers, size_t processes)
{
    *self = (scenario_t) { .kind = SCENARIO_CALM, .n_clients = 1, .n_brokers = 1, .n_workers = n_workers };
    self->delay_us = 50;
    self->clients[0].window_tasks = 65536;
    for (size_t i = 0; i < n_workers; i++)
        self->processes[i] = processes;
    self->lease_ms = self->orphan_ms = 10000;
    self->cancel_grace_ms = 1000;
}

void scenario_draw (scenario_t *self, random_t *random)
{
    static const int64_t delays_us[] = { 50, 200, 1000, 5000, 40000 };
    static const int64_t rates[] = { 400, 1000, 8000 }; /* above what every path must have */
    *self = (scenario_t) { .kind = draw_kind (random) };
    draw_size (self, random);
    bool is_prompt = self->kind == SCENARIO_CUT || self->kind == SCENARIO_RESTART;
    bool has_faults = self->kind >= SCENARIO_ROUGH;
    self->delay_us = is_prompt ? 200 : RANDOM_OF (random, delays_us);
    self->jitter_us = random_between (random, 0, 2 * self->delay_us);
    for (size_t i = 0; i < self->n_clients; i++)
        draw_client (&self->clients[i], random, has_faults);
    for (size_t i = 0; i < self->n_workers; i++)
        draw_worker (self, random, i);
    self->lease_ms = random_between (random, 6000, 12000);
    self->orphan_ms = random_between (random, has_faults ? 3000 : 6000, 12000);
    self->cancel_grace_ms = random_between (random, 20, 1000);
    self->has_huge_items = !is_prompt && random_below (random, 60) == 0;
    if (self->has_huge_items)
        self->bytes_per_ms = RANDOM_OF (random, rates);
    if (!is_prompt && !self->has_huge_items
        && random_happens (random, 25)) { /* room for a handful of tasks or results */
        self->memory_limit = 8 * 1024;
        self->least_room = 512;
    }
    self->failing_starts = has_faults && random_happens (random, 15) ? 20 : 0;
    self->failing_sends = has_faults && random_happens (random, 10) ? 3 : 0;
    if (self->memory_limit > 0 && random_happens (random, 50))
        self->quota_tasks = (uint64_t) random_between (random, 1, 8);
    for (size_t i = 0; self->memory_limit > 0 && i < self->n_clients; i++)
        self->clients[i].is_heedless = random_happens (random, 30);
    if (random_happens (random, 20))
        self->answers_a_second = random_between (random, 2, 10); /* a heartbeat, and then questions wait */
}
