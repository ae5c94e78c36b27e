/* SPDX-License-Identifier: MPL-2.0 */
/* dpool-bench: how fast dpool is, and how fast this machine allows it to be. */
#include "bench/clock.h"
#include "bench/die.h"
#include "bench/pool.h"
#include "bench/report.h"

#include <argp.h>
#include <fnmatch.h>
#include <string.h>

#define WARM_UP 0.2 /* part of a run */
#define MAX_ONLY 16

static const system_t *const systems[] = { &embedded_system,
                                           &ipc_system,
                                           &tcp_system,
                                           &far_system,
                                           &curve_system,
                                           &curve_far_system,
                                           &queued_system,
                                           &direct_system,
                                           &relay_system,
                                           &hop_ipc_system,
                                           &hop_tcp_system,
                                           &broker_ipc_system,
                                           &broker_tcp_system,
                                           &broker_curve_system,
                                           &sleepers_tcp_system,
                                           &ideal_system,
                                           NULL };

/* ---- The command line ---------------------------------------------------------------------------- */

typedef struct {
    const char *only[MAX_ONLY];
    size_t n_only;
    const char *json_path;
    int n_runs;
    double counts;
    bool is_list, is_first_result;
} options_t;

enum { FIRST_RESULT = 256 };

static const struct argp_option argp_options[] = {
    { "counts", 'c', "FACTOR", 0, "Do so many times as much in a run, such as 0.01 (default: 1)", 0 },
    { "json", 'j', "FILE", 0, "Write the results as JSON, too; - for stdout and no table", 0 },
    { "list", 'l', NULL, 0, "Show what can be measured, and end", 0 },
    { "only", 'o', "PATTERN", 0, "Only these, as SYSTEM/WORKLOAD with wildcards; may be given several times",
      0 },
    { "runs", 'r', "N", 0, "So many runs of each, after one to warm up (default: 5)", 0 },
    { "first-result", FIRST_RESULT, NULL, OPTION_HIDDEN, NULL, 0 },
    { 0 },
};

static error_t parse (int key, char *value, struct argp_state *state)
{
    options_t *options = state->input;
    char *end = NULL;
    switch (key) {
    case 'c':
        options->counts = strtod (value, &end);
        if (*end != '\0' || !(options->counts > 0 && options->counts <= 1000))
            argp_error (state, "--counts: %s is not from 0 to 1000", value);
        return 0;
    case 'j':
        options->json_path = value;
        return 0;
    case 'l':
        options->is_list = true;
        return 0;
    case 'o':
        if (options->n_only == MAX_ONLY)
            argp_error (state, "--only: at most %d patterns", MAX_ONLY);
        options->only[options->n_only++] = value;
        return 0;
    case 'r':
        options->n_runs = (int) strtol (value, &end, 10);
        if (*end != '\0' || options->n_runs < 1 || options->n_runs > 10000)
            argp_error (state, "--runs: %s is not from 1 to 10000", value);
        return 0;
    case FIRST_RESULT:
        options->is_first_result = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = argp_options,
    .parser = parse,
    .doc
    = "Measures dpool and, without it, what the machine allows.\vEach result is the median of all that was"
      " measured in the runs: of single calls where a time is measured, else one figure a run. p99: 99 of"
      " 100 were no worse.",
};

/* ---- Measuring ----------------------------------------------------------------------------------- */

static bool is_chosen (const options_t *options, const system_t *system, const workload_t *workload)
{
    char name[64];
    snprintf (name, sizeof name, "%s/%s", system->name, workload->name);
    for (size_t i = 0; i < options->n_only; i++) {
        if (fnmatch (options->only[i], name, 0) == 0)
            return true;
    }
    return options->n_only == 0;
}

static void list (const options_t *options)
{
    for (size_t i = 0; systems[i]; i++) {
        printf ("%s: %s\n", systems[i]->name, systems[i]->about);
        for (const workload_t *workload = systems[i]->workloads; workload->name; workload++) {
            if (is_chosen (options, systems[i], workload))
                printf ("    %s/%-*s  %s [%s]\n", systems[i]->name, 22 - (int) strlen (systems[i]->name),
                        workload->name, workload->about, workload->unit);
        }
    }
}

static void measure (const options_t *options, const system_t *system, const workload_t *workload,
                     void *opened, report_t *report)
{
    series_t warm_up = { .n = 0 }, series = { .n = 0 };
    workload->run (opened, options->counts * WARM_UP, &warm_up);
    for (int i = 0; i < options->n_runs; i++)
        workload->run (opened, options->counts, &series);
    report_add (report, system, workload, &series);
    series_clear (&warm_up);
    series_clear (&series);
}

/* A system stays open as long as its workloads want as many workers. */
static size_t measure_system (const options_t *options, const system_t *system, report_t *report)
{
    void *opened = NULL;
    int n_opened = 0;
    size_t n_measured = 0;
    for (const workload_t *workload = system->workloads; workload->name; workload++) {
        if (!is_chosen (options, system, workload))
            continue;
        int n_workers = workload->n_workers ? workload->n_workers : N_WORKERS;
        if (opened && n_opened != n_workers) {
            system->close (opened);
            opened = NULL;
        }
        if (!opened)
            opened = system->open (n_workers);
        n_opened = n_workers;
        measure (options, system, workload, opened, report);
        n_measured++;
    }
    if (opened)
        system->close (opened);
    return n_measured;
}

int main (int argc, char **argv)
{
    options_t options = { .n_runs = 5, .counts = 1 };
    argp_parse (&argp, argc, argv, 0, NULL, &options);
    if (options.is_first_result)
        return start_main ();
    if (options.is_list) {
        list (&options);
        return 0;
    }
    report_t *report = report_new (options.json_path);
    size_t n_measured = 0;
    for (size_t i = 0; systems[i]; i++)
        n_measured += measure_system (&options, systems[i], report);
    if (n_measured == 0)
        die ("--only", "nothing of that name: see --list");
    report_destroy (&report);
    return 0;
}
