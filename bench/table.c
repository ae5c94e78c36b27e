/* SPDX-License-Identifier: MPL-2.0 */
/* table.c - the table of all calls, as examples/pool_table.c prints it: 1.4 s of sleep, and what is over. */
#include "bench/clock.h"
#include "bench/pool.h"
#include "bench/setup.h"

static void draw (dpool_imap_t *iterator)
{
    const dpool_value_t *value;
    int more = 0;
    while (iterator && (more = dpool_imap_next (iterator, &value, -1)) == 1) {
    }
    if (!iterator || more < 0)
        setup_die ("dpool_imap");
    dpool_imap_destroy (&iterator);
}

static void get (dpool_async_result_t *result)
{
    setup_get (result, "dpool_map_async");
    dpool_async_result_destroy (&result);
}

void table_run (void *system, double counts, series_t *series)
{
    const double unit = counts < 1 ? 0.1 * counts : 0.1; /* the first sleep, in seconds */
    dpool_t *pool = ((setup_t *) system)->pool;
    dpool_items_t *items = dpool_items_new ();
    if (dpool_items_add (items, "d", 3 * unit) < 0 || dpool_items_add (items, "d", unit) < 0
        || dpool_items_add (items, "d", 2 * unit) < 0)
        setup_die ("dpool_items_add");

    double start = clock_now ();
    if (dpool_apply (pool, NULL, "sleep", "d", unit) < 0)
        setup_die ("dpool_apply");
    get (dpool_map (pool, "sleep", items, NULL));
    get (dpool_apply_async (pool, "sleep", "d", unit));
    get (dpool_map_async (pool, "sleep", items, NULL));
    draw (dpool_imap (pool, "sleep", dpool_source_from_items (items), NULL));
    draw (dpool_imap_unordered (pool, "sleep", dpool_source_from_items (items), NULL));
    series_add (series, (clock_now () - start - 14 * unit) * 1e3);
    dpool_items_destroy (&items);
}
