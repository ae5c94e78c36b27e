/* SPDX-License-Identifier: MPL-2.0 */
/* uneven.c - tasks that take very different times: one map with default settings each. */
#include "bench/clock.h"
#include "bench/die.h"
#include "bench/pool.h"
#include "bench/setup.h"
#include "bench/texts.h"
#include "bench/work.h"

/* Run the map and forget its results. */
static void run (setup_t *setup, const char *function, dpool_items_t **items_p, series_t *series)
{
    double start = clock_now ();
    dpool_async_result_t *results = dpool_map (setup->pool, function, *items_p, NULL);
    setup_get (results, function);
    series_add (series, (clock_now () - start) * 1e3);
    dpool_async_result_destroy (&results);
    dpool_items_destroy (items_p);
}

static void check (int rc)
{
    if (rc < 0)
        setup_die ("dpool_items_add");
}

void uneven_run_mandelbrot (void *system, double counts, series_t *series)
{
    dpool_items_t *items = dpool_items_new ();
    int n = (int) scaled (PICTURE_HEIGHT, counts);
    for (int row = 0; row < n; row++)
        check (dpool_items_add (items, "i", row));
    run (system, "mandelbrot_row", &items, series);
}

void uneven_run_words (void *system, double counts, series_t *series)
{
    dpool_items_t *items = dpool_items_new ();
    int n = (int) scaled (N_TEXTS, counts);
    for (int i = 0; i < n; i++) {
        char path[512];
        work_text_path (texts_folder (), i % N_TEXTS, path, sizeof path);
        check (dpool_items_add (items, "s", path));
    }
    run (system, "count_words", &items, series);
}

void uneven_run_sleeps (void *system, double counts, series_t *series)
{
    dpool_items_t *items = dpool_items_new ();
    int n = (int) scaled (N_NAPS, counts);
    for (int i = 0; i < n; i++)
        check (dpool_items_add (items, "d", work_nap_seconds (i)));
    run (system, "sleep", &items, series);
}
