/* SPDX-License-Identifier: MPL-2.0 */
#include "bench/ideal_table.h"

#include "bench/clock.h"
#include "bench/die.h"
#include "bench/process.h"
#include "bench/work.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { N_SLEEPERS = 4, MOST_AT_ONCE = 3 };

typedef struct {
    int ends[2]; /* the caller's and its own */
    process_t process;
} sleeper_t;

/* False at the end of what comes. */
static bool get (int end, double *seconds)
{
    ssize_t n_read = read (end, seconds, sizeof *seconds);
    if (n_read < 0)
        die ("read", strerror (errno));
    return n_read == (ssize_t) sizeof *seconds;
}

static void put (int end, double seconds)
{
    if (write (end, &seconds, sizeof seconds) != (ssize_t) sizeof seconds)
        die ("write", strerror (errno));
}

static void sleep_on_demand (void *argument)
{
    const sleeper_t *self = argument;
    for (double seconds; get (self->ends[1], &seconds);) {
        work_sleep (seconds);
        put (self->ends[1], seconds);
    }
}

/* One sleep of a unit, or the three of a row, the longest of which is three units. */
static void row (const sleeper_t *sleepers, int n_sleeps, double unit)
{
    const double three[MOST_AT_ONCE] = { 3 * unit, unit, 2 * unit };
    double seconds;
    for (int i = 0; i < n_sleeps; i++)
        put (sleepers[i].ends[0], n_sleeps == 1 ? unit : three[i]);
    for (int i = 0; i < n_sleeps; i++)
        if (!get (sleepers[i].ends[0], &seconds))
            die ("ideal", "a process that sleeps has ended");
}

void ideal_table_run (void *system, double counts, series_t *series)
{
    (void) system;
    const double unit = counts < 1 ? 0.1 * counts : 0.1; /* as in table.c */
    const int rows[] = { 1, 3, 1, 3, 3, 3 };             /* apply, map, apply_async, map_async, imap twice */
    sleeper_t sleepers[N_SLEEPERS];
    for (int i = 0; i < N_SLEEPERS; i++) {
        if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sleepers[i].ends) < 0)
            die ("socketpair", strerror (errno));
        sleepers[i].process = process_fork (sleep_on_demand, &sleepers[i]);
    }
    for (int i = 0; i < N_SLEEPERS; i++)
        row (&sleepers[i], 1, 0); /* they are there */

    double start = clock_now ();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        row (sleepers, rows[i], unit);
    series_add (series, (clock_now () - start - 14 * unit) * 1e3);
    for (int i = 0; i < N_SLEEPERS; i++) {
        process_end (&sleepers[i].process);
        close (sleepers[i].ends[0]);
        close (sleepers[i].ends[1]);
    }
}
