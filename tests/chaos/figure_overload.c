/* SPDX-License-Identifier: MPL-2.0 */
/* figure_overload.c - does anybody take a slow machine for a dead one? */
#include "tests/support/test.h"

#include "tests/chaos/figure.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/chaos/record.h"

enum { MAX_BURNERS = 1024 };

static size_t start_burners (pid_t *pids)
{
    size_t n = 8 * (size_t) sysconf (_SC_NPROCESSORS_ONLN);
    if (n > MAX_BURNERS)
        n = MAX_BURNERS;
    for (size_t i = 0; i < n; i++) {
        pids[i] = fork ();
        if (pids[i] != 0)
            continue;
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        for (volatile unsigned turns = 0;; turns++)
            continue;
    }
    return n;
}

static size_t count_lines (const char *path, const char *words)
{
    char line[1024];
    size_t n = 0;
    FILE *file = fopen (path, "re");
    while (file && fgets (line, sizeof line, file))
        n += strstr (line, words) != NULL;
    if (file)
        fclose (file);
    return n;
}

/* Rounds of short tasks; returns how many there were. */
static uint64_t work_for (figures_t *self, unsigned s)
{
    uint64_t n = 0;
    for (int64_t end_us = record_now_us () + s * 1000000ll; record_now_us () < end_us; n += 100) {
        dpool_items_t *items = dpool_items_new ();
        for (uint64_t i = 0; i < 100; i++)
            dpool_items_add (items, "uu", n + i, (uint64_t) 5);
        dpool_async_result_t *result = dpool_map (self->pool, FIGURE_HOLD, items, NULL);
        if (!result || dpool_async_result_get (result, 0) < 0)
            fail_msg ("%s", dpool_last_error ()->message);
        dpool_async_result_destroy (&result);
        dpool_items_destroy (&items);
    }
    return n;
}

bool figure_overload (figures_t *self)
{
    static pid_t burners[MAX_BURNERS];
    char log[512];
    snprintf (log, sizeof log, "%s/broker-0.log", self->stage->folder);
    size_t n_lost = count_lines (log, "is lost"); /* those of the measurements before */
    size_t n_burners = start_burners (burners), n_again = 0;
    uint64_t n = work_for (self, self->options->overload_s);
    for (size_t i = 0; i < n_burners; i++) {
        kill (burners[i], SIGKILL);
        waitpid (burners[i], NULL, 0);
    }
    watch_update (&self->watch);
    for (size_t i = 0; i < self->watch.n; i++)
        n_again += self->watch.tasks[i].n_starts > 1;
    n_lost = count_lines (log, "is lost") - n_lost;
    printf ("CPUs overloaded 8 times for %u s: %llu tasks, %zu started again, %zu workers thought lost\n",
            self->options->overload_s, (unsigned long long) n, n_again, n_lost);
    return n_again == 0 && n_lost == 0;
}
