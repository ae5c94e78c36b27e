/* SPDX-License-Identifier: MPL-2.0 */
/* ideal_table.h - the table of table.c without a pool: what its sleeps and the kernel take. */
#ifndef BENCH_IDEAL_TABLE_H_INCLUDED
#define BENCH_IDEAL_TABLE_H_INCLUDED

#include "bench/system.h"

enum { IDEAL_TABLE_SLEEPERS = 4 };

/* Do a row of the table: sleep so many times at once, for so many seconds each, and wait for all. */
typedef void (ideal_table_row_t) (void *sleepers, const double *seconds, int n_sleeps);

/* In ms, how much longer than its sleeps the table takes with such rows. */
void ideal_table_measure (ideal_table_row_t *row, void *sleepers, double counts, series_t *series);

/* In ms, how much longer than its sleeps it takes: the caller writes each sleep to a process of its own, over
   a socketpair, and waits for all answers before the next row. Needs no system. */
workload_run_t ideal_table_run;

#endif
