/* SPDX-License-Identifier: MPL-2.0 */
#include "bench/report.h"

#include "bench/die.h"

#include <dpool/dpool.h>

#include <string.h>
#ifdef BENCH_HAS_JANSSON
#include <jansson.h>
#endif

struct report_s {
    const char *json_path;
    bool has_table;
#ifdef BENCH_HAS_JANSSON
    json_t *results;
#endif
};

report_t *report_new (const char *json_path)
{
    report_t *self = calloc (1, sizeof *self);
    if (!self)
        die ("report", "out of memory");
    self->json_path = json_path;
    self->has_table = !json_path || strcmp (json_path, "-") != 0;
#ifdef BENCH_HAS_JANSSON
    self->results = json_array ();
#else
    if (json_path)
        die ("--json", "this program was built without jansson (libjansson-dev)");
#endif
    if (self->has_table)
        printf ("%-11s %-11s %-8s %12s %12s %12s %12s %8s\n", "system", "workload", "unit", "median", "min",
                "max", "p99", "measured");
    return self;
}

/* As many digits as say something. */
static void print_figure (double value)
{
    printf (" %12.*f", value >= 1000 ? 0 : value >= 10 ? 1 : 3, value);
}

void report_add (report_t *self, const system_t *system, const workload_t *workload, series_t *series)
{
    double median = series_quantile (series, 0.5), min = series_quantile (series, 0),
           max = series_quantile (series, 1);
    /* 99 of 100 measurements are no worse. */
    double p99 = series_quantile (series, workload->is_more_better ? 0.01 : 0.99);
    if (self->has_table) {
        printf ("%-11s %-11s %-8s", system->name, workload->name, workload->unit);
        print_figure (median);
        print_figure (min);
        print_figure (max);
        print_figure (p99);
        printf (" %8zu\n", series->n);
        fflush (stdout);
    }
#ifdef BENCH_HAS_JANSSON
    json_array_append_new (self->results,
                           json_pack ("{s:s, s:s, s:s, s:b, s:f, s:f, s:f, s:f, s:I}", "system", system->name,
                                      "workload", workload->name, "unit", workload->unit, "more_is_better",
                                      workload->is_more_better, "median", median, "min", min, "max", max,
                                      "p99", p99, "measured", (json_int_t) series->n));
#endif
}

void report_destroy (report_t **self_p)
{
    report_t *self = *self_p;
#ifdef BENCH_HAS_JANSSON
    json_t *all = json_pack ("{s:s, s:o}", "dpool", dpool_version (), "results", self->results);
    const size_t flags = JSON_INDENT (2) | JSON_REAL_PRECISION (6);
    int rc = 0;
    if (self->json_path && strcmp (self->json_path, "-") == 0)
        rc = json_dumpf (all, stdout, flags) + (putchar ('\n') == EOF);
    else if (self->json_path)
        rc = json_dump_file (all, self->json_path, flags);
    if (rc != 0)
        die (self->json_path, "cannot write the results");
    json_decref (all);
#endif
    free (self);
    *self_p = NULL;
}
