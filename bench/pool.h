/* SPDX-License-Identifier: MPL-2.0 */
/* pool.h - the workloads of a pool. Each of these gets a setup_t. */
#ifndef BENCH_POOL_H_INCLUDED
#define BENCH_POOL_H_INCLUDED

#include "bench/system.h"

/* tiny.c: tasks that do nothing */
workload_run_t tiny_run_apply, tiny_run_apply_async, tiny_run_map;

/* payload.c: bytes there and back */
workload_run_t payload_run_1m, payload_run_64k;

/* table.c, start.c: how late results are */
workload_run_t table_run, start_run;

/* uneven.c: tasks that take very different times */
workload_run_t uneven_run_mandelbrot, uneven_run_words, uneven_run_sleeps;

/* The program of its own that start_run measures: opens the pool that the environment names (DPOOL_ENDPOINT,
   and keys where there are any), prints the first result and ends. */
int start_main (void);

#endif
