/* SPDX-License-Identifier: MPL-2.0 */
#include "bench/load/load.h"

#include "bench/clock.h"
#include "bench/die.h"

#include <pthread.h>

/* A client, with a thread of its own and its share of the tasks. */
typedef struct {
    const load_t *load;
    dpool_t *pool;
    dpool_async_result_t **results;
    unsigned char *payload;
    size_t n_tasks;
    pthread_t thread;
} client_t;

static void take (dpool_async_result_t **result, size_t size)
{
    const void *bytes;
    size_t n;
    setup_get (*result, "dpool_async_result_get");
    if (dpool_value_get (dpool_async_result_value (*result, 0), "b", &bytes, &n) < 0 || n != size)
        die ("result", "is not what was sent");
    dpool_async_result_destroy (result);
}

/* The functions take turns. */
static void *submit_and_take (void *argument)
{
    client_t *self = argument;
    const load_t *load = self->load;
    size_t n_tasks = self->n_tasks;
    size_t window = load->window > 0 && load->window < n_tasks ? load->window : n_tasks;
    for (size_t i = 0; i < n_tasks; i++) {
        char function[32];
        snprintf (function, sizeof function, "identity%03zu", i % load->n_functions);
        dpool_async_result_t **place = &self->results[i % window];
        if (i >= window)
            take (place, load->payload);
        *place = dpool_apply_async (self->pool, function, "b", self->payload, load->payload);
        if (!*place)
            setup_die ("dpool_apply_async");
    }
    for (size_t i = n_tasks; i < n_tasks + window; i++)
        take (&self->results[i % window], load->payload);
    return NULL;
}

/* Seconds until all clients have all of their results. */
static double run (client_t *clients, size_t n_clients, size_t n_tasks)
{
    double start = clock_now ();
    for (size_t i = 0; i < n_clients; i++) {
        clients[i].n_tasks = n_tasks * (i + 1) / n_clients - n_tasks * i / n_clients;
        if (pthread_create (&clients[i].thread, NULL, submit_and_take, &clients[i]) != 0)
            die ("pthread_create", "no thread can be had");
    }
    for (size_t i = 0; i < n_clients; i++)
        pthread_join (clients[i].thread, NULL);
    return clock_now () - start;
}

static void open_client (client_t *self, const load_t *load, dpool_t *pool)
{
    self->load = load;
    self->pool = pool;
    self->results = calloc (load->n_tasks / load->n_clients + 1, sizeof (dpool_async_result_t *));
    self->payload = calloc (load->payload + 1, 1);
    if (!self->pool)
        setup_die ("dpool_open");
    if (!self->results || !self->payload)
        die ("load", "out of memory");
}

static void close_client (client_t *self)
{
    free (self->results);
    free (self->payload);
}

double load_run (const load_t *load)
{
    static client_t clients[MAX_CLIENTS];
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.max_unfinished_tasks = load->n_tasks + 1;
    options.max_unfinished_bytes = (size_t) 8 << 30;
    setup_t *setup
        = setup_open_with (load->bind, load->n_workers, load->bind ? &setup_with_room : NULL, &options);
    for (size_t i = 0; i < load->n_clients; i++)
        open_client (&clients[i], load, i == 0 ? setup->pool : dpool_open (setup->endpoint, &options));
    size_t warm_up = load->n_tasks > 50 ? load->n_tasks / 10 < 10000 ? load->n_tasks / 10 : 10000 : 5;
    run (clients, load->n_clients, warm_up);
    double seconds = run (clients, load->n_clients, load->n_tasks);
    for (size_t i = 1; i < load->n_clients; i++)
        dpool_destroy (&clients[i].pool);
    setup_close (setup);
    for (size_t i = 0; i < load->n_clients; i++)
        close_client (&clients[i]);
    return seconds / (double) load->n_tasks * 1e9;
}
