/* SPDX-License-Identifier: MPL-2.0 */
/* The broker dies and does not return: others take over, or the work ends after the time that its user gave.
 */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/wait.h"

enum { N_ITEMS = 30 };

typedef struct fixture_s {
    cluster_t *first, *second; /* brokers; the workers are all of the first */
    char both[256];
    folder_t *folder;
    const char *started, *gate;
} fixture_t;

static int set_up (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->folder = folder_new ();
    self->started = folder_path (self->folder, "started");
    self->gate = folder_path (self->folder, "gate");
    self->first = cluster_new (NULL);
    self->second = cluster_new (NULL);
    snprintf (self->both, sizeof self->both, "%s,%s", cluster_endpoint (self->first),
              cluster_endpoint (self->second));
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    cluster_destroy (&self->first);
    cluster_destroy (&self->second);
    folder_destroy (&self->folder);
    free (self);
    return 0;
}

static dpool_async_result_t *start_many (fixture_t *f, dpool_t *pool, bool is_at_most_once)
{
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.at_most_once = is_at_most_once;
    options.chunk_size = 1;
    int64_t n_before = size_of (f->started);
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (int i = 0; i < N_ITEMS; i++)
        assert_ok (dpool_items_add (items, "ss", f->started, f->gate));
    dpool_async_result_t *result = assert_made (dpool_map_async (pool, "touch_then_wait", items, &options));
    dpool_items_destroy (&items);
    wait_for_size (f->started, n_before + 2);
    return result;
}

/* Neither a port that is closed nor a name that is gone with its host keeps one from the broker that is
 * there. */
static void opens_with_the_broker_that_is_there (void **state)
{
    fixture_t *f = *state;
    char endpoints[512];
    snprintf (endpoints, sizeof endpoints, "tcp://nowhere.invalid:5555,tcp://127.0.0.1:9,%s",
              cluster_endpoint (f->second));
    dpool_t *pool = assert_opens (endpoints);
    dpool_destroy (&pool);
}

/* It aborts, as libzmq does when one of its assertions fails. What ran there runs on, and is run at the
   second one too: the first value counts. */
static void the_second_broker_takes_over_from_one_that_aborts (void **state)
{
    fixture_t *f = *state;
    cluster_add_worker_at (f->first, f->both, 2, "worker");
    dpool_t *pool = assert_opens (f->both);
    dpool_async_result_t *result = start_many (f, pool, false);
    process_signal (cluster_broker (f->first), SIGABRT);
    process_wait (cluster_broker (f->first));
    make_file (f->gate);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_in_range (size_of (f->started), N_ITEMS, N_ITEMS + 2); /* only what ran may run twice */
    assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (3)));
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
}

static void at_most_once_is_kept_over_a_change_of_the_broker (void **state)
{
    fixture_t *f = *state;
    cluster_add_worker_at (f->first, f->both, 2, "worker");
    dpool_t *pool = assert_opens (f->both);
    dpool_async_result_t *result = start_many (f, pool, true);
    process_signal (cluster_broker (f->first), SIGKILL);
    make_file (f->gate);
    dpool_async_result_wait (result, PATIENCE_MS);
    int64_t n_values = 0;
    for (size_t i = 0; i < N_ITEMS; i++) {
        const dpool_error_t *error = dpool_async_result_error (result, i);
        n_values += error == NULL;
        if (error != NULL)
            assert_code (error, DPOOL_ELOST);
    }
    assert_in_range (size_of (f->started), n_values, N_ITEMS);
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
}

/* It gives back what has not started, and what has is adopted. */
static void not_even_at_most_once_is_lost_when_the_broker_ends_as_planned (void **state)
{
    fixture_t *f = *state;
    cluster_add_worker (f->first, 2, NULL, "worker");
    dpool_t *pool = assert_opens (cluster_endpoint (f->first));
    dpool_async_result_t *result = start_many (f, pool, true);
    process_signal (cluster_broker (f->first), SIGTERM);
    assert_int_equal (process_wait (cluster_broker (f->first)), 0);
    cluster_restart_broker (f->first);
    make_file (f->gate);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_int_equal (size_of (f->started), N_ITEMS);
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
}

/* A thread that calls without a pause, so that it runs the pool most of the time. */
typedef struct caller_s {
    pthread_t thread;
    dpool_t *pool;
    atomic_bool is_over;
    atomic_int n_calls;
    int n_awaited;
    int code; /* errno of a call that failed, or 0 */
} caller_t;

static void *call_on (void *argument)
{
    caller_t *self = argument;
    while (!atomic_load (&self->is_over) && self->code == 0) {
        if (dpool_apply (self->pool, NULL, "square", DPOOL_V (3)) < 0)
            self->code = errno;
        atomic_fetch_add (&self->n_calls, 1);
    }
    return NULL;
}

static bool has_called (void *argument)
{
    caller_t *self = argument;
    return atomic_load (&self->n_calls) >= self->n_awaited;
}

static void wait_for_calls (caller_t *caller, int n)
{
    caller->n_awaited = atomic_load (&caller->n_calls) + n;
    assert_true (wait_until (has_called, caller));
}

/* Whoever runs the loop when the connection breaks: the caller, in the middle of a call or between two, or
   the pool's own thread. Its stack is as small as dpool.h allows. */
static void a_caller_goes_on_when_the_broker_is_restarted (void **state)
{
    fixture_t *f = *state;
    cluster_add_worker (f->first, 2, NULL, "worker");
    caller_t caller = { .pool = assert_made (dpool_open (cluster_endpoint (f->first), NULL)) };
    pthread_attr_t attributes;
    pthread_attr_init (&attributes);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they need more */
    assert_int_equal (pthread_attr_setstacksize (&attributes, 64 << 10), 0);
#endif
    assert_int_equal (pthread_create (&caller.thread, &attributes, call_on, &caller), 0);
    pthread_attr_destroy (&attributes);
    for (int i = 0; i < 3; i++) {
        wait_for_calls (&caller, 20);
        cluster_restart_broker (f->first);
    }
    wait_for_calls (&caller, 20);
    atomic_store (&caller.is_over, true);
    pthread_join (caller.thread, NULL);
    assert_int_equal (caller.code, 0);
    dpool_destroy (&caller.pool);
}

/* Nothing else is unfinished, and nobody waits for ever. */
static void work_ends_when_no_broker_returns_in_time (void **state)
{
    fixture_t *f = *state;
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.broker_timeout_ms = 1500;
    cluster_add_worker (f->first, 2, NULL, "worker");
    dpool_t *pool = assert_made (dpool_open (cluster_endpoint (f->first), &options));
    dpool_async_result_t *result = start_many (f, pool, false);
    int64_t start = now_ms ();
    process_signal (cluster_broker (f->first), SIGKILL);
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_EBROKERLOST);
    int64_t waited_ms = now_ms () - start;
    print_message ("           after %lld ms of 1500\n", (long long) waited_ms);
    assert_true (waited_ms >= 1490);
    for (size_t i = 0; i < N_ITEMS; i++)
        assert_code (dpool_async_result_error (result, i), DPOOL_EBROKERLOST);
    assert_fails (dpool_apply (pool, NULL, "square", DPOOL_V (3)), DPOOL_EBROKERLOST);
    cluster_restart_broker (f->first);
    assert_ok (dpool_wait_workers (pool, 2, PATIENCE_MS)); /* the pool is as good as ever */
    make_file (f->gate);
    assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (3)));
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
}

/* Whatever the broker does, and though tasks run and wait: nobody waits for what it would say. */
static void a_pool_is_destroyed_without_its_broker (void **state)
{
    fixture_t *f = *state;
    static const struct {
        const char *name;
        int signal;
    } rows[] = { { "serves", 0 }, { "stands still", SIGSTOP }, { "is gone", SIGKILL } };
    cluster_add_worker (f->first, 2, NULL, "worker");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dpool_t *pool = assert_opens (cluster_endpoint (f->first));
        dpool_async_result_t *result = start_many (f, pool, false);
        if (rows[i].signal != 0)
            process_signal (cluster_broker (f->first), rows[i].signal);
        int64_t start = now_ms ();
        assert_ok (dpool_terminate (pool));
        assert_fails (dpool_async_result_get (result, 0), DPOOL_ETERMINATED); /* it does not wait at all */
        assert_ok (dpool_join (pool, PATIENCE_MS));
        dpool_destroy (&pool);
        print_message ("           the broker %s: destroyed after %lld ms\n", rows[i].name,
                       (long long) (now_ms () - start));
        dpool_async_result_destroy (&result);
        if (rows[i].signal == SIGSTOP)
            process_signal (cluster_broker (f->first), SIGCONT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        TEST (opens_with_the_broker_that_is_there),
        TEST (the_second_broker_takes_over_from_one_that_aborts),
        TEST (at_most_once_is_kept_over_a_change_of_the_broker),
        TEST (not_even_at_most_once_is_lost_when_the_broker_ends_as_planned),
        TEST (a_caller_goes_on_when_the_broker_is_restarted),
        TEST (a_pool_is_destroyed_without_its_broker),
        TEST (work_ends_when_no_broker_returns_in_time),
    };
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
