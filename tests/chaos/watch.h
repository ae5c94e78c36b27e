/* SPDX-License-Identifier: MPL-2.0 */
/* watch.h - follows the runs of the tasks of a measurement, whose numbers count from 0. */
#ifndef WATCH_H_INCLUDED
#define WATCH_H_INCLUDED

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What is known of one task. */
typedef struct watched_s {
    unsigned n_starts, n_ends;
    int64_t started_us; /* the last time */
    pid_t pid;          /* of the last one */
} watched_t;

typedef struct watch_s {
    struct record_reader_s *reader;
    watched_t *tasks;
    size_t n;
} watch_t;

/* Follow this file for the tasks 0 … n - 1. */
void watch_init (watch_t *self, const char *path, size_t n);
void watch_fini (watch_t *self);

/* Read what is new. */
void watch_update (watch_t *self);

/* Wait until the task has been started more than so often: when that was, or -1 after a minute. */
int64_t watch_await_start (watch_t *self, size_t task, unsigned n_starts);

#endif
