/* SPDX-License-Identifier: MPL-2.0 */
/* load.h - one load on a whole dpool: a point of a curve. */
#ifndef BENCH_LOAD_H_INCLUDED
#define BENCH_LOAD_H_INCLUDED

#include "bench/setup.h"

#define MAX_CLIENTS 100

typedef struct {
    const char *bind; /* as of setup_open */
    size_t n_tasks, n_clients, n_functions, payload;
    size_t window; /* unfinished tasks at a time; 0 = all of them */
    int n_workers;
} load_t;

/* Nanoseconds a task. */
double load_run (const load_t *load);

/* Prints what broker, client and worker hold before, with so many tasks that wait, and after them. */
void memory_run (size_t n_tasks);

#endif
