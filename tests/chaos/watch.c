/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/watch.h"

#include "tests/chaos/record.h"

#include <stdlib.h>
#include <time.h>

enum { PATIENCE_S = 60, LOOK_US = 300 };

void watch_init (watch_t *self, const char *path, size_t n)
{
    self->reader = record_reader_new (path);
    self->tasks = calloc (n, sizeof *self->tasks);
    self->n = n;
    if (!self->tasks)
        abort ();
}

void watch_fini (watch_t *self)
{
    record_reader_destroy (&self->reader);
    free (self->tasks);
}

void watch_update (watch_t *self)
{
    record_t record;
    while (record_read (self->reader, &record)) {
        if (record.number >= self->n)
            continue;
        watched_t *task = &self->tasks[record.number];
        if (record.kind == RECORD_START) {
            task->n_starts++;
            task->started_us = record.at_us;
            task->pid = (pid_t) record.pid;
        } else if (record.kind == RECORD_END)
            task->n_ends++;
    }
}

int64_t watch_await_start (watch_t *self, size_t task, unsigned n_starts)
{
    int64_t end_us = record_now_us () + PATIENCE_S * 1000000ll;
    for (watch_update (self); self->tasks[task].n_starts <= n_starts; watch_update (self)) {
        if (record_now_us () > end_us)
            return -1;
        nanosleep (&(struct timespec) { 0, LOOK_US * 1000 }, NULL);
    }
    return self->tasks[task].started_us;
}
