/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/doubled.h"

#include "tests/chaos/record.h"
#include "tests/chaos/task.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    MAX_TOLD = 10,
    MAX_RUNS = 64,         /* records of one task: what is beyond is not explained */
    SUBMISSION_STEP = 1000 /* of the attempt, from one submission to the next: docs/protocol.md */
};

typedef struct count_s {
    const char *const *paths;
    size_t n_paths;
    const change_t *changes;
    size_t n_changes;
    FILE *out;
    doubled_t doubled;
} count_t;

/* Is it explained that a task is started again at again_us, whose run before ended at ended_us (INT64_MAX:
   not yet)? What ended before a broker was gone may have been in its hands alone: its worker had forgotten
   the result when the broker had it, and its client did not have it yet. A broker of 0.1.0 does not adopt
   either what ran on: it says at once that it misses a task, and of one of which there are results the client
   submits the rest as new. */
static bool is_explained (const count_t *self, int64_t ended_us, bool is_resubmitted, int64_t again_us)
{
    for (size_t i = 0; i < self->n_changes; i++) {
        const change_t *change = &self->changes[i];
        bool was_known = ended_us <= change->gone_us || (change->is_released && is_resubmitted);
        if (was_known && change->gone_us < again_us)
            return true;
    }
    return false;
}

static int compare_times (const void *a, const void *b)
{
    int64_t left = ((const record_t *) a)->at_us, right = ((const record_t *) b)->at_us;
    return left < right ? -1 : left > right;
}

/* The starts and ends of this task in all files, in their order. */
static size_t gather (const count_t *self, uint64_t number, record_t runs[MAX_RUNS])
{
    size_t n = 0;
    for (size_t i = 0; i < self->n_paths; i++) {
        record_reader_t *reader = record_reader_new (self->paths[i]);
        record_t record;
        while (record_read (reader, &record)) {
            bool is_run = record.kind == RECORD_START || record.kind == RECORD_END;
            if (is_run && record.number == number && n < MAX_RUNS)
                runs[n++] = record;
        }
        record_reader_destroy (&reader);
    }
    qsort (runs, n, sizeof *runs, compare_times);
    return n;
}

/* How many starts of this task can be explained so. */
static unsigned count_explained (const count_t *self, uint64_t number)
{
    record_t runs[MAX_RUNS];
    size_t n_runs = gather (self, number, runs);
    int64_t ended_us = INT64_MAX, submission = INT64_MAX;
    unsigned n = 0;
    for (size_t i = 0; i < n_runs; i++) {
        if (runs[i].kind == RECORD_END) {
            ended_us = runs[i].at_us;
            continue;
        }
        n += is_explained (self, ended_us, runs[i].detail / SUBMISSION_STEP > submission, runs[i].at_us);
        submission = runs[i].detail / SUBMISSION_STEP;
        ended_us = INT64_MAX;
    }
    return n;
}

static void check (void *argument, uint64_t number, const entry_t *entry)
{
    count_t *self = argument;
    task_kind_t kind = task_kind (number);
    if (entry->n_starts < 2 || kind == TASK_CRASH_ONCE || kind == TASK_POISON)
        return;
    if (count_explained (self, number) + 1 == entry->n_starts) {
        self->doubled.n_explained++;
        return;
    }
    if (self->doubled.n++ < MAX_TOLD)
        fprintf (self->out, "  doubled: task %016" PRIx64 " (%s/%s) started %u times\n", number,
                 task_shape_name (number), task_kind_name (number), entry->n_starts);
}

doubled_t doubled_count (const history_t *history, const char *const *paths, size_t n_paths,
                         const change_t *changes, size_t n_changes, FILE *out)
{
    count_t self = { paths, n_paths, changes, n_changes, out, { 0, 0 } };
    history_each (history, check, &self);
    return self.doubled;
}
