/* SPDX-License-Identifier: MPL-2.0 */
/* start.c - from the start of a program to its first result, seen from outside. */
#include "bench/clock.h"
#include "bench/pool.h"
#include "bench/process.h"
#include "bench/setup.h"

#include <stdio.h>
#include <stdlib.h>

#define N_STARTS 10

int start_main (void)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.processes = N_WORKERS;
    uint64_t number;
    dpool_value_t *value;
    dpool_t *pool = dpool_open (NULL, &options);
    if (!pool || dpool_apply (pool, &value, "identity", "u", (uint64_t) 42) < 0
        || dpool_value_get (value, "u", &number) < 0)
        setup_die ("first result");
    printf ("%d\n", (int) number);
    fflush (stdout);
    dpool_value_destroy (&value);
    dpool_destroy (&pool);
    return 0;
}

void start_run (void *system, double counts, series_t *series)
{
    const setup_t *setup = system;
    const char *const argv[] = { "/proc/self/exe", "--first-result", NULL };
    setenv ("DPOOL_ENDPOINT", *setup->endpoint ? setup->endpoint : "local", 1);
    for (size_t n = scaled (N_STARTS, counts); n > 0; n--) {
        char line[16];
        double start = clock_now ();
        process_t program = process_run (argv);
        process_read_line (&program, line, sizeof line);
        series_add (series, (clock_now () - start) * 1e3);
        process_wait (&program);
    }
    unsetenv ("DPOOL_ENDPOINT");
}
