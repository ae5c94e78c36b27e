/* SPDX-License-Identifier: MPL-2.0 */
/* Processes that die under their task. In the reference such a task never ends; here it is tried again,
   then ends with an error that tells all. */
#include "tests/conformance/conformance.h"

static void tells_how_the_process_died (void **state)
{
    fixture_t *f = *state;
    assert_fails (dpool_apply (f->pool, NULL, "crash", DPOOL_V (SIGKILL)), DPOOL_ECRASHED);
    const dpool_error_t *error = dpool_last_error ();
    assert_int_equal (error->signal, SIGKILL);
    assert_int_equal (error->exit_status, 0);
    assert_int_equal (error->attempts, 3); /* once, and two retries */
    assert_int_equal (error->index, 0);
    assert_true (error->pid > 0);
    assert_false (error->out_of_memory);
    assert_string_not_equal (error->host, "");
    assert_string_equal (error->function, "crash");
    assert_contains (error->message, "signal 9");
    assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (2))); /* the process was replaced */
    assert_ok (dpool_wait_workers (f->pool, N_PROCESSES, PATIENCE_MS));
}

static void tells_an_exit_from_a_signal (void **state)
{
    fixture_t *f = *state;
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.max_retries = 0;
    static const int statuses[] = { 3, 0 }; /* an exit with 0 is no success either */
    for (size_t i = 0; i < 2; i++) {
        dpool_async_result_t *result
            = assert_made (dpool_apply_async_with (f->pool, &options, "exit_with", DPOOL_V (statuses[i])));
        assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_ECRASHED);
        const dpool_error_t *error = dpool_async_result_error (result, 0);
        assert_code (error, DPOOL_ECRASHED);
        assert_int_equal (error->signal, 0);
        assert_int_equal (error->exit_status, statuses[i]);
        assert_int_equal (error->attempts, 1);
        dpool_async_result_destroy (&result);
    }
}

static void keeps_the_last_words_of_the_process (void **state)
{
    fixture_t *f = *state;
    assert_fails (dpool_apply (f->pool, NULL, "write_stderr_then_crash", DPOOL_V ("model.c:88: bad state")),
                  DPOOL_ECRASHED);
    assert_int_equal (dpool_last_error ()->signal, SIGABRT);
    assert_contains (dpool_last_error ()->stderr_tail, "model.c:88: bad state");
}

static void keeps_the_last_4_KiB_of_what_the_process_wrote (void **state)
{
    fixture_t *f = *state;
    assert_fails (dpool_apply (f->pool, NULL, "write_much_stderr_then_crash", DPOOL_V (5000)),
                  DPOOL_ECRASHED);
    const char *tail = dpool_last_error ()->stderr_tail;
    size_t length = strlen (tail);
    assert_in_range (length, 4000, 4096);
    assert_string_equal (tail + length - 16, "line       5000\n");
    assert_contains (tail, "line       4760\n");
}

static void tells_what_the_process_used (void **state)
{
    fixture_t *f = *state;
    enum { MEMORY = 48 << 20, CPU_MS = 50 };
    assert_fails (dpool_apply (f->pool, NULL, "work_then_crash", "uu", (uint64_t) MEMORY, (uint64_t) CPU_MS),
                  DPOOL_ECRASHED);
    assert_true (dpool_last_error ()->peak_memory_bytes >= MEMORY);
    assert_true (dpool_last_error ()->cpu_time_us >= CPU_MS * 1000);
}

static void lists_every_attempt (void **state)
{
    fixture_t *f = *state;
    unsigned attempts[2];
    long pids[2], last;
    assert_fails (dpool_apply (f->pool, NULL, "crash", DPOOL_V (SIGSEGV)), DPOOL_ECRASHED);
    last = dpool_last_error ()->pid;
    const char *history = dpool_last_error ()->history, *second = strchr (history, '\n');
    assert_non_null (second);
    assert_int_equal (sscanf (history, "attempt %u: %*[^(](%*[^(](pid %ld", &attempts[0], &pids[0]), 2);
    assert_int_equal (sscanf (second, " attempt %u: %*[^(](%*[^(](pid %ld", &attempts[1], &pids[1]), 2);
    assert_int_equal (attempts[0], 1);
    assert_int_equal (attempts[1], 2);
    assert_true (pids[0] > 0 && pids[0] != pids[1] && pids[1] != last);
    assert_contains (second, "signal 11 (Segmentation fault)");
    assert_contains (second, dpool_last_error ()->host);
    assert_fails (dpool_apply (f->pool, NULL, "fail_with", "is", 3, "no"), DPOOL_EFAILED);
    assert_string_equal (dpool_last_error ()->history, "");
}

static void tries_a_crashed_task_again (void **state)
{
    fixture_t *f = *state;
    dpool_value_t *value;
    assert_ok (dpool_apply (f->pool, &value, "crash_once", DPOOL_V (f->started)));
    assert_number (value, 2);
    dpool_value_destroy (&value);
}

static void tries_as_often_as_asked (void **state)
{
    fixture_t *f = *state;
    static const int retries[] = { 0, 1, 4 };
    int64_t n_runs = 0;
    for (size_t i = 0; i < sizeof retries / sizeof retries[0]; i++) {
        dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
        options.max_retries = retries[i];
        dpool_async_result_t *result = assert_made (
            dpool_apply_async_with (f->pool, &options, "count_then_crash", DPOOL_V (f->started)));
        assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_ECRASHED);
        assert_int_equal (dpool_last_error ()->attempts, retries[i] + 1);
        dpool_async_result_destroy (&result);
        n_runs += retries[i] + 1;
        assert_int_equal (size_of (f->started), n_runs);
    }
}

static void never_runs_twice_what_may_run_at_most_once (void **state)
{
    fixture_t *f = *state;
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.at_most_once = true;
    for (int i = 1; i <= 5; i++) {
        dpool_async_result_t *result = assert_made (
            dpool_apply_async_with (f->pool, &options, "count_then_crash", DPOOL_V (f->started)));
        assert_int_equal (dpool_async_result_get (result, PATIENCE_MS), -1);
        assert_true (errno == DPOOL_ECRASHED || errno == DPOOL_ELOST);
        assert_int_equal (size_of (f->started), i);
        dpool_async_result_destroy (&result);
    }
}

/* A crash costs the one item that did it, whatever the chunk. */
static void blames_only_the_item_that_crashed (void **state)
{
    fixture_t *f = *state;
    static const size_t sizes[] = { 0, 1, 5, 20 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        dpool_call_options_t options = chunks_of (sizes[i]);
        dpool_items_t *items = numbers_from (0, 20);
        dpool_async_result_t *result = assert_made (dpool_map (f->pool, "crash_at_three", items, &options));
        assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_ECRASHED);
        assert_int_equal (dpool_last_error ()->index, 3);
        assert_int_equal (dpool_last_error ()->attempts, 3);
        for (size_t j = 0; j < 20; j++) {
            if (j != 3)
                assert_number (dpool_async_result_value (result, j), (int64_t) j);
        }
        dpool_async_result_destroy (&result);
        dpool_items_destroy (&items);
    }
}

/* A chunk whose first run crashes at its second item: the first item's result is kept. */
static void keeps_the_results_before_a_crash_in_its_chunk (void **state)
{
    fixture_t *f = *state;
    dpool_call_options_t options = chunks_of (3);
    dpool_items_t *items = assert_made (dpool_items_new ());
    const char *marker = folder_path (f->folder, "marker");
    assert_ok (dpool_items_add (items, "ss", f->started, marker));
    assert_ok (dpool_items_add (items, "ss", "", marker));
    assert_ok (dpool_items_add (items, "ss", f->started, marker));
    dpool_async_result_t *result = assert_made (dpool_map (f->pool, "touch_or_crash_once", items, &options));
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_number (dpool_async_result_value (result, 0), 1);
    assert_number (dpool_async_result_value (result, 1), 2);
    assert_number (dpool_async_result_value (result, 2), 1);
    assert_int_equal (size_of (f->started), 2); /* each ran once to its end */
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

/* kill -9 from outside, in mid-task: the task is run again at once, by another process. */
static void survives_the_kill_of_a_process_in_mid_task (void **state)
{
    fixture_t *f = *state;
    dpool_async_result_t *result = assert_made (dpool_apply_async (f->pool, "spin", DPOOL_V (f->started)));
    long pids[2];
    wait_for_numbers (f->started, pids, 1);
    assert_int_equal (kill ((pid_t) pids[0], SIGKILL), 0);
    wait_for_numbers (f->started, pids, 2);
    assert_int_not_equal (pids[0], pids[1]);
    assert_false (dpool_async_result_ready (result));
    dpool_async_result_destroy (&result);
}

static void outlives_many_crashes_in_a_row (void **state)
{
    fixture_t *f = *state;
    dpool_call_options_t options = chunks_of (1);
    options.max_retries = 0;
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (int i = 0; i < 30; i++)
        assert_ok (dpool_items_add (items, DPOOL_V (i % 2 ? SIGKILL : SIGABRT)));
    dpool_async_result_t *result = assert_made (dpool_map (f->pool, "crash", items, &options));
    for (size_t i = 0; i < 30; i++) {
        assert_code (dpool_async_result_error (result, i), DPOOL_ECRASHED);
        assert_int_equal (dpool_async_result_error (result, i)->signal, i % 2 ? SIGKILL : SIGABRT);
        assert_int_equal (dpool_async_result_error (result, i)->index, i);
    }
    assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (2)));
    dpool_async_result_destroy (&result);
    dpool_items_destroy (&items);
}

static const struct CMUnitTest cases[] = {
    CASE (tells_how_the_process_died),
    CASE (tells_an_exit_from_a_signal),
    CASE (keeps_the_last_words_of_the_process),
    CASE (keeps_the_last_4_KiB_of_what_the_process_wrote),
    CASE (tells_what_the_process_used),
    CASE (lists_every_attempt),
    CASE (tries_a_crashed_task_again),
    CASE (tries_as_often_as_asked),
    CASE (never_runs_twice_what_may_run_at_most_once),
    CASE (blames_only_the_item_that_crashed),
    CASE (keeps_the_results_before_a_crash_in_its_chunk),
    CASE (survives_the_kill_of_a_process_in_mid_task),
    CASE (outlives_many_crashes_in_a_row),
};

THEME (crash, cases);
