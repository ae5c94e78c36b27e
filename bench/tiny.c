/* SPDX-License-Identifier: MPL-2.0 */
/* tiny.c - tasks that give back the number that they are given: what a task costs when it does nothing. */
#include "bench/clock.h"
#include "bench/die.h"
#include "bench/pool.h"
#include "bench/setup.h"

#define N_CALLS 2000
#define N_TASKS 100000
#define N_ITEMS 1000000

static void check_number (const dpool_value_t *value, size_t expected)
{
    uint64_t number;
    if (!value || dpool_value_get (value, "u", &number) < 0)
        setup_die ("result");
    if (number != expected)
        die ("result", "is not what was sent");
}

void tiny_run_apply (void *system, double counts, series_t *series)
{
    setup_t *setup = system;
    size_t n = scaled (N_CALLS, counts);
    for (size_t i = 0; i < n; i++) {
        dpool_value_t *value;
        double start = clock_now ();
        if (dpool_apply (setup->pool, &value, "identity", "u", (uint64_t) i) < 0)
            setup_die ("dpool_apply");
        series_add (series, (clock_now () - start) * 1e6);
        check_number (value, i);
        dpool_value_destroy (&value);
    }
}

void tiny_run_apply_async (void *system, double counts, series_t *series)
{
    setup_t *setup = system;
    size_t n = scaled (N_TASKS, counts);
    dpool_async_result_t **results = calloc (n, sizeof *results);
    if (!results)
        die ("results", "out of memory");
    double start = clock_now ();
    for (size_t i = 0; i < n; i++) {
        results[i] = dpool_apply_async (setup->pool, "identity", "u", (uint64_t) i);
        if (!results[i])
            setup_die ("dpool_apply_async");
    }
    for (size_t i = 0; i < n; i++) {
        setup_get (results[i], "dpool_async_result_get");
        check_number (dpool_async_result_value (results[i], 0), i);
        dpool_async_result_destroy (&results[i]);
    }
    series_add (series, (double) n / (clock_now () - start));
    free (results);
}

/* Packing the items and reading the results belong to it, as pickling does in Python. */
void tiny_run_map (void *system, double counts, series_t *series)
{
    setup_t *setup = system;
    size_t n = scaled (N_ITEMS, counts);
    double start = clock_now ();
    dpool_items_t *items = dpool_items_new ();
    for (size_t i = 0; i < n; i++) {
        if (dpool_items_add (items, "u", (uint64_t) i) < 0)
            setup_die ("dpool_items_add");
    }
    dpool_async_result_t *results = dpool_map (setup->pool, "identity", items, NULL);
    setup_get (results, "dpool_map");
    for (size_t i = 0; i < n; i++)
        check_number (dpool_async_result_value (results, i), i);
    series_add (series, (double) n / (clock_now () - start));
    dpool_async_result_destroy (&results);
    dpool_items_destroy (&items);
}
