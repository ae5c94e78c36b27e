/* SPDX-License-Identifier: MPL-2.0 */
/*
 * chaos-judge [--forgive CLIENT]... [--unbroken] [--restarted TIME]... RECORDS... - judge the records that
 * clients and runs have left in these files, and print the verdict. Exit status: 0, or 1 when a promise is
 * broken or no task was submitted.
 *
 * --unbroken: there was no fault. Then nothing is lost, not even what may run at most once, and nothing but
 * what crashes by itself is started again. --restarted: nor was there, but a broker that was asked to end had
 * ended at TIME, in seconds since the epoch, and another one was started: it may have taken results along.
 */
#include "tests/chaos/doubled.h"
#include "tests/chaos/judge.h"
#include "tests/chaos/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_CHANGES = 8 };

typedef struct case_s {
    history_t *history;
    const char **paths;
    size_t n_paths;
    bool is_unbroken;
    change_t changes[MAX_CHANGES];
    size_t n_changes;
} case_t;

/* By the clock of records. */
static int64_t monotonic_us (const char *epoch_s)
{
    struct timespec now;
    clock_gettime (CLOCK_REALTIME, &now);
    double ago_s = (double) now.tv_sec + (double) now.tv_nsec / 1e9 - strtod (epoch_s, NULL);
    return record_now_us () - (int64_t) (ago_s * 1e6);
}

static void add_change (case_t *self, const char *epoch_s)
{
    self->is_unbroken = true;
    if (self->n_changes < MAX_CHANGES)
        self->changes[self->n_changes++] = (change_t) { monotonic_us (epoch_s), false };
}

static void read_arguments (case_t *self, char **argv)
{
    for (; *argv; argv++) {
        if (strcmp (*argv, "--unbroken") == 0) {
            self->is_unbroken = true;
        } else if (strcmp (*argv, "--forgive") == 0 && argv[1]) {
            history_forgive (self->history, (unsigned) strtoul (*++argv, NULL, 10));
        } else if (strcmp (*argv, "--restarted") == 0 && argv[1]) {
            add_change (self, *++argv);
        } else {
            history_follow (self->history, *argv);
            self->paths[self->n_paths++] = *argv;
        }
    }
}

/* What was no fault's: how many promises are broken that only a fault excuses. */
static uint64_t judge_unbroken (const case_t *self, const verdict_t *verdict)
{
    doubled_t doubled
        = doubled_count (self->history, self->paths, self->n_paths, self->changes, self->n_changes, stdout);
    printf ("without a fault %" PRIu64 " were lost and %u doubled; %u were started again with a new broker\n",
            verdict->n_lost_once, doubled.n, doubled.n_explained);
    return verdict->n_lost_once + doubled.n;
}

int main (int argc, char **argv)
{
    case_t self = { .history = history_new (), .paths = calloc ((size_t) argc, sizeof *self.paths) };
    if (!self.paths)
        abort ();
    read_arguments (&self, argv + 1);
    history_update (self.history);
    verdict_t verdict = judge (self.history, stdout);
    printf ("%" PRIu64 " tasks, %" PRIu64 " forgiven, %" PRIu64 " starts, %" PRIu64 " again, %" PRIu64
            " lost that may run once only, %" PRIu64 " promises broken\n",
            verdict.n_tasks, verdict.n_forgiven, verdict.n_starts, verdict.n_again, verdict.n_lost_once,
            verdict.n_broken);
    uint64_t n_broken = verdict.n_broken + (self.is_unbroken ? judge_unbroken (&self, &verdict) : 0);
    history_destroy (&self.history);
    free (self.paths);
    return n_broken == 0 && verdict.n_tasks > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
