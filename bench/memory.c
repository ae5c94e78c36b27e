/* SPDX-License-Identifier: MPL-2.0 */
/* memory.c - what the broker holds for tasks that wait: a cluster without workers, asked for a million. */
#include "bench/die.h"
#include "bench/setup.h"
#include "bench/system.h"
#include "bench/work.h"

#include <unistd.h>

#define N_TASKS 1000000
#define PAYLOAD 8 /* bytes that each argument takes, on top of what is measured */

/* Bytes of memory that the process uses now. */
static double resident (pid_t pid)
{
    char path[64];
    long n_pages = 0;
    snprintf (path, sizeof path, "/proc/%d/statm", (int) pid);
    FILE *file = fopen (path, "r");
    if (!file || fscanf (file, "%*d %ld", &n_pages) != 1)
        die (path, "cannot be read");
    fclose (file);
    return (double) n_pages * (double) sysconf (_SC_PAGESIZE);
}

/* Until the broker, and not this program, says why the last task waits. */
static void wait_until_there (dpool_async_result_t *last)
{
    dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
    for (int i = 0; i < 200; i++) {
        if (dpool_async_result_explain (last, &why) < 0)
            setup_die ("dpool_async_result_explain");
        if (why.reason == DPOOL_REASON_NO_WORKER)
            return;
        work_sleep (0.05);
    }
    die ("memory: not all tasks came to the broker", why.sentence);
}

/* Each run has a broker of its own, since what one has freed serves the next. */
static void run (void *system, double counts, series_t *series)
{
    (void) system;
    size_t n = scaled (N_TASKS, counts);
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.max_unfinished_tasks = n + 1;
    setup_t *setup = setup_open_with ("ipc", 0, &setup_with_room, &options);
    dpool_async_result_t **results = calloc (n, sizeof *results);
    if (!results)
        die ("results", "out of memory");
    double before = resident (setup->broker.pid);
    /* Each with a time limit of its own: calls that are alike would wait in this program, not at the broker.
     */
    dpool_call_options_t call = DPOOL_CALL_OPTIONS_INIT;
    for (size_t i = 0; i < n; i++) {
        call.time_limit_ms = (int) (i + 1);
        results[i] = dpool_apply_async_with (setup->pool, &call, "identity", "u", UINT64_MAX - i);
        if (!results[i])
            setup_die ("dpool_apply_async");
    }
    wait_until_there (results[n - 1]);
    series_add (series, (resident (setup->broker.pid) - before) / (double) n - PAYLOAD);
    if (dpool_terminate (setup->pool) < 0)
        setup_die ("dpool_terminate");
    for (size_t i = 0; i < n; i++)
        dpool_async_result_destroy (&results[i]);
    free (results);
    setup_close (setup);
}

static void *open_nothing (int n_workers)
{
    static int nothing;
    (void) n_workers;
    return &nothing;
}

static void close_nothing (void *system)
{
    (void) system;
}

static const workload_t workloads[] = {
    { "memory", "B/task", "what the broker holds a task, beyond the argument, when 1,000,000 wait", run, 0,
      false },
    { NULL, NULL, NULL, NULL, 0, false },
};

const system_t queued_system = { "queued", "dpool: a broker over ipc, a client and no worker", open_nothing,
                                 close_nothing, workloads };
