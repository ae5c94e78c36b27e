/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/judge.h"

#include "tests/chaos/task.h"

#include <dpool/dpool.h>

#include <inttypes.h>

enum { MAX_TOLD = 20 };

typedef struct court_s {
    const history_t *history;
    FILE *out;
    verdict_t verdict;
} court_t;

static void find_guilty (court_t *self, uint64_t number, const entry_t *entry, const char *what)
{
    if (self->verdict.n_broken++ < MAX_TOLD)
        fprintf (self->out,
                 "  broken: task %016" PRIx64
                 " (%s/%s): %s; submitted %u, outcomes %u (%s), starts %u, ends %u\n",
                 number, task_shape_name (number), task_kind_name (number), what, entry->n_submits,
                 entry->n_outcomes, entry->n_outcomes ? dpool_strerror (entry->code) : "none",
                 entry->n_starts, entry->n_ends);
}

/* A task that does not crash by itself may fail as crashed only after as many deaths as it has retries. */
static bool is_excused (uint64_t number, const entry_t *entry)
{
    return entry->code == DPOOL_ECRASHED && entry->n_starts - entry->n_ends > TASK_RETRIES
           && task_kind (number) != TASK_CANCELLED;
}

/* What no fault may bring about, be its client killed or not. */
static void check_always (court_t *self, uint64_t number, const entry_t *entry)
{
    if (entry->n_submits != 1)
        find_guilty (self, number, entry, "it was not submitted once");
    if (entry->n_outcomes > 1)
        find_guilty (self, number, entry, "it has more than one outcome");
    if (task_is_once (number) && entry->n_starts > 1)
        find_guilty (self, number, entry, "at most once, it was started again");
}

static void check_outcome (court_t *self, uint64_t number, const entry_t *entry)
{
    if (entry->n_outcomes == 0)
        find_guilty (self, number, entry, "it was lost: there is no outcome");
    else if (!task_may_end_as (number, entry->code) && !is_excused (number, entry))
        find_guilty (self, number, entry, "it may not end so");
    else if (entry->code == 0 && entry->value != task_value (number))
        find_guilty (self, number, entry, "its value is wrong");
    else if (entry->code == 0 && entry->n_ends == 0)
        find_guilty (self, number, entry, "it has a value and did not run");
    else if (entry->code == DPOOL_ECANCELLED && entry->n_starts > 0)
        find_guilty (self, number, entry, "it is said that it never ran");
}

static void visit (void *argument, uint64_t number, const entry_t *entry)
{
    court_t *self = argument;
    check_always (self, number, entry);
    self->verdict.n_starts += entry->n_starts;
    self->verdict.n_again += entry->n_starts > 1 ? entry->n_starts - 1u : 0;
    if (entry->n_outcomes == 0 && history_is_forgiven (self->history, task_client (number))) {
        self->verdict.n_forgiven++;
        return;
    }
    self->verdict.n_tasks++;
    self->verdict.n_lost_once += task_is_once (number) && entry->n_outcomes > 0 && entry->code != 0;
    check_outcome (self, number, entry);
}

verdict_t judge (const history_t *history, FILE *out)
{
    court_t self = { .history = history, .out = out };
    history_each (history, visit, &self);
    if (history_faults (history) > 0)
        fprintf (out, "  broken: %u records are damaged\n", history_faults (history));
    self.verdict.n_broken += history_faults (history);
    return self.verdict;
}
