/* SPDX-License-Identifier: MPL-2.0 */
/* Cancelling, and limits of time. */
#include "tests/conformance/conformance.h"

static void cancels_what_is_queued_before_it_runs (void **state)
{
    fixture_t *f = *state;
    const char *never = folder_path (f->folder, "never");
    dpool_async_result_t *running = occupy (f, N_PROCESSES);
    dpool_items_t *items = same_texts (20, never, NULL);
    dpool_async_result_t *map = assert_made (dpool_map_async (f->pool, "touch_file", items, NULL));
    dpool_async_result_t *one = assert_made (dpool_apply_async (f->pool, "touch_file", DPOOL_V (never)));
    assert_ok (dpool_async_result_cancel (map));
    assert_ok (dpool_async_result_cancel (one));
    assert_fails (dpool_async_result_get (one, PATIENCE_MS), DPOOL_ECANCELLED);
    assert_fails (dpool_async_result_get (map, PATIENCE_MS), DPOOL_ECANCELLED);
    for (size_t i = 0; i < 20; i++)
        assert_code (dpool_async_result_error (map, i), DPOOL_ECANCELLED);
    open_gate (f);
    assert_ok (dpool_async_result_get (running, PATIENCE_MS));
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    assert_int_equal (size_of (never), 0);
    dpool_async_result_destroy (&running);
    dpool_async_result_destroy (&map);
    dpool_async_result_destroy (&one);
    dpool_items_destroy (&items);
}

static void kills_what_runs (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = assert_made (dpool_apply_async (f->pool, "spin", DPOOL_V (f->started)));
    long pid;
    wait_for_numbers (f->started, &pid, 1);
    assert_ok (dpool_async_result_cancel (result));
    assert_ok (dpool_async_result_cancel (result));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_EKILLED);
    wait_for_end ((pid_t) pid);
    assert_int_equal (read_numbers (f->started, &pid, 1), 1); /* and it is not tried again */
    dpool_async_result_destroy (&result);
    assert_ok (dpool_wait_workers (f->pool, N_PROCESSES, PATIENCE_MS));
}

static void kills_what_the_task_has_started_too (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (f->pool, "fork_grandchild", DPOOL_V (f->started)));
    long grandchild;
    wait_for_numbers (f->started, &grandchild, 1);
    assert_true (process_lives ((pid_t) grandchild));
    assert_ok (dpool_async_result_cancel (result));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_EKILLED);
    wait_for_end ((pid_t) grandchild);
    dpool_async_result_destroy (&result);
}

/* A function that watches for the cancel ends by itself, and its process lives on. */
static void lets_a_watchful_function_end_by_itself (void **state)
{
    fixture_t *f = *state;
    const char *seen = folder_path (f->folder, "seen");
    dpool_async_result_t *result
        = assert_made (dpool_apply_async (f->pool, "wait_for_cancel", DPOOL_V (f->started, seen)));
    wait_for_size (f->started, 1);
    assert_ok (dpool_async_result_cancel (result));
    wait_for_size (seen, 1);
    int rc = dpool_async_result_get (result, PATIENCE_MS);
    assert_true (rc == 0 || errno == DPOOL_EKILLED); /* its value may come first */
    assert_int_equal (size_of (f->started), 1);
    dpool_async_result_destroy (&result);
}

static void leaves_what_is_finished_as_it_is (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = assert_made (dpool_apply_async (f->pool, "square", DPOOL_V (7)));
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_ok (dpool_async_result_cancel (result));
    assert_ok (dpool_async_result_get (result, 0));
    assert_number (dpool_async_result_value (result, 0), 49);
    dpool_async_result_destroy (&result);
}

static bool is_first_finished (void *result)
{
    return dpool_async_result_value (result, 0) != NULL;
}

/* Of one map: a finished item, running ones, and many that wait. */
static void cancels_the_rest_of_a_map (void **state)
{
    fixture_t *f = *state;
    const char *open = folder_path (f->folder, "open");
    make_file (open);
    dpool_call_options_t options = chunks_of (1);
    dpool_items_t *items = assert_made (dpool_items_new ());
    assert_ok (dpool_items_add (items, "ss", f->started, open));
    for (int i = 1; i < 100; i++)
        assert_ok (dpool_items_add (items, "ss", f->started, f->gate));
    dpool_async_result_t *result
        = assert_made (dpool_map_async (f->pool, "touch_then_wait", items, &options));
    wait_for_size (f->started, 1 + N_PROCESSES);
    assert_true (wait_until (is_first_finished, result));
    assert_ok (dpool_async_result_cancel (result));
    assert_int_equal (dpool_async_result_get (result, PATIENCE_MS), -1);
    assert_non_null (dpool_async_result_value (result, 0));
    int n_killed = 0, n_cancelled = 0;
    for (size_t i = 1; i < 100; i++) {
        const dpool_error_t *error = dpool_async_result_error (result, i);
        assert_non_null (error);
        n_killed += error->code == DPOOL_EKILLED;
        n_cancelled += error->code == DPOOL_ECANCELLED;
    }
    assert_int_equal (n_killed + n_cancelled, 99);
    assert_int_equal (n_killed, N_PROCESSES);
    assert_int_equal (size_of (f->started), 1 + N_PROCESSES);
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static void cancels_what_a_destroyed_result_left_unfinished (void **state)
{
    fixture_t *f = *state;
    const char *never = folder_path (f->folder, "never");
    dpool_async_result_t *running = occupy (f, N_PROCESSES);
    dpool_async_result_t *queued = assert_made (dpool_apply_async (f->pool, "touch_file", DPOOL_V (never)));
    dpool_async_result_destroy (&queued);
    settle (running); /* or a process that is freed could come before the cancel */
    open_gate (f);
    assert_ok (dpool_async_result_get (running, PATIENCE_MS));
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    assert_int_equal (size_of (never), 0);
    dpool_async_result_destroy (&running);
}

static void stops_an_item_at_its_time_limit (void **state)
{
    fixture_t *f = *state;
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.time_limit_ms = 200;
    int64_t start = now_ms ();
    long pids[2];
    dpool_async_result_t *result
        = assert_made (dpool_apply_async_with (f->pool, &options, "spin", DPOOL_V (f->started)));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_ETIMELIMIT);
    assert_true (now_ms () - start >= 200);
    assert_string_equal (dpool_last_error ()->function, "spin");
    assert_string_not_equal (dpool_last_error ()->host, "");
    assert_int_equal (dpool_last_error ()->attempts, 1);
    assert_int_equal (read_numbers (f->started, pids, 2), 1); /* and is not tried again */
    assert_int_equal (dpool_last_error ()->pid, pids[0]);
    wait_for_end ((pid_t) pids[0]);
    dpool_async_result_destroy (&result);
}

/* A process that is stopped is not alive enough to be asked, but ends all the same. */
static void stops_a_stopped_process_at_its_time_limit (void **state)
{
    fixture_t *f = *state;
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.time_limit_ms = 200;
    dpool_async_result_t *result
        = assert_made (dpool_apply_async_with (f->pool, &options, "stop_itself", DPOOL_V (f->started)));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_ETIMELIMIT);
    assert_int_equal (size_of (f->started), 1);
    dpool_async_result_destroy (&result);
    result = assert_made (dpool_apply_async (f->pool, "stop_itself", DPOOL_V (f->started)));
    wait_for_size (f->started, 2);
    assert_ok (dpool_async_result_cancel (result));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_EKILLED);
    dpool_async_result_destroy (&result);
}

/* The limit is of one item's run: not of its chunk, and not of its time in the queue. */
static void limits_the_time_of_each_item_alone (void **state)
{
    fixture_t *f = *state;
    dpool_call_options_t options = chunks_of (5);
    options.time_limit_ms = 2000;
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (int i = 0; i < 5; i++)
        assert_ok (dpool_items_add (items, "d", 0.5));
    dpool_async_result_t *result = assert_made (dpool_map (f->pool, "sleep", items, &options));
    assert_ok (dpool_async_result_get (result, 0));
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static void stops_only_the_item_that_is_over_its_limit (void **state)
{
    fixture_t *f = *state;
    dpool_call_options_t options = chunks_of (3);
    options.time_limit_ms = 500;
    dpool_items_t *items = assert_made (dpool_items_new ());
    assert_ok (dpool_items_add (items, "d", 0.0));
    assert_ok (dpool_items_add (items, "d", 1e6));
    assert_ok (dpool_items_add (items, "d", 0.0));
    dpool_async_result_t *result = assert_made (dpool_map (f->pool, "sleep", items, &options));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_ETIMELIMIT);
    assert_int_equal (dpool_last_error ()->index, 1);
    assert_non_null (dpool_async_result_value (result, 0));
    assert_non_null (dpool_async_result_value (result, 2));
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static const struct CMUnitTest cases[] = {
    CASE (cancels_what_is_queued_before_it_runs),
    CASE (kills_what_runs),
    CASE (kills_what_the_task_has_started_too),
    CASE (lets_a_watchful_function_end_by_itself),
    CASE (leaves_what_is_finished_as_it_is),
    CASE (cancels_the_rest_of_a_map),
    CASE (cancels_what_a_destroyed_result_left_unfinished),
    CASE (stops_an_item_at_its_time_limit),
    CASE (stops_a_stopped_process_at_its_time_limit),
    CASE (limits_the_time_of_each_item_alone),
    CASE (stops_only_the_item_that_is_over_its_limit),
};

THEME (cancel, cases);
