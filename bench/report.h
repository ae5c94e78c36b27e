/* SPDX-License-Identifier: MPL-2.0 */
/* report.h - the results, as a table for people and as JSON. */
#ifndef BENCH_REPORT_H_INCLUDED
#define BENCH_REPORT_H_INCLUDED

#include "bench/system.h"

typedef struct report_s report_t;

/* Prints the table's head. json_path may be NULL for no JSON, or "-" for JSON on stdout and no table. Ends
   the benchmark if JSON is wanted and was not built. */
report_t *report_new (const char *json_path);

/* Print a row. */
void report_add (report_t *self, const system_t *system, const workload_t *workload, series_t *series);

/* Write the JSON and free the report. */
void report_destroy (report_t **self_p);

#endif
