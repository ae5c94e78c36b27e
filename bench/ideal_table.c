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

static void row (void *argument, const double *seconds, int n_sleeps)
{
    const sleeper_t *sleepers = argument;
    double slept;
    for (int i = 0; i < n_sleeps; i++)
        put (sleepers[i].ends[0], seconds[i]);
    for (int i = 0; i < n_sleeps; i++)
        if (!get (sleepers[i].ends[0], &slept))
            die ("ideal", "a process that sleeps has ended");
}

void ideal_table_measure (ideal_table_row_t *do_row, void *sleepers, double counts, series_t *series)
{
    const double unit = counts < 1 ? 0.1 * counts : 0.1; /* as in table.c */
    const double one[] = { unit }, three[] = { 3 * unit, unit, 2 * unit };
    const bool is_single[] = { true, false, true, false, false, false };
    double start = clock_now ();
    for (size_t i = 0; i < sizeof is_single / sizeof is_single[0]; i++)
        do_row (sleepers, is_single[i] ? one : three, is_single[i] ? 1 : 3);
    series_add (series, (clock_now () - start - 14 * unit) * 1e3);
}

void ideal_table_run (void *system, double counts, series_t *series)
{
    (void) system;
    sleeper_t sleepers[IDEAL_TABLE_SLEEPERS];
    const double at_once[IDEAL_TABLE_SLEEPERS] = { 0 };
    for (int i = 0; i < IDEAL_TABLE_SLEEPERS; i++) {
        if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sleepers[i].ends) < 0)
            die ("socketpair", strerror (errno));
        sleepers[i].process = process_fork (sleep_on_demand, &sleepers[i]);
    }
    row (sleepers, at_once, IDEAL_TABLE_SLEEPERS); /* they are there */
    ideal_table_measure (row, sleepers, counts, series);
    for (int i = 0; i < IDEAL_TABLE_SLEEPERS; i++) {
        process_end (&sleepers[i].process);
        close (sleepers[i].ends[0]);
        close (sleepers[i].ends[1]);
    }
}
