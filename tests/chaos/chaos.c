/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/chaos.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/fault.h"
#include "tests/chaos/judge.h"
#include "tests/chaos/record.h"

enum { N_WORKERS = 4, N_CLIENTS = 3, N_PROCESSES = 3, STANDSTILL_S = 60, SAY_S = 10 };

typedef struct run_s {
    stage_t *stage;
    const options_t *options;
    plan_t plan;
    planned_t next;
    int64_t strike_us;
    unsigned n_strikes[PLAN_MAX_KINDS];
    uint64_t n_outcomes; /* when they were counted last */
    int64_t moved_us;    /* when they became more */
    int64_t said_us;
} run_t;

void chaos_list (void)
{
    for (size_t kind = 0; kind < fault_kinds (); kind++)
        printf ("%s\n", fault_name (kind));
}

static void make_plan (run_t *self)
{
    size_t kinds[PLAN_MAX_KINDS], n_kinds = 0;
    for (size_t kind = 0; kind < fault_kinds (); kind++) {
        if (!options_want (self->options, fault_name (kind)))
            continue;
        if (fault_is_possible (self->stage, kind))
            kinds[n_kinds++] = kind;
        else
            printf ("left out: %s\n", fault_name (kind));
    }
    plan_init (&self->plan, self->options->seed, kinds, n_kinds);
    if (n_kinds > 0)
        self->next = plan_next (&self->plan);
}

/* Whoever could be hit may be in trouble: then the fault waits, and the row stays the same. */
static void strike_if_due (run_t *self)
{
    int64_t now_us = record_now_us ();
    if (self->plan.n_kinds == 0 || now_us < self->strike_us || !fault_strike (self->stage, &self->next))
        return;
    self->n_strikes[self->next.kind]++;
    self->strike_us = now_us + (int64_t) (self->next.gap * 2000.0 * self->options->gap_ms);
    self->next = plan_next (&self->plan);
}

static void count (run_t *self)
{
    int64_t now_us = record_now_us ();
    history_update (self->stage->history);
    uint64_t n_outcomes = history_outcomes (self->stage->history);
    if (n_outcomes > self->n_outcomes)
        self->moved_us = now_us;
    self->n_outcomes = n_outcomes;
    if (now_us < self->said_us + SAY_S * 1000000ll)
        return;
    self->said_us = now_us;
    printf ("%6.1f s  %" PRIu64 " tasks, round %u of faults\n",
            (double) (now_us - self->stage->start_us) / 1e6, n_outcomes, self->plan.n_rounds);
    fflush (stdout);
}

/* The faults of the rounds wanted are over when the next round has begun. */
static bool is_enough (const run_t *self)
{
    return self->n_outcomes >= self->options->n_tasks
           && (self->plan.n_kinds == 0 || self->plan.n_rounds > self->options->n_rounds);
}

static void play (run_t *self)
{
    stage_start (self->stage);
    self->moved_us = self->said_us = record_now_us ();
    self->strike_us = self->moved_us + 1000000;
    while (!is_enough (self)) {
        stage_turn_for (self->stage, 50);
        strike_if_due (self);
        count (self);
        if (record_now_us () > self->moved_us + STANDSTILL_S * 1000000ll) {
            stage_complain (self->stage, "nothing went on for %d s", STANDSTILL_S);
            stage_report (self->stage);
            break;
        }
    }
    stage_close (self->stage);
    history_update (self->stage->history);
}

static void tell (const run_t *self, const verdict_t *verdict)
{
    printf ("faults:");
    for (size_t kind = 0; kind < fault_kinds (); kind++) {
        if (self->n_strikes[kind] > 0)
            printf (" %s %u", fault_name (kind), self->n_strikes[kind]);
    }
    printf ("\ntasks: %" PRIu64 ", and %" PRIu64 " unfinished ones of killed clients; %" PRIu64
            " starts, %" PRIu64 " of them again; %" PRIu64 " at-most-once tasks lost\n",
            verdict->n_tasks, verdict->n_forgiven, verdict->n_starts, verdict->n_again, verdict->n_lost_once);
    printf ("promises broken: %" PRIu64 ", other things wrong: %u, in %.0f s\n", verdict->n_broken,
            self->stage->n_complaints, (double) (record_now_us () - self->stage->start_us) / 1e6);
}

bool chaos_run (stage_t *stage, const options_t *options, const char *folder)
{
    stage_size_t size = { options->n_brokers, N_WORKERS, N_CLIENTS, N_PROCESSES, false };
    run_t self = { .stage = stage, .options = options };
    stage_init (stage, &size, options->seed, folder);
    make_plan (&self);
    play (&self);
    verdict_t verdict = judge (stage->history, stdout);
    tell (&self, &verdict);
    return verdict.n_broken == 0 && stage->n_complaints == 0;
}
