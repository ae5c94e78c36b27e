/* SPDX-License-Identifier: MPL-2.0 */
/* close, join, terminate and destroy. */
#include "tests/conformance/conformance.h"

static void assert_refuses_work (fixture_t *f, int code)
{
    counter_t counter = COUNTER_TO (1);
    dpool_items_t *items = numbers_from (0, 1);
    dpool_value_t *value;
    assert_fails (dpool_apply (f->pool, &value, "square", DPOOL_V (1)), code);
    assert_null (value);
    assert_not_made (dpool_apply_async (f->pool, "square", DPOOL_V (1)), code);
    assert_not_made (dpool_map (f->pool, "square", items, NULL), code);
    assert_not_made (dpool_map_async (f->pool, "square", items, NULL), code);
    assert_not_made (dpool_imap (f->pool, "square", counter_source (&counter), NULL), code);
    assert_not_made (dpool_imap_unordered (f->pool, "square", counter_source (&counter), NULL), code);
    dpool_items_destroy (&items);
}

static void joins_only_what_is_closed (void **state)
{
    fixture_t *f = *state;
    assert_fails (dpool_join (f->pool, 0), EINVAL);
    assert_says ("dpool_close");
    assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (1))); /* it goes on as before */
}

static void refuses_work_after_close (void **state)
{
    fixture_t *f = *state;
    assert_ok (dpool_close (f->pool));
    assert_refuses_work (f, DPOOL_ECLOSED);
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    assert_refuses_work (f, DPOOL_ECLOSED);
}

/* test_context, test_enter: whatever ended it, it takes nothing more. */
static void refuses_work_after_terminate (void **state)
{
    fixture_t *f = *state;
    assert_ok (dpool_terminate (f->pool));
    assert_int_equal (dpool_apply (f->pool, NULL, "square", DPOOL_V (1)), -1);
    assert_true (errno == DPOOL_ECLOSED || errno == DPOOL_ETERMINATED);
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
}

static void finishes_what_was_submitted_before_close (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = same_texts (50, f->started, NULL);
    dpool_call_options_t options = chunks_of (1);
    dpool_async_result_t *gated = occupy (f, N_PROCESSES);
    dpool_async_result_t *result = assert_made (dpool_map_async (f->pool, "touch_file", items, &options));
    assert_ok (dpool_close (f->pool));
    assert_fails (dpool_join (f->pool, 0), ETIMEDOUT);
    assert_fails (dpool_join (f->pool, 50), ETIMEDOUT);
    open_gate (f);
    assert_ok (dpool_join (f->pool, -1));
    assert_true (dpool_async_result_ready (gated));
    assert_ok (dpool_async_result_get (result, 0));
    assert_int_equal (size_of (f->started), N_PROCESSES + 50);
    dpool_async_result_destroy (&gated);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static void takes_every_order_of_close_join_and_terminate (void **state)
{
    fixture_t *f = *state;
    dpool_t *pool = another_pool (f, NULL);
    assert_ok (dpool_close (pool));
    assert_ok (dpool_close (pool));
    assert_ok (dpool_join (pool, PATIENCE_MS));
    assert_ok (dpool_join (pool, PATIENCE_MS));
    assert_ok (dpool_terminate (pool));
    assert_ok (dpool_close (pool));
    assert_ok (dpool_join (pool, PATIENCE_MS));
    dpool_destroy (&pool);

    pool = another_pool (f, NULL);
    assert_ok (dpool_terminate (pool));
    assert_ok (dpool_terminate (pool));
    assert_ok (dpool_close (pool));
    assert_ok (dpool_join (pool, PATIENCE_MS));
    dpool_destroy (&pool);
}

/* test_terminate: 10,000 very long tasks. Better than the reference: they end, with an error. */
static void terminates_at_once_with_ten_thousand_tasks_queued (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (int i = 0; i < 10000; i++)
        assert_ok (dpool_items_add (items, "d", 1e6));
    dpool_async_result_t *result = assert_made (dpool_map_async (f->pool, "sleep", items, NULL));
    assert_ok (dpool_terminate (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_ETERMINATED);
    assert_int_equal (dpool_last_error ()->index, 0);
    assert_true (dpool_async_result_ready (result));
    assert_code (dpool_async_result_error (result, 9999), DPOOL_ETERMINATED);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static void keeps_what_was_finished_before_terminate (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *finished = assert_made (dpool_apply_async (f->pool, "square", DPOOL_V (6)));
    dpool_async_result_t *running = occupy (f, 1);
    assert_ok (dpool_async_result_wait (finished, PATIENCE_MS));
    assert_ok (dpool_terminate (f->pool));
    assert_fails (dpool_async_result_get (running, PATIENCE_MS), DPOOL_ETERMINATED);
    assert_ok (dpool_async_result_get (finished, 0));
    assert_number (dpool_async_result_value (finished, 0), 36);
    dpool_async_result_destroy (&finished);
    dpool_async_result_destroy (&running);
}

static void *wait_for_result (void *result)
{
    int rc = dpool_async_result_get (result, PATIENCE_MS);
    return (void *) (intptr_t) (rc < 0 ? errno : 0);
}

static void wakes_a_waiting_thread_when_it_is_destroyed (void **state)
{
    fixture_t *f = *state;
    pthread_t thread;
    void *code;
    dpool_async_result_t *result = occupy (f, 1);
    assert_int_equal (pthread_create (&thread, NULL, wait_for_result, result), 0);
    dpool_destroy (&f->pool);
    pthread_join (thread, &code);
    assert_int_equal ((intptr_t) code, DPOOL_ETERMINATED);
    dpool_async_result_destroy (&result);
    f->pool = another_pool (f, NULL);
}

/* Running tasks are killed: they do not go on behind the back of a program that ended its pool. */
static void kills_what_runs_when_it_is_terminated (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = assert_made (dpool_apply_async (f->pool, "spin", DPOOL_V (f->started)));
    long pid;
    wait_for_numbers (f->started, &pid, 1);
    assert_ok (dpool_terminate (f->pool));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_ETERMINATED);
    wait_for_end ((pid_t) pid);
    dpool_async_result_destroy (&result);
}

static void waits_for_detached_work_when_it_joins (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = occupy (f, 2);
    dpool_async_result_detach (&result);
    assert_ok (dpool_close (f->pool));
    assert_fails (dpool_join (f->pool, 0), ETIMEDOUT); /* it waits for that too */
    open_gate (f);
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
}

static const struct CMUnitTest cases[] = {
    CASE (joins_only_what_is_closed),
    CASE (refuses_work_after_close),
    CASE (refuses_work_after_terminate),
    CASE (finishes_what_was_submitted_before_close),
    CASE (takes_every_order_of_close_join_and_terminate),
    CASE (terminates_at_once_with_ten_thousand_tasks_queued),
    CASE (keeps_what_was_finished_before_terminate),
    CASE (wakes_a_waiting_thread_when_it_is_destroyed),
    CASE (kills_what_runs_when_it_is_terminated),
    CASE (waits_for_detached_work_when_it_joins),
};

THEME (shutdown, cases);
