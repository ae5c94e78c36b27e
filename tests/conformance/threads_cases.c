/* SPDX-License-Identifier: MPL-2.0 */
/* One pool in several threads. Asserts end only the test's own thread, so the others count their faults. */
#include "tests/conformance/conformance.h"

#include <poll.h>

typedef struct client_s {
    dpool_t *pool;
    int64_t first;
    int n_faults;
} client_t;

static bool is_square (const dpool_value_t *value, int64_t x)
{
    int64_t got;
    return value && dpool_value_get (value, "l", &got) == 0 && got == x * x;
}

static void *call_in_every_way (void *argument)
{
    client_t *self = argument;
    for (int64_t x = self->first; x < self->first + 100; x++) {
        dpool_value_t *value;
        if (dpool_apply (self->pool, &value, "square", "l", x) < 0 || !is_square (value, x))
            self->n_faults++;
        dpool_value_destroy (&value);
        if (dpool_apply (self->pool, NULL, "fail_with", "is", (int) x, "no") != -1
            || dpool_last_error ()->user_code != (int) x)
            self->n_faults++;
    }
    dpool_items_t *items = dpool_items_new ();
    for (int64_t x = self->first; x < self->first + 500; x++)
        dpool_items_add (items, "l", x);
    dpool_async_result_t *result = dpool_map (self->pool, "square", items, NULL);
    dpool_imap_t *imap = dpool_imap (self->pool, "square", dpool_source_from_items (items), NULL);
    for (size_t i = 0; i < 500; i++) {
        const dpool_value_t *value = NULL;
        int64_t x = self->first + (int64_t) i;
        if (!is_square (dpool_async_result_value (result, i), x))
            self->n_faults++;
        if (dpool_imap_next (imap, &value, PATIENCE_MS) != 1 || !is_square (value, x))
            self->n_faults++;
    }
    dpool_async_result_destroy (&result);
    dpool_imap_destroy (&imap);
    dpool_items_destroy (&items);
    return NULL;
}

static void serves_threads_side_by_side (void **state)
{
    fixture_t *f = *state;
    enum { N = 4 };
    pthread_t threads[N];
    client_t clients[N];
    for (int i = 0; i < N; i++) {
        clients[i] = (client_t) { f->pool, 1000 * i, 0 };
        assert_int_equal (pthread_create (&threads[i], NULL, call_in_every_way, &clients[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        pthread_join (threads[i], NULL);
        assert_int_equal (clients[i].n_faults, 0);
    }
}

static void *wait_for_it (void *result)
{
    return dpool_async_result_get (result, PATIENCE_MS) == 0 ? NULL : result;
}

static void wakes_all_threads_that_wait_for_one_result (void **state)
{
    fixture_t *f = *state;
    enum { N = 4 };
    pthread_t threads[N];
    dpool_async_result_t *result = occupy (f, 1);
    for (int i = 0; i < N; i++)
        assert_int_equal (pthread_create (&threads[i], NULL, wait_for_it, result), 0);
    open_gate (f);
    for (int i = 0; i < N; i++) {
        void *fault;
        pthread_join (threads[i], &fault);
        assert_null (fault);
    }
    dpool_async_result_destroy (&result);
}

/* Threads that submit while another one closes: each call either works or is refused, and join has an end. */
static void *submit_until_refused (void *argument)
{
    client_t *self = argument;
    dpool_value_t *value;
    while (dpool_apply (self->pool, &value, "square", "l", self->first) == 0) {
        self->n_faults += !is_square (value, self->first);
        dpool_value_destroy (&value);
    }
    self->n_faults += errno != DPOOL_ECLOSED;
    return NULL;
}

static void closes_while_threads_submit (void **state)
{
    fixture_t *f = *state;
    enum { N = 3 };
    pthread_t threads[N];
    client_t clients[N];
    for (int i = 0; i < N; i++) {
        clients[i] = (client_t) { f->pool, i, 0 };
        assert_int_equal (pthread_create (&threads[i], NULL, submit_until_refused, &clients[i]), 0);
    }
    for (int i = 0; i < 20; i++)
        assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (i)));
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    for (int i = 0; i < N; i++) {
        pthread_join (threads[i], NULL);
        assert_int_equal (clients[i].n_faults, 0);
    }
}

static void *open_and_use (void *argument)
{
    const fixture_t *f = argument;
    dpool_options_t options = pool_options ();
    options.processes = 1;
    for (int i = 0; i < 3; i++) {
        dpool_t *pool = dpool_open (f->endpoint, &options);
        if (!pool || dpool_apply (pool, NULL, "square", DPOOL_V (i)) < 0)
            return argument;
        dpool_destroy (&pool);
    }
    return NULL;
}

static void opens_pools_in_several_threads (void **state)
{
    enum { N = 4 };
    pthread_t threads[N];
    for (int i = 0; i < N; i++)
        assert_int_equal (pthread_create (&threads[i], NULL, open_and_use, *state), 0);
    for (int i = 0; i < N; i++) {
        void *fault;
        pthread_join (threads[i], &fault);
        assert_null (fault);
    }
}

static void *wait_for_sleep (void *argument)
{
    client_t *self = argument;
    if (dpool_apply (self->pool, NULL, "sleep", DPOOL_V (0.01)) < 0)
        self->n_faults++;
    return NULL;
}

/* Who waits for the only call may run the pool meanwhile: it serves the calls of others, and what they still
   wait for when its own is finished is served without it. */
static void serves_others_while_one_waits (void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        client_t client = { f->pool, 0, 0 };
        assert_int_equal (pthread_create (&thread, NULL, wait_for_sleep, &client), 0);
        assert_ok (dpool_apply (f->pool, NULL, "sleep", DPOOL_V (i % 2 == 0 ? 0.02 : 0.001)));
        pthread_join (thread, NULL);
        assert_int_equal (client.n_faults, 0);
    }
}

/* After a call that was waited for: one that nobody waits for but by its descriptor. */
static void finishes_calls_that_nobody_waits_for (void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 20; i++) {
        dpool_async_result_t *result = assert_made (dpool_apply_async (f->pool, "sleep", DPOOL_V (0.01)));
        assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (i)));
        struct pollfd item = { dpool_async_result_fd (result), POLLIN, 0 };
        assert_int_equal (poll (&item, 1, PATIENCE_MS), 1);
        assert_ok (dpool_async_result_get (result, 0));
        dpool_async_result_destroy (&result);
        assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (i)));
    }
}

static const struct CMUnitTest cases[] = {
    CASE (serves_threads_side_by_side),   CASE (wakes_all_threads_that_wait_for_one_result),
    CASE (closes_while_threads_submit),   CASE (opens_pools_in_several_threads),
    CASE (serves_others_while_one_waits), CASE (finishes_calls_that_nobody_waits_for),
};

THEME (threads, cases);
