/* SPDX-License-Identifier: MPL-2.0 */
/* payload.c - bytes there and back, a few at a time. A MiB that goes there and back counts once. */
#include "bench/clock.h"
#include "bench/die.h"
#include "bench/pool.h"
#include "bench/setup.h"

#define MAX_WINDOW 64

static void check_bytes (dpool_async_result_t *result, size_t expected, unsigned char mark)
{
    const void *bytes;
    size_t size;
    setup_get (result, "dpool_async_result_get");
    if (dpool_value_get (dpool_async_result_value (result, 0), "b", &bytes, &size) < 0)
        setup_die ("result");
    if (size != expected || ((const unsigned char *) bytes)[size - 1] != mark)
        die ("result", "is not what was sent");
}

/* The result before the one that is sent next is taken as soon as the window is full. */
static void run (setup_t *setup, size_t payload_size, size_t n, size_t window, series_t *series)
{
    dpool_async_result_t *results[MAX_WINDOW] = { NULL };
    unsigned char *payload = calloc (1, payload_size);
    if (!payload)
        die ("payload", "out of memory");
    double start = clock_now ();
    for (size_t i = 0; i < n + window; i++) {
        dpool_async_result_t **place = &results[i % window];
        if (i >= window && i - window < n) {
            check_bytes (*place, payload_size, (unsigned char) (i - window));
            dpool_async_result_destroy (place);
        }
        if (i < n) {
            payload[payload_size - 1] = (unsigned char) i;
            *place = dpool_apply_async (setup->pool, "identity", "b", payload, payload_size);
            if (!*place)
                setup_die ("dpool_apply_async");
        }
    }
    series_add (series, (double) n * (double) payload_size / (1 << 20) / (clock_now () - start));
    free (payload);
}

void payload_run_1m (void *system, double counts, series_t *series)
{
    run (system, 1 << 20, scaled (500, counts), 16, series);
}

void payload_run_64k (void *system, double counts, series_t *series)
{
    run (system, 1 << 16, scaled (4000, counts), MAX_WINDOW, series);
}
