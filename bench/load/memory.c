/* SPDX-License-Identifier: MPL-2.0 */
/* memory.c - what broker, client and worker hold while tasks wait behind one that runs, and after all of
 * them. */
#include "bench/die.h"
#include "bench/load/load.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { QUIET_S = 4 }; /* until all have given back what they do not need */

typedef struct {
    double broker, client, worker;
} held_t;

/* Bytes that are this process's share of memory, and that of all its children. */
static double held_by (pid_t pid)
{
    char path[64], line[256];
    double bytes = 0, kib;
    snprintf (path, sizeof path, "/proc/%d/smaps_rollup", (int) pid);
    FILE *file = fopen (path, "r");
    while (file && fgets (line, sizeof line, file))
        if (sscanf (line, "Pss: %lf kB", &kib) == 1)
            bytes = kib * 1024;
    if (!file || bytes <= 0)
        die (path, "cannot be read");
    fclose (file);
    if (pid == getpid ())
        return bytes;
    snprintf (path, sizeof path, "/proc/%d/task/%d/children", (int) pid, (int) pid);
    file = fopen (path, "r");
    for (int child; file && fscanf (file, "%d", &child) == 1;)
        bytes += held_by (child);
    if (file)
        fclose (file);
    return bytes;
}

static held_t look (const setup_t *setup)
{
    return (held_t) { held_by (setup->broker.pid), held_by (getpid ()), held_by (setup->workers[0].pid) };
}

/* Before, with all, at once after them, and some seconds later. */
static void say (const char *who, const double bytes[4], size_t n_tasks)
{
    const double mib = 1 << 20;
    printf ("%s\t%.1f\t%.1f\t%.0f\t%.1f\t%.1f\n", who, bytes[0] / mib, bytes[1] / mib,
            (bytes[1] - bytes[0]) / (double) n_tasks, bytes[2] / mib, bytes[3] / mib);
}

/* Calls that are alike wait in the client; of those that have each a time limit of their own, each is a task
   at the broker. */
static void submit (const setup_t *setup, dpool_async_result_t **results, size_t n_tasks, bool are_alike)
{
    enum { LONG_MS = 1000000 };
    dpool_call_options_t call = DPOOL_CALL_OPTIONS_INIT;
    for (size_t i = 0; i < n_tasks; i++) {
        call.time_limit_ms = are_alike ? 0 : (int) (LONG_MS + i);
        results[i] = dpool_apply_async_with (setup->pool, &call, "identity000", "u", UINT64_MAX - i);
        if (!results[i])
            setup_die ("dpool_apply_async");
    }
}

/* Until the broker says why the last one waits. */
static void wait_until_there (dpool_async_result_t *last)
{
    dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
    for (int i = 0; i < 600; i++) {
        if (dpool_async_result_explain (last, &why) < 0)
            setup_die ("dpool_async_result_explain");
        if (why.reason == DPOOL_REASON_QUEUED)
            return;
        usleep (50000);
    }
    die ("memory: not all tasks came to the broker", why.sentence);
}

static void take_all (dpool_async_result_t **results, size_t n_tasks)
{
    for (size_t i = 0; i < n_tasks; i++) {
        setup_get (results[i], "dpool_async_result_get");
        dpool_async_result_destroy (&results[i]);
    }
}

static void run (size_t n_tasks, bool are_alike)
{
    char gate[] = "/tmp/dpool-gate-XXXXXX";
    int fd = mkstemp (gate);
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.max_unfinished_tasks = n_tasks + 1;
    setup_t *setup = setup_open_with ("ipc", 1, &setup_with_room, &options);
    dpool_async_result_t **results = malloc (n_tasks * sizeof *results);
    if (fd < 0 || !results)
        die (gate, "cannot be made");
    memset (results, 0, n_tasks * sizeof *results);
    submit (setup, results, 1000, are_alike);
    take_all (results, 1000);
    dpool_async_result_t *running = dpool_apply_async (setup->pool, "gate", "s", gate);
    held_t before = look (setup);
    submit (setup, results, n_tasks, are_alike);
    wait_until_there (results[n_tasks - 1]);
    held_t with = look (setup);
    unlink (gate);
    setup_get (running, "gate");
    dpool_async_result_destroy (&running);
    take_all (results, n_tasks);
    held_t at_once = look (setup);
    sleep (QUIET_S);
    held_t after = look (setup);
    double each[][4] = { { before.broker, with.broker, at_once.broker, after.broker },
                         { before.client, with.client, at_once.client, after.client },
                         { before.worker, with.worker, at_once.worker, after.worker } };
    static const char *const names[][2] = { { "broker, calls unlike", "broker" },
                                            { "client, calls unlike", "client" },
                                            { "worker, calls unlike", "worker" } };
    for (size_t i = 0; i < 3; i++)
        say (names[i][are_alike], each[i], n_tasks);
    setup_close (setup);
    close (fd);
    free (results);
}

void memory_run (size_t n_tasks)
{
    run (n_tasks, true);
    run (n_tasks, false);
}
