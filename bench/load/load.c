/* SPDX-License-Identifier: MPL-2.0 */
#include "bench/load/load.h"

#include "bench/clock.h"
#include "bench/die.h"

typedef struct {
    const load_t *load;
    setup_t *setup;
    dpool_t *pools[MAX_CLIENTS];
    dpool_async_result_t **results;
    unsigned char *payload;
} self_t;

static void take (dpool_async_result_t **result, size_t size)
{
    const void *bytes;
    size_t n;
    setup_get (*result, "dpool_async_result_get");
    if (dpool_value_get (dpool_async_result_value (*result, 0), "b", &bytes, &n) < 0 || n != size)
        die ("result", "is not what was sent");
    dpool_async_result_destroy (result);
}

/* One client after the other submits its share; the functions take turns. */
static double run (self_t *self, size_t n_tasks)
{
    const load_t *load = self->load;
    size_t window = load->window > 0 && load->window < n_tasks ? load->window : n_tasks;
    double start = clock_now ();
    for (size_t i = 0; i < n_tasks; i++) {
        char function[32];
        snprintf (function, sizeof function, "identity%03zu", i % load->n_functions);
        dpool_async_result_t **place = &self->results[i % window];
        if (i >= window)
            take (place, load->payload);
        *place = dpool_apply_async (self->pools[i * load->n_clients / n_tasks], function, "b", self->payload,
                                    load->payload);
        if (!*place)
            setup_die ("dpool_apply_async");
    }
    for (size_t i = n_tasks; i < n_tasks + window; i++)
        take (&self->results[i % window], load->payload);
    return clock_now () - start;
}

double load_run (const load_t *load)
{
    self_t self = { .load = load };
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.max_unfinished_tasks = load->n_tasks + 1;
    options.max_unfinished_bytes = (size_t) 8 << 30;
    self.setup
        = setup_open_with (load->bind, load->n_workers, load->bind ? &setup_with_room : NULL, &options);
    self.pools[0] = self.setup->pool;
    for (size_t i = 1; i < load->n_clients; i++)
        if (!(self.pools[i] = dpool_open (self.setup->endpoint, &options)))
            setup_die ("dpool_open");
    self.results = calloc (load->n_tasks, sizeof *self.results);
    self.payload = calloc (load->payload + 1, 1);
    if (!self.results || !self.payload)
        die ("load", "out of memory");
    run (&self, load->n_tasks > 50 ? load->n_tasks / 10 < 10000 ? load->n_tasks / 10 : 10000 : 5);
    double seconds = run (&self, load->n_tasks);
    for (size_t i = 1; i < load->n_clients; i++)
        dpool_destroy (&self.pools[i]);
    setup_close (self.setup);
    free (self.results);
    free (self.payload);
    return seconds / (double) load->n_tasks * 1e9;
}
